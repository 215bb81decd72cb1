//! A worker's parking word: how an unpark ends a wait in the kernel's queue with at most one write.
//!
//! | the worker | whoever unparks it |
//! |---|---|
//! | P1 compare-exchange `AWAKE` -> `PARKED`; `NOTIFIED`: take it and do not wait | U1 swap in `NOTIFIED` |
//! | P2 wait in the kernel's queue | U2 if it was `PARKED`: write the wake-up descriptor |
//! | P3 swap in `AWAKE` | |
//!
//! An unpark before P1 is found there; one after P1 writes, and the write is an edge that the wait finds even if it has
//! not begun. `NOTIFIED` stays until P3, so a park costs at most one write, however many call. A write that comes too
//! late to end its own wait ends the next one early, which is harmless.

use heist_core::sync::atomic::{AtomicU8, Ordering};
use heist_core::sync::mutant;

/// The worker runs.
const AWAKE: u8 = 0;
/// The worker waits in the kernel's queue, or is about to.
const PARKED: u8 = 1;
/// Somebody wants the worker to run.
const NOTIFIED: u8 = 2;

/// One worker's word.
#[derive(Debug)]
pub(crate) struct Parking(AtomicU8);

impl Parking {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(AWAKE))
    }

    /// P1: whether the worker may wait. `false`: an unpark came before, and is taken. Otherwise call
    /// [`end`](Self::end) after the wait.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        if mutant("reactor-park-misses-early-unpark") {
            self.0.store(PARKED, Ordering::Relaxed);
            return true;
        }
        // Acquire, here and below, pairs with the Release of `notify`: what the notifier did before is visible.
        if self.0.compare_exchange(AWAKE, PARKED, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return true;
        }
        self.end();
        false
    }

    /// P3: the worker runs.
    pub(crate) fn end(&self) {
        self.0.swap(AWAKE, Ordering::Acquire);
    }

    /// U1: whether the wake-up descriptor must be written.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        // Release pairs with the Acquire of `begin` and `end`; AcqRel, so that a second notifier hands on what the first
        // published.
        self.0.swap(NOTIFIED, Ordering::AcqRel) == PARKED
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_notifications_cost_one_write() {
        let parking = Parking::new();
        assert!(parking.begin());
        assert_eq!([parking.notify(), parking.notify(), parking.notify()], [true, false, false]);
        parking.end();
        assert!(parking.begin(), "they were all for the park that ended");
        parking.end();
    }

    #[test]
    fn early_notification_costs_no_write_and_no_wait() {
        let parking = Parking::new();
        assert!(!parking.notify());
        assert!(!parking.begin());
        assert!(parking.begin());
    }
}

#[cfg(all(test, heist_loom))]
mod models {
    use heist_core::sync::model::{check, side};
    use heist_core::sync::{Arc, Condvar, Mutex};

    use super::*;

    /// The wake-up descriptor: an edge that a wait takes.
    struct Kernel {
        edge: Mutex<bool>,
        changed: Condvar,
    }

    impl Kernel {
        fn write(&self) {
            *self.edge.lock() = true;
            self.changed.notify_all();
        }

        fn wait(&self) {
            let mut edge = self.edge.lock();
            while !*edge {
                edge = self.changed.wait(edge);
            }
            *edge = false;
        }
    }

    /// A worker with nothing else to wait for parks until it finds the work of both who unpark it.
    #[test]
    fn unpark_against_park() {
        check("unpark_against_park", Some(2), || {
            let kernel = Kernel { edge: Mutex::new(false), changed: Condvar::new() };
            // Relaxed: what the worker sees of the work must come through the parking word.
            let work = heist_core::sync::atomic::AtomicUsize::new(0);
            let shared = Arc::new((Parking::new(), kernel, work));
            let notifiers = [(); 2].map(|()| {
                let shared = shared.clone();
                side(move || {
                    shared.2.fetch_add(1, Ordering::Relaxed);
                    if shared.0.notify() {
                        shared.1.write();
                    }
                })
            });
            while shared.2.load(Ordering::Relaxed) < 2 {
                if shared.0.begin() {
                    shared.1.wait();
                    shared.0.end();
                }
            }
            for notifier in notifiers {
                notifier.join().unwrap();
            }
        });
    }
}
