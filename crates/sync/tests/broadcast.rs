//! What a broadcast channel promises, case by case.
#![cfg(not(heist_loom))]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

#[test]
fn a_receiver_that_falls_behind_keeps_one_value_until_it_looks() {
    const CAPACITY: usize = 4;
    let value = Arc::new(());
    let (sender, mut slow) = broadcast::channel(CAPACITY);
    let mut fast = sender.subscribe();
    sender.send(value.clone()).unwrap();
    slow.try_recv().unwrap();
    for _ in 0..100 {
        sender.send(value.clone()).unwrap();
        drop(fast.try_recv());
    }
    assert_eq!(Arc::strong_count(&value) - 1, CAPACITY + 1);
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(96)));
    assert_eq!(Arc::strong_count(&value) - 1, CAPACITY);
    drop(fast);
    assert_eq!(Arc::strong_count(&value) - 1, CAPACITY, "the slow one has yet to see them");
    drop(slow);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_receiver_that_goes_while_it_is_behind_takes_its_value_along() {
    let value = Arc::new(());
    let (sender, mut slow) = broadcast::channel(2);
    sender.send(value.clone()).unwrap();
    slow.try_recv().unwrap();
    (0..50).for_each(|_| drop(sender.send(value.clone())));
    assert_eq!(Arc::strong_count(&value) - 1, 2 + 1);
    drop(slow);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn values_of_any_size_pass_many_blocks() {
    #[derive(Clone)]
    struct Large([u64; 1000]);
    let (sender, mut fast) = broadcast::channel(100);
    let mut slow = sender.subscribe();
    for number in 0..350 {
        sender.send(Large([number; 1000])).unwrap();
        assert_eq!(fast.try_recv().unwrap().0[999], number);
    }
    assert_eq!(slow.try_recv().err(), Some(TryRecvError::Lagged(250)));
    assert!((250..350).eq(std::iter::from_fn(|| slow.try_recv().ok().map(|value| value.0[0]))));
    let (sender, mut receiver) = broadcast::channel(1);
    assert_eq!(sender.send(()), Ok(1));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(()), Err(TryRecvError::Empty)));
}

#[test]
fn who_panics_in_clone_has_not_seen_the_value() {
    #[derive(Debug)]
    struct Once(Arc<AtomicBool>);
    impl Clone for Once {
        fn clone(&self) -> Self {
            assert!(self.0.swap(true, Ordering::Relaxed), "for the first time");
            Self(self.0.clone())
        }
    }
    let cloned = Arc::new(AtomicBool::new(false));
    let (sender, mut first) = broadcast::channel(4);
    let second = sender.subscribe();
    sender.send(Once(cloned.clone())).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| first.try_recv().map(drop)));
    assert!(panicked.is_err() && first.len() == 1);
    assert!(first.try_recv().is_ok() && first.is_empty());
    drop((sender, first, second));
    assert_eq!(Arc::strong_count(&cloned), 1);
}

#[test]
fn a_clone_may_use_the_channel_and_evict_what_it_clones() {
    #[derive(Debug)]
    struct Sends(u32, broadcast::Sender<Sends>);
    impl Clone for Sends {
        fn clone(&self) -> Self {
            if self.0 == 0 {
                (1..=3).for_each(|number| drop(self.1.send(Sends(number, self.1.clone()))));
            }
            Self(self.0, self.1.clone())
        }
    }
    let (sender, mut receiver) = broadcast::channel(1);
    let second = sender.subscribe();
    sender.send(Sends(0, sender.clone())).unwrap();
    assert_eq!(receiver.try_recv().unwrap().0, 0);
    assert_eq!(receiver.try_recv().err(), Some(TryRecvError::Lagged(2)));
    assert_eq!(receiver.try_recv().unwrap().0, 3);
    drop((receiver, second));
    assert_eq!((sender.strong_count(), sender.len()), (1, 0));
}

/// Two senders and four receivers on threads, of which some leave and come again: no value is lost before its time, or kept.
#[test]
fn stress_who_comes_and_goes_leaves_nothing() {
    const VALUES: u64 = 10_000;
    let kept = Arc::new(());
    let (sender, receiver) = broadcast::channel(3);
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (sender, kept) = (sender.clone(), kept.clone());
            std::thread::spawn(move || (0..VALUES).for_each(|_| drop(sender.send(kept.clone()))))
        })
        .collect();
    let receivers: Vec<_> = (0..4)
        .map(|each| {
            let mut receiver = receiver.resubscribe();
            std::thread::spawn(move || {
                let mut seen = 0_u64;
                loop {
                    match block_on(receiver.recv()) {
                        Ok(value) => assert!(Arc::strong_count(&value) > 0),
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return,
                    }
                    seen += 1;
                    if seen % 100 == each {
                        receiver = receiver.resubscribe();
                    }
                }
            })
        })
        .collect();
    drop((sender, receiver));
    for thread in senders.into_iter().chain(receivers) {
        thread.join().unwrap();
    }
    assert_eq!(Arc::strong_count(&kept), 1, "a value is kept");
}
