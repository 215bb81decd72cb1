//! What a broadcast channel promises, case by case.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::task::Poll;

use heist_sync::broadcast::{self, RecvError, SendError, TryRecvError};
use support::{Hand, block_on};

#[test]
fn every_receiver_sees_every_value_from_its_subscription_on() {
    let (sender, mut first) = broadcast::channel(4);
    sender.send(1).unwrap();
    let mut second = sender.subscribe();
    let mut third = first.resubscribe();
    assert_eq!(sender.send(2), Ok(3));
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(
        (first.try_recv(), first.try_recv(), first.try_recv()),
        (Ok(1), Ok(2), Err(TryRecvError::Empty))
    );
    assert_eq!((second.try_recv(), third.try_recv()), (Ok(2), Ok(2)));
}

#[test]
fn a_value_wakes_all_who_wait() {
    let (sender, mut first) = broadcast::channel(1);
    let mut second = sender.subscribe();
    let mut waiting = [Hand::waiting(first.recv()), Hand::waiting(second.recv())];
    sender.send(7).unwrap();
    for hand in &mut waiting {
        assert_eq!((hand.wakes(), hand.poll()), (1, Poll::Ready(Ok(7))));
    }
}

#[test]
fn who_falls_behind_is_told_how_far_and_goes_on_with_the_oldest() {
    let (sender, mut slow) = broadcast::channel(2);
    let mut fast = sender.subscribe();
    for value in 0..5 {
        sender.send(value).unwrap();
        assert_eq!(fast.try_recv(), Ok(value));
    }
    assert_eq!((slow.len(), sender.len()), (2, 2));
    assert_eq!(block_on(slow.recv()), Err(RecvError::Lagged(3)));
    assert_eq!((slow.try_recv(), slow.try_recv()), (Ok(3), Ok(4)));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_value_that_all_have_seen_is_gone_and_the_last_gets_it_without_a_clone() {
    #[derive(Debug)]
    struct Counted(Arc<()>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            Self(Arc::new(()))
        }
    }
    let original = Arc::new(());
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    sender.send(Counted(original.clone())).unwrap();
    assert!(!Arc::ptr_eq(&first.try_recv().unwrap().0, &original));
    assert_eq!((sender.len(), Arc::strong_count(&original)), (1, 2));
    assert!(Arc::ptr_eq(&second.try_recv().unwrap().0, &original));
    assert_eq!((sender.is_empty(), Arc::strong_count(&original)), (true, 1));
}

#[test]
fn what_only_a_dropped_receiver_had_yet_to_see_goes_with_it() {
    let value = Arc::new(());
    let (sender, mut first) = broadcast::channel(8);
    let second = sender.subscribe();
    (0..4).for_each(|_| assert_eq!(sender.send(value.clone()), Ok(2)));
    for _ in 0..3 {
        first.try_recv().unwrap();
    }
    assert_eq!(sender.len(), 4);
    drop(second);
    assert_eq!((sender.len(), Arc::strong_count(&value)), (1, 2));
    drop(first);
    assert_eq!((sender.len(), Arc::strong_count(&value)), (0, 1));
    assert_eq!(sender.send(value.clone()), Err(SendError(value)));
}

#[test]
fn the_channel_ends_with_its_last_sender_after_the_last_value() {
    let (sender, mut receiver) = broadcast::channel(4);
    let second = sender.clone();
    assert_eq!(second.strong_count(), 2);
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    assert_eq!(receiver.try_recv(), Ok(1));
    let mut waiting = Hand::waiting(receiver.recv());
    drop(second);
    assert_eq!((waiting.wakes(), waiting.poll()), (1, Poll::Ready(Err(RecvError::Closed))));
    drop(waiting);
    assert_eq!((receiver.try_recv(), receiver.is_closed()), (Err(TryRecvError::Closed), true));
}

#[test]
fn a_cancelled_receive_takes_nothing_and_leaves_no_waker() {
    let (sender, mut receiver) = broadcast::channel(4);
    let mut waiting = Hand::waiting(receiver.recv());
    assert_eq!(waiting.wakers_kept(), 1);
    sender.send(1).unwrap();
    waiting.cancel();
    assert_eq!(waiting.wakers_kept(), 0);
    drop(waiting);
    assert_eq!(receiver.blocking_recv(), Ok(1));
}

#[test]
fn a_capacity_of_zero_counts_as_one() {
    let sender = broadcast::Sender::new(0);
    let mut receiver = sender.subscribe();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Err(TryRecvError::Lagged(1)), Ok(2)));
}

/// A sender and three receivers on threads: what each has seen and missed adds up, in order.
#[test]
fn stress_seen_and_missed_add_up() {
    const VALUES: u64 = 20_000;
    let (sender, receiver) = broadcast::channel(16);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let mut receiver = receiver.resubscribe();
            std::thread::spawn(move || {
                let mut next = 0;
                loop {
                    match block_on(receiver.recv()) {
                        Ok(value) => {
                            assert_eq!(value, next);
                            next += 1;
                        }
                        Err(RecvError::Lagged(missed)) => next += missed,
                        Err(RecvError::Closed) => return next,
                    }
                }
            })
        })
        .collect();
    drop(receiver);
    for value in 0..VALUES {
        // That a receiver has come to its end is found out below.
        let _ = sender.send(value);
    }
    drop(sender);
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), VALUES);
    }
}
