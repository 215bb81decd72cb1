//! What an mpmc channel promises, case by case.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use heist_sync::mpmc::{self, RecvError, SendError, TryRecvError, TrySendError};
use support::{Hand, block_on};

#[test]
fn each_value_goes_to_one_receiver_in_the_order_of_waiting() {
    let (sender, first) = mpmc::unbounded();
    let second = first.clone();
    assert_eq!((sender.receiver_count(), sender.capacity()), (2, None));
    let mut waiting = [Hand::waiting(second.recv()), Hand::waiting(first.recv())];
    sender.try_send(1).unwrap();
    assert_eq!((waiting[0].wakes(), waiting[1].wakes()), (1, 0));
    sender.try_send(2).unwrap();
    assert_eq!((waiting[0].poll(), waiting[1].poll()), (Poll::Ready(Ok(1)), Poll::Ready(Ok(2))));
}

#[test]
fn a_full_channel_lets_senders_wait() {
    let (sender, receiver) = mpmc::bounded(1);
    sender.try_send(1).unwrap();
    assert_eq!((sender.try_send(2), sender.is_full()), (Err(TrySendError::Full(2)), true));
    let mut first = Hand::waiting(sender.send(2));
    let mut second = Hand::waiting(sender.send(3));
    assert_eq!(receiver.try_recv(), Ok(1));
    first.cancel();
    assert_eq!((second.wakes(), second.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(3), Err(TryRecvError::Empty)));
}

#[test]
fn a_cancelled_receive_passes_its_turn_on() {
    let (sender, receiver) = mpmc::bounded(4);
    let mut first = Hand::waiting(receiver.recv());
    let mut second = Hand::waiting(receiver.recv());
    sender.try_send(1).unwrap();
    first.cancel();
    assert_eq!((first.wakers_kept(), second.wakes(), second.poll()), (0, 1, Poll::Ready(Ok(1))));
}

#[test]
fn the_channel_ends_with_its_last_sender_after_the_last_value() {
    let (sender, receiver) = mpmc::unbounded();
    let second = sender.clone();
    drop(sender);
    second.try_send(1).unwrap();
    drop(second);
    assert!(receiver.is_closed());
    assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Ok(1), Err(RecvError)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn the_last_receiver_fails_the_senders_and_drops_what_is_left() {
    let value = Arc::new(());
    let (sender, receiver) = mpmc::bounded(1);
    let second = receiver.clone();
    sender.try_send(value.clone()).unwrap();
    let mut waiting = Hand::waiting(sender.send(value.clone()));
    drop(receiver);
    assert_eq!(waiting.wakes(), 0);
    drop(second);
    assert_eq!(waiting.wakes(), 1);
    assert!(matches!(waiting.poll(), Poll::Ready(Err(SendError(_)))));
    assert!(sender.blocking_send(value.clone()).is_err());
    drop(waiting);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn close_lets_the_values_out() {
    let (sender, receiver) = mpmc::bounded(2);
    sender.try_send(1).unwrap();
    sender.close();
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    let mut values = Box::pin(receiver.stream());
    let mut next = || values.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
    assert_eq!((next(), next()), (Poll::Ready(Some(1)), Poll::Ready(None)));
}

/// Two senders and two receivers on threads; some of their futures are given up: each value comes out once.
#[test]
fn stress_each_value_comes_once() {
    const EACH: usize = 10_000;
    let (sender, receiver) = mpmc::bounded(3);
    let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..2 * EACH).map(|_| AtomicUsize::new(0)).collect());
    let senders = [0, 1].map(|number| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for value in number * EACH..(number + 1) * EACH {
                // Begun, perhaps promised a slot, and given up where it has to wait: then sent in earnest.
                let mut send = Hand::new(sender.send(value));
                if send.poll().is_pending() {
                    send.cancel();
                    block_on(sender.send(value)).unwrap();
                }
            }
        })
    });
    drop(sender);
    let receivers = [receiver.clone(), receiver].map(|receiver| {
        let seen = seen.clone();
        std::thread::spawn(move || {
            loop {
                let mut impatient = Hand::new(receiver.recv());
                let value = match impatient.poll() {
                    Poll::Ready(value) => value,
                    Poll::Pending => {
                        impatient.cancel();
                        block_on(receiver.recv())
                    }
                };
                let Ok(value) = value else { return };
                seen[value].fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    assert!(seen.iter().all(|count| count.load(Ordering::SeqCst) == 1), "each value once");
}
