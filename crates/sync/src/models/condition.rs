//! The Condition in the models.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::{Condition, Lock};

/// Somebody goes to wait while another takes the lock, changes the value and notifies: the change is seen.
#[test]
fn condition_wait_x_notify() {
    explore("condition_wait_x_notify", None, || {
        let (lock, condition) = (Arc::new(Lock::new(false)), Arc::new(Condition::new()));
        let other = {
            let (lock, condition) = (lock.clone(), condition.clone());
            side(move || {
                let mut guard = lock.lock_blocking();
                *guard = true;
                condition.notify(&guard, 1).unwrap();
            })
        };
        let guard = lock.lock_blocking();
        let (woken, waker) = Woken::new();
        let mut wait = pin!(condition.wait_for(guard, |done| *done));
        let first = poll(wait.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the notification is lost");
            assert!(poll(wait, &waker).is_ready());
        }
    });
}

/// The first who waits is dropped while it is notified, or has been given the lock: the next one has the notification.
#[test]
fn condition_notify_x_drop() {
    explore("condition_notify_x_drop", None, || {
        let (lock, condition) = (Arc::new(Lock::new(0)), Arc::new(Condition::new()));
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        let mut second = pin!(condition.wait(lock.try_lock().unwrap()));
        assert!(poll(second.as_mut(), &waker).is_pending());
        let other = {
            let (lock, condition) = (lock.clone(), condition.clone());
            side(move || condition.notify(&lock.lock_blocking(), 1).unwrap())
        };
        drop(first);
        other.join().unwrap();
        assert!(woken.is(), "the notification is lost");
        let Poll::Ready(guard) = poll(second, &waker) else { panic!("woken without the lock") };
        drop(guard.unwrap());
        assert!(!lock.locked());
    });
}

/// A notified waiter is dropped while the lock is released to it: nobody keeps the lock.
#[test]
fn condition_release_x_drop() {
    explore("condition_release_x_drop", None, || {
        let (lock, condition) = (Arc::new(Lock::new(0)), Arc::new(Condition::new()));
        let mut wait = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!(poll(wait.as_mut(), Waker::noop()).is_pending());
        let guard = lock.try_lock_owned().unwrap();
        condition.notify(&guard, 1).unwrap();
        let other = side(move || drop(guard));
        drop(wait);
        other.join().unwrap();
        assert!(!lock.locked(), "nobody has it");
    });
}
