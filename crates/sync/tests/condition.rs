//! The order in which those who wait on a condition go on.
#![cfg(not(heist_loom))]

mod support;

use std::task::Poll;

use heist_sync::{Condition, Lock};
use support::Hand;

#[test]
fn notified_waiters_go_on_in_their_order_and_one_at_a_time() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let mut waiting: Vec<_> =
        (0..3).map(|_| Hand::waiting(condition.wait(lock.try_lock().expect("free")))).collect();
    let held = lock.try_lock().expect("free");
    condition.notify(&held, 2).unwrap();
    assert!(waiting.iter().all(|waiter| waiter.wakes() == 0), "nobody is woken for a lock that is held");
    drop(held);
    let wakes = |waiting: &[Hand<'_, _>]| waiting.iter().map(Hand::wakes).collect::<Vec<_>>();
    assert_eq!(wakes(&waiting), [1, 0, 0]);
    assert!(waiting[1].poll().is_pending(), "it is not its turn");
    let Poll::Ready(Ok(guard)) = waiting[0].poll() else { panic!("the lock was given to the first") };
    assert!(lock.try_lock().is_none());
    drop(guard);
    assert_eq!(wakes(&waiting), [1, 1, 0]);
    assert!(lock.try_lock().is_none(), "the second has it before any newcomer");
    assert!(waiting[1].poll().is_ready());
    assert_eq!(wakes(&waiting), [1, 1, 0], "the third was not notified");
    assert_eq!(condition.statistics().waiting, 1);
}
