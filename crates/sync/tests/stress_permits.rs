//! Locks and semaphores on four threads, with waiters that give up at any time.
#![cfg(not(heist_loom))]

mod support;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use heist_sync::{BoundedSemaphore, Lock, RwLock, Semaphore};
use support::{block_on, on_threads, perhaps};

const ROUNDS: u64 = 60_000;

#[test]
fn lock_excludes_and_gets_free_again() {
    let (lock, counted) = (Lock::new(0), AtomicU64::new(0));
    on_threads(|random| {
        for _ in 0..ROUNDS {
            let guard = match random.below(4) {
                0 => lock.try_lock(),
                1 => Some(lock.lock_blocking()),
                _ => perhaps(random, lock.lock()),
            };
            if let Some(mut value) = guard {
                *value += 1;
                counted.fetch_add(1, Relaxed);
            }
        }
    });
    assert!(!lock.locked());
    assert_eq!(lock.statistics().waiting, 0);
    assert_eq!(lock.into_inner(), counted.into_inner());
}

#[test]
fn rwlock_lets_many_read_or_one_write() {
    let lock = RwLock::new((0, 0));
    on_threads(|random| {
        for _ in 0..ROUNDS {
            if random.below(4) > 0 {
                if let Some(value) = perhaps(random, lock.read()) {
                    assert_eq!(value.0, value.1, "read while somebody writes");
                }
            } else if let Some(mut value) = perhaps(random, lock.write()) {
                value.0 += 1;
                std::hint::spin_loop();
                value.1 += 1;
            }
        }
    });
    assert!(lock.try_write().is_some(), "nobody has it");
}

#[test]
fn semaphore_loses_no_permit_and_gives_none_twice() {
    const PERMITS: usize = 5;
    let (semaphore, out) = (Semaphore::new(PERMITS), AtomicU32::new(0));
    on_threads(|random| {
        for _ in 0..ROUNDS {
            let want = 1 + random.below(3) as u32;
            let permit = match random.below(5) {
                0 => semaphore.try_acquire_many(want),
                _ => perhaps(random, semaphore.acquire_many(want)),
            };
            let Some(permit) = permit else { continue };
            assert!(out.fetch_add(want, Relaxed) + want <= PERMITS as u32, "given twice");
            out.fetch_sub(want, Relaxed);
            if random.below(4) == 0 {
                permit.forget();
                semaphore.add_permits(want as usize);
            }
        }
    });
    assert_eq!(semaphore.available_permits(), PERMITS);
    assert!(!semaphore.locked());
}

#[test]
fn bounded_semaphore_never_has_more_than_it_began_with() {
    let semaphore = BoundedSemaphore::new(2);
    on_threads(|random| {
        for _ in 0..ROUNDS {
            if let Some(permit) = perhaps(random, semaphore.acquire()) {
                permit.forget();
                assert!(semaphore.available_permits() <= 1);
                semaphore.release().expect("it was out");
            }
        }
    });
    assert_eq!(semaphore.available_permits(), 2);
    assert!(semaphore.release().is_err());
    drop(block_on(semaphore.acquire()));
}
