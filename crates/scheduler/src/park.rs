//! How one worker waits: a word, and a futex or the driver behind it.
//!
//! `EMPTY`, `PARKED` (the worker waits here), `DRIVER` (it waits in the driver), `NOTIFIED` (a token lies ready). An
//! unpark leaves the token and, by what it found, wakes the futex, calls the driver, or does nothing. A token is taken by
//! the next park, which then does not wait: no unpark is lost, and two are one.
//!
//! | unpark | park |
//! |---|---|
//! | U1 swap `NOTIFIED` (AcqRel) | K1 `EMPTY` -> `PARKED` or `DRIVER` by compare-and-swap; a token: take it, return |
//! | U2 it was `PARKED`: wake the futex; `DRIVER`: call the driver | K2 wait while the word is what K1 set |
//! | | K3 swap `EMPTY` (AcqRel) |

use heist_core::sync::atomic::{AtomicU32, Ordering};
use heist_core::sync::mutant;
#[cfg(any(heist_loom, not(target_os = "linux")))]
use heist_core::sync::{Condvar, Mutex};
use std::time::Duration;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const DRIVER: u32 = 2;
const NOTIFIED: u32 = 3;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU32,
    #[cfg(any(heist_loom, not(target_os = "linux")))]
    lock: Mutex<()>,
    #[cfg(any(heist_loom, not(target_os = "linux")))]
    changed: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            #[cfg(any(heist_loom, not(target_os = "linux")))]
            lock: Mutex::new(()),
            #[cfg(any(heist_loom, not(target_os = "linux")))]
            changed: Condvar::new(),
        }
    }

    /// K1: announces the wait; `false` when a token lay ready, which is taken.
    fn begin(&self, state: u32) -> bool {
        // Acquire on failure pairs with the Release in `unpark`: the worker sees why it was notified.
        match self.state.compare_exchange(EMPTY, state, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(_) => {
                self.state.swap(EMPTY, Ordering::AcqRel);
                false
            }
        }
    }

    /// K3: ends the wait and takes a token; whether one has come.
    fn end(&self) -> bool {
        self.state.swap(EMPTY, Ordering::AcqRel) == NOTIFIED
    }

    /// Waits for a token, or for `limit`. May return early. Whether a token came, which did not lie ready.
    pub(crate) fn park(&self, limit: Option<Duration>) -> bool {
        if self.begin(PARKED) {
            self.wait(limit);
            return self.end();
        }
        false
    }

    /// Takes a token, if one lies ready, by the worker that is awake. One load where there is none.
    pub(crate) fn take_token(&self) -> bool {
        // The swap's Acquire pairs with the Release in `unpark`: the worker sees why it was notified.
        if mutant("park-take-acquires") {
            return self
                .state
                .compare_exchange(NOTIFIED, EMPTY, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        }
        self.state.load(Ordering::Relaxed) == NOTIFIED && self.end()
    }

    /// Announces that the worker is about to wait in the driver; `false` when a token lay ready.
    pub(crate) fn begin_driver(&self) -> bool {
        self.begin(DRIVER)
    }

    /// The worker is back from the driver; whether a token came meanwhile.
    pub(crate) fn end_driver(&self) -> bool {
        self.end()
    }

    /// Whether the worker waits on this parker and not in the driver.
    pub(crate) fn is_parked(&self) -> bool {
        self.state.load(Ordering::Relaxed) == PARKED
    }

    /// Leaves a token. `true`: the worker waits in the driver, and the caller must unpark it there.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        // Release: the worker sees what came before; Acquire: two unparks are ordered.
        match self.state.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                self.wake();
                false
            }
            before => before == DRIVER,
        }
    }

    #[cfg(all(target_os = "linux", not(heist_loom)))]
    fn wait(&self, limit: Option<Duration>) {
        use rustix::thread::futex;
        let limit = limit.map(|limit| futex::Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        // Every way of returning (woken, changed, interrupted, limit) leads back to the worker, which looks around.
        let _ = futex::wait(&self.state, futex::Flags::PRIVATE, PARKED, limit.as_ref());
    }

    #[cfg(all(target_os = "linux", not(heist_loom)))]
    fn wake(&self) {
        let _ = rustix::thread::futex::wake(&self.state, rustix::thread::futex::Flags::PRIVATE, 1);
    }

    #[cfg(any(heist_loom, not(target_os = "linux")))]
    fn wait(&self, limit: Option<Duration>) {
        let mut guard = self.lock.lock();
        if self.state.load(Ordering::Acquire) != PARKED {
            return;
        }
        match limit {
            Some(limit) => guard = self.changed.wait_timeout(guard, limit).0,
            None => guard = self.changed.wait(guard),
        }
        drop(guard);
    }

    #[cfg(any(heist_loom, not(target_os = "linux")))]
    fn wake(&self) {
        // Between a waiter's look and its wait the lock is held, so the notification cannot fall in between.
        if !mutant("park-wake-locks") {
            drop(self.lock.lock());
        }
        self.changed.notify_one();
    }
}
