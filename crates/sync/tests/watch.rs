//! What a watch channel promises, case by case.
#![cfg(not(heist_loom))]

mod support;

use std::task::Poll;

use heist_sync::watch::{self, RecvError, SendError};
use support::{Hand, block_on};

#[test]
fn a_receiver_sees_the_latest_value_only() {
    let (sender, mut receiver) = watch::channel(0);
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (0, Ok(false)));
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert!(receiver.borrow().has_changed());
    assert_eq!(*receiver.borrow_and_update(), 2);
    assert_eq!(receiver.has_changed(), Ok(false));
    assert!(Hand::new(receiver.changed()).poll().is_pending());
}

#[test]
fn a_change_wakes_all_who_wait_and_each_sees_it_once() {
    let (sender, mut first) = watch::channel("old");
    let (mut second, mut late) = (first.clone(), sender.subscribe());
    {
        let mut waiting = [Hand::waiting(first.changed()), Hand::waiting(second.changed())];
        sender.send("new").unwrap();
        for hand in &mut waiting {
            assert_eq!((hand.wakes(), hand.poll()), (1, Poll::Ready(Ok(()))));
        }
    }
    assert_eq!((first.has_changed(), late.has_changed()), (Ok(false), Ok(true)));
    assert_eq!(late.clone().has_changed(), Ok(true), "a clone has seen what the original has");
    late.mark_unchanged();
    assert_eq!(late.has_changed(), Ok(false));
    late.mark_changed();
    assert_eq!(Hand::new(late.changed()).poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_cancelled_wait_leaves_no_waker_and_the_change_unseen() {
    let (sender, mut receiver) = watch::channel(0);
    let mut waiting = Hand::waiting(receiver.changed());
    sender.send(1).unwrap();
    waiting.cancel();
    assert_eq!(waiting.wakers_kept(), 0);
    drop(waiting);
    assert_eq!(receiver.has_changed(), Ok(true));
    let mut waiting = Hand::new(receiver.changed());
    assert_eq!(waiting.poll(), Poll::Ready(Ok(())));
}

#[test]
fn the_last_value_is_seen_before_the_end() {
    let (sender, mut receiver) = watch::channel(0);
    let second = sender.clone();
    drop(sender);
    second.send(1).unwrap();
    drop(second);
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(block_on(receiver.changed()), Ok(()));
    assert_eq!((block_on(receiver.changed()), receiver.has_changed()), (Err(RecvError), Err(RecvError)));
    assert_eq!(*receiver.borrow(), 1, "which can still be looked at");
}

#[test]
fn wait_for_gives_the_first_value_that_fits() {
    let (sender, mut receiver) = watch::channel(0);
    assert_eq!(*block_on(receiver.wait_for(|value| *value == 0)).unwrap(), 0, "one that is there");
    let mut waiting = Hand::new(async { receiver.wait_for(|value| *value > 1).await.map(|value| *value) });
    assert!(waiting.poll().is_pending());
    sender.send(1).unwrap();
    assert!(waiting.poll().is_pending());
    sender.send(2).unwrap();
    assert_eq!((waiting.wakes(), waiting.poll()), (2, Poll::Ready(Ok(2))));
    drop(waiting);
    drop(sender);
    assert!(matches!(block_on(receiver.wait_for(|value| *value > 2)), Err(RecvError)));
}

#[test]
fn wait_for_is_a_future_that_may_move_to_another_thread() {
    fn send<T: Send>(_: &T) {}
    let (_sender, mut receiver) = watch::channel(0);
    send(&receiver.wait_for(|value| *value > 2));
}

#[test]
fn senders_learn_that_nobody_looks() {
    let (sender, receiver) = watch::channel(0);
    let second = receiver.clone();
    let mut closed = Hand::waiting(sender.closed());
    drop(receiver);
    assert_eq!((closed.wakes(), sender.receiver_count()), (0, 1));
    drop(second);
    assert_eq!((closed.wakes(), closed.poll()), (1, Poll::Ready(())));
    assert_eq!((sender.send(1), *sender.borrow()), (Err(SendError(1)), 0));
    assert_eq!((sender.send_replace(2), *sender.subscribe().borrow()), (0, 2));
    assert!(!sender.is_closed() || sender.receiver_count() == 0);
}

#[test]
fn a_change_in_place_that_is_none_wakes_nobody() {
    let (sender, mut receiver) = watch::channel(vec![1]);
    let waiting = Hand::waiting(receiver.changed());
    assert!(!sender.send_if_modified(|values| values.contains(&2)));
    assert_eq!(waiting.wakes(), 0);
    sender.send_modify(|values| values.push(2));
    assert_eq!((waiting.wakes(), sender.borrow().len()), (1, 2));
}

#[test]
fn a_change_that_panics_changes_no_version_and_locks_nobody_out() {
    let (sender, receiver) = watch::channel(1);
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sender.send_modify(|_| std::panic::resume_unwind(Box::new(())));
    }));
    assert!(failed.is_err());
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (1, Ok(false)));
}

/// One thread counts up, three wait for each change: none waits for ever, and nobody sees the count fall.
#[test]
fn stress_nobody_misses_the_last_change() {
    const LAST: u32 = 20_000;
    let (sender, receiver) = watch::channel(0);
    let watchers: Vec<_> = (0..3)
        .map(|_| {
            let mut receiver = receiver.clone();
            std::thread::spawn(move || {
                let mut seen = 0;
                while seen < LAST {
                    block_on(receiver.changed()).unwrap();
                    let now = *receiver.borrow_and_update();
                    assert!(now >= seen);
                    seen = now;
                }
            })
        })
        .collect();
    (1..=LAST).for_each(|value| sender.send(value).unwrap());
    watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
}
