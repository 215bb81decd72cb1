//! Whether a turn of a watch is called for: at most one is at a time, and none is lost.

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::mutant;

/// The flag *called for* of the watch's protocol.
#[derive(Debug)]
pub(super) struct CalledFor(AtomicBool);

impl CalledFor {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// E2: whether the caller must have a turn called.
    pub(super) fn raise(&self) -> bool {
        // Release pairs with the Acquire of `lower`: the turn sees what came before the call.
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// T1, then the rest of a turn.
    pub(super) fn turn(&self, rest: impl FnOnce()) {
        if mutant("reactor-watch-lowers-late") {
            rest();
            return self.lower();
        }
        self.lower();
        rest();
    }

    fn lower(&self) {
        // A swap, since a store would not pair with the Release of a `raise` that found the flag up.
        self.0.swap(false, Ordering::AcqRel);
    }
}

#[cfg(all(test, heist_loom))]
mod models {
    use heist_core::sync::atomic::{AtomicBool, Ordering};
    use heist_core::sync::model::{check, side};
    use heist_core::sync::{Arc, Condvar, Mutex};

    use super::CalledFor;

    /// An edge comes while a turn is called for, or at work: that turn sees it, or another one does.
    #[test]
    fn edge_against_turn() {
        check("edge_against_turn", None, || {
            let called_for = Arc::new(CalledFor::new());
            let ready = Arc::new(AtomicBool::new(false));
            // How many turns the loop has been asked for.
            let turns = Arc::new((Mutex::new(1), Condvar::new()));
            assert!(called_for.raise());
            let edge = {
                let (called_for, ready, turns) = (called_for.clone(), ready.clone(), turns.clone());
                side(move || {
                    // Relaxed: what the turn sees of it must come through the flag.
                    ready.store(true, Ordering::Relaxed);
                    if called_for.raise() {
                        *turns.0.lock() += 1;
                        turns.1.notify_one();
                    }
                })
            };
            let mut seen = false;
            while !seen {
                let mut left = turns.0.lock();
                while *left == 0 {
                    left = turns.1.wait(left);
                }
                *left -= 1;
                drop(left);
                called_for.turn(|| seen = ready.load(Ordering::Relaxed));
            }
            edge.join().unwrap();
        });
    }
}
