//! One worker's parker: a token is never lost, and a wait always ends.

use std::sync::Arc;

use heist_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{check, side};
use crate::park::Parker;

/// The worker waits until it sees the flag; the other sets it and leaves a token. loom finds a lost token as a deadlock.
#[test]
fn unpark_and_park() {
    check("unpark_and_park", None, || {
        let parker = Arc::new((Parker::new(), AtomicBool::new(false)));
        let other = parker.clone();
        let waker = side(move || {
            // Relaxed: the token alone makes it visible.
            other.1.store(true, Ordering::Relaxed);
            assert!(!other.0.unpark(), "nobody waits in the driver");
        });
        while !parker.1.load(Ordering::Relaxed) {
            parker.0.park(None);
        }
        waker.join().unwrap();
    });
}

#[test]
fn two_unparks_and_park() {
    check("two_unparks_and_park", Some(2), || {
        let parker = Arc::new((Parker::new(), AtomicUsize::new(0)));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let other = parker.clone();
                side(move || {
                    other.1.fetch_add(1, Ordering::Relaxed);
                    let _ = other.0.unpark();
                })
            })
            .collect();
        while parker.1.load(Ordering::Relaxed) < 2 {
            parker.0.park(None);
        }
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

/// The worker waits in the driver instead: whoever unparks it must call the driver exactly when it is there, and then
/// the driver's own token (here a flag under a lock) ends the wait.
#[test]
fn unpark_and_wait_in_the_driver() {
    check("unpark_and_wait_in_the_driver", None, || {
        let parker = Arc::new((Parker::new(), Parker::new(), AtomicBool::new(false)));
        let other = parker.clone();
        let waker = side(move || {
            other.2.store(true, Ordering::Relaxed);
            if other.0.unpark() {
                let _ = other.1.unpark();
            }
        });
        while !parker.2.load(Ordering::Relaxed) {
            if parker.0.begin_driver() {
                parker.1.park(None);
                parker.0.end_driver();
            }
        }
        waker.join().unwrap();
    });
}

/// The worker looks for a token while it is awake, and parks where it has seen none: a token that it takes has brought along what
/// came before it.
#[test]
fn unpark_and_take_token() {
    check("unpark_and_take_token", None, || {
        let parker = Arc::new((Parker::new(), AtomicBool::new(false)));
        let other = parker.clone();
        let waker = side(move || {
            // Relaxed: the token alone makes it visible.
            other.1.store(true, Ordering::Relaxed);
            let _ = other.0.unpark();
        });
        while !parker.1.load(Ordering::Relaxed) {
            if !parker.0.take_token() {
                parker.0.park(None);
            }
        }
        waker.join().unwrap();
    });
}
