//! The channel for one value.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::task::Poll;

use heist_sync::oneshot::{RecvError, TryRecvError, channel};
use support::{Hand, block_on};

#[test]
fn a_value_sent_before_the_receiver_looks() {
    let (sender, receiver) = channel();
    sender.send(5).unwrap();
    assert_eq!(block_on(receiver), Ok(5));
}

#[test]
fn a_value_sent_to_a_receiver_that_waits() {
    let (sender, receiver) = channel();
    let mut receiver = Hand::waiting(receiver);
    assert!(receiver.poll().is_pending());
    sender.send(5).unwrap();
    assert_eq!((receiver.wakes(), receiver.poll(), receiver.wakers_kept()), (1, Poll::Ready(Ok(5)), 0));
}

#[test]
fn a_sender_that_is_dropped_wakes_with_an_error() {
    let (sender, receiver) = channel::<i32>();
    let mut receiver = Hand::waiting(receiver);
    drop(sender);
    assert_eq!((receiver.wakes(), receiver.poll()), (1, Poll::Ready(Err(RecvError))));
}

#[test]
fn the_value_comes_back_when_the_receiver_is_gone() {
    let (sender, receiver) = channel();
    assert!(!sender.is_closed());
    let mut receiver = Hand::waiting(receiver);
    receiver.cancel();
    assert_eq!(receiver.wakers_kept(), 0, "the waker goes with the receiver");
    assert!(sender.is_closed());
    assert_eq!(sender.send("back"), Err("back"));
}

#[test]
fn try_recv_tells_not_yet_from_never() {
    let (sender, mut receiver) = channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
    assert_eq!(block_on(receiver), Err(RecvError), "polled again it is an error, not a panic");
    let (sender, mut receiver) = channel::<i32>();
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn values_are_dropped_exactly_once_on_each_path() {
    let value = Arc::new(());
    for path in 0..5 {
        let (sender, mut receiver) = channel();
        let sent = value.clone();
        match path {
            0 => {
                drop(receiver);
                drop(sender.send(sent));
            }
            1 => {
                sender.send(sent).unwrap();
                drop(receiver);
            }
            2 => {
                sender.send(sent).unwrap();
                drop(receiver.try_recv().unwrap());
            }
            3 => drop((sent, sender, receiver)),
            _ => drop((sent, receiver, sender)),
        }
        assert_eq!(Arc::strong_count(&value), 1, "path {path}");
    }
}

#[test]
fn the_last_waker_counts() {
    let (sender, mut receiver) = channel();
    let (old, new) = (Hand::new(async {}), Hand::new(async {}));
    for hand in [&old, &new] {
        let waker = hand.waker();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(std::future::Future::poll(std::pin::Pin::new(&mut receiver), &mut cx).is_pending());
    }
    assert_eq!((old.wakers_kept(), new.wakers_kept()), (0, 1));
    sender.send(()).unwrap();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
}

#[test]
fn threads_hand_values_over() {
    for round in 0..2_000 {
        let (sender, receiver) = channel();
        let (reply, answer) = channel();
        let thread = std::thread::spawn(move || reply.send(block_on(receiver).unwrap() + 1));
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        sender.send(round).unwrap();
        assert_eq!(block_on(answer), Ok(round + 1));
        thread.join().unwrap().unwrap();
    }
}
