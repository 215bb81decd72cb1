//! Permits in the models: through the lock and the semaphore, which are nothing else.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::{Lock, OwnedLockGuard, Semaphore};

/// A lock is released while somebody goes to wait for it: it is there at once, or wakes them.
#[test]
fn lock_release_x_wait() {
    explore("lock_release_x_wait", None, || {
        let lock = Arc::new(Lock::new(0));
        lock.acquire().try_now();
        let holder = lock.clone();
        let other = side(move || holder.release().unwrap());
        let (woken, waker) = Woken::new();
        let mut wait = pin!(lock.lock());
        let first = poll(wait.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(poll(wait, &waker).is_ready());
        }
    });
}

/// Two threads want the lock at a time: they have it one after the other, and see each other's work.
#[test]
fn lock_x_lock() {
    explore("lock_x_lock", None, || {
        let lock = Arc::new(Lock::new(0));
        let other = {
            let lock = lock.clone();
            side(move || *lock.lock_blocking() += 1)
        };
        *lock.lock_blocking() += 1;
        other.join().unwrap();
        assert_eq!(*lock.try_lock().expect("free again"), 2);
    });
}

/// The first who waits is dropped while the lock is given to it: the next one gets it.
#[test]
fn lock_give_x_drop() {
    explore("lock_give_x_drop", None, || {
        let lock = Arc::new(Lock::new(0));
        lock.acquire().try_now();
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(lock.lock());
        let mut second = pin!(lock.lock());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let holder = lock.clone();
        let other = side(move || holder.release().unwrap());
        drop(first);
        other.join().unwrap();
        assert!(woken.is(), "the lock is lost");
        assert!(poll(second, &waker).is_ready());
    });
}

/// The lock is on offer to a future that is polled, while another future of its task wants it: one of them has it, and the
/// other one after it.
#[test]
fn lock_find_x_take_over() {
    explore("lock_find_x_take_over", None, || {
        let lock = Arc::new(Lock::new(0));
        let inside = Arc::new(AtomicBool::new(false));
        let enter = |mut guard: OwnedLockGuard<i32>, inside: &AtomicBool| {
            assert!(!inside.swap(true, Ordering::Relaxed), "two have the lock");
            *guard += 1;
            inside.store(false, Ordering::Relaxed);
        };
        let (woken, waker) = Woken::new();
        let guard = lock.try_lock().unwrap();
        let mut first = Box::pin(lock.clone().lock_owned());
        assert!(poll(first.as_mut(), &waker).is_pending());
        drop(guard);
        let other = {
            let (inside, waker) = (inside.clone(), waker.clone());
            side(move || match poll(first.as_mut(), &waker) {
                Poll::Ready(guard) => {
                    enter(guard, &inside);
                    None
                }
                Poll::Pending => Some(first),
            })
        };
        let mut second = Box::pin(lock.clone().lock_owned());
        let early = poll(second.as_mut(), &waker);
        let second = match early {
            Poll::Ready(guard) => {
                enter(guard, &inside);
                None
            }
            Poll::Pending => Some(second),
        };
        let waiting = [other.join().unwrap(), second];
        assert!(woken.is());
        for mut waiting in waiting.into_iter().flatten() {
            let Poll::Ready(guard) = poll(waiting.as_mut(), &waker) else { panic!("the lock is lost") };
            enter(guard, &inside);
        }
        assert_eq!(*lock.try_lock().expect("free again"), 2);
    });
}

/// Two futures of one task wait for the lock, and only the second is polled when it is given to the first: that one has it.
/// Then the first is dropped or polled.
#[test]
fn lock_give_x_take_over() {
    explore("lock_give_x_take_over", None, || {
        let lock = Arc::new(Lock::new(0));
        let (woken, waker) = Woken::new();
        lock.acquire().try_now();
        let mut first = Box::pin(lock.lock());
        let mut second = Box::pin(lock.lock());
        assert!(poll(first.as_mut(), &waker).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let holder = lock.clone();
        let other = side(move || holder.release().unwrap());
        let early = poll(second.as_mut(), &waker);
        other.join().unwrap();
        assert!(woken.is(), "the wake is lost");
        let guard = match early {
            Poll::Ready(guard) => guard,
            Poll::Pending => match poll(second.as_mut(), &waker) {
                Poll::Ready(guard) => guard,
                Poll::Pending => panic!("the task waits for itself"),
            },
        };
        assert!(poll(first.as_mut(), &waker).is_pending());
        drop(guard);
        assert!(poll(first.as_mut(), &waker).is_ready());
        assert!(lock.try_lock().is_some());
    });
}

/// The lock is given to one who waits while a newcomer tries: it does not get in between, and data is handed over.
#[test]
fn lock_give_x_newcomer() {
    explore("lock_give_x_newcomer", Some(2), || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.try_lock().unwrap();
        let (woken, waker) = Woken::new();
        let mut wait = pin!(lock.lock());
        assert!(poll(wait.as_mut(), &waker).is_pending());
        let newcomer = {
            let lock = lock.clone();
            side(move || assert!(lock.try_lock().is_none(), "the newcomer was faster"))
        };
        drop(guard);
        assert!(woken.is());
        let Poll::Ready(mut guard) = poll(wait, &waker) else { panic!("woken too early") };
        *guard += 1;
        newcomer.join().unwrap();
    });
}

/// A claim finds its permit while a newcomer waits behind it though one is free: the newcomer is served.
#[test]
fn semaphore_due_x_newcomer() {
    explore("semaphore_due_x_newcomer", None, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.clone().acquire_owned());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        // One for the first, which is due from now on; one is free.
        semaphore.add_permits(2);
        let other = side(move || match poll(first.as_mut(), Waker::noop()) {
            Poll::Ready(permit) => permit.forget(),
            Poll::Pending => panic!("it was given its permit"),
        });
        let (woken, waker) = Woken::new();
        let mut second = pin!(semaphore.acquire());
        let early = poll(second.as_mut(), &waker);
        other.join().unwrap();
        if early.is_pending() {
            assert!(woken.is(), "the newcomer waits for ever");
            assert!(poll(second, &waker).is_ready());
        }
    });
}

/// Permits come back on two threads while the first who waits gives up: the other gets what it wants.
#[test]
fn semaphore_release_x_release_x_drop() {
    explore("semaphore_release_x_release_x_drop", Some(2), || {
        let semaphore = Arc::new(Semaphore::new(0));
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(semaphore.acquire());
        let mut second = pin!(semaphore.acquire_many(2));
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let releasers = [0, 1].map(|_| {
            let semaphore = semaphore.clone();
            side(move || semaphore.release())
        });
        drop(first);
        for releaser in releasers {
            releaser.join().unwrap();
        }
        assert!(woken.is(), "a permit is lost");
        assert!(poll(second, &waker).is_ready());
    });
}

/// Ready at its first poll.
trait TryNow {
    fn try_now(self);
}

impl<F: Future<Output = ()>> TryNow for F {
    fn try_now(self) {
        assert!(poll(pin!(self), Waker::noop()).is_ready());
    }
}
