//! What is due: settling, firing, and when to look next.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use heist_core::clock::NEVER;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::mutant;

use super::{Core, Wheel};

/// How many timers come out of the wheel each time the owner word is taken: some microseconds of pointer work.
const BATCH: usize = 256;

impl Wheel {
    /// Gives those in the nursery their deadlines and files them. Called with the owner word held.
    #[inline]
    pub(super) fn settle(&self, core: &mut Core) {
        if self.young.load(Ordering::Relaxed) {
            self.settle_all(core, None);
        }
    }

    /// As [`settle`](Self::settle); `told` is what the time was before the owner word was taken, for the model that shows
    /// why it must not be used.
    #[cold]
    fn settle_all(&self, core: &mut Core, told: Option<u64>) {
        self.young.store(false, Ordering::Relaxed);
        if let Some(spare) = core.nursery.take_spare() {
            core.pages.give_back(spare);
        }
        if core.nursery.count() == 0 {
            return;
        }
        // Read with the owner word held: it comes after the arming of all that are there, on whatever thread this is.
        let now = told.unwrap_or_else(|| self.clock.now());
        let Core { nursery, levels, .. } = core;
        nursery.drain(|entry| {
            // What a handle has cancelled is on its way to the garbage stack.
            if !entry.is_cancelled() {
                let deadline = now.saturating_add(entry.deadline()).min(NEVER - 1);
                entry.set_deadline(deadline);
                self.file(levels, entry, deadline);
            }
        });
    }

    /// Fires what is due: takes it out with the owner word held, then wakes. Called between polls: when nothing is due it
    /// is a load and a compare. Any thread may fire for a worker that is stuck.
    ///
    /// # Panics
    ///
    /// Goes on with the panic of a waker, after all have been woken.
    #[inline]
    pub fn fire(&self, now: u64) {
        // Relaxed: on the owner's thread the word is its own; elsewhere a stale one only puts the work off.
        if self.earliest.load(Ordering::Relaxed) <= now || self.young.load(Ordering::Relaxed) {
            self.fire_due(now);
        }
    }

    #[cold]
    fn fire_due(&self, now: u64) {
        let mut panic = None;
        loop {
            let (mut due, more) = self.with(|core| {
                self.sweep(core);
                if mutant("timer-settle-with-earlier-time") {
                    self.settle_all(core, Some(now));
                }
                self.settle(core);
                if self.earliest.load(Ordering::Relaxed) > now {
                    return (Vec::new(), false);
                }
                let mut due = std::mem::take(&mut core.due);
                let more = core.levels.advance(now, &mut due, BATCH);
                let earliest = core.levels.earliest(self.exact);
                self.publish(earliest, false);
                if !self.exact {
                    self.crowd.store(core.levels.crowd(), Ordering::Relaxed);
                }
                (due, more)
            });
            for waker in due.drain(..) {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                    panic.get_or_insert(payload);
                }
            }
            if due.capacity() > 0 {
                // The room goes back unless another thread has fired meanwhile and brought its own.
                let _other = self.with(|core| std::mem::replace(&mut core.due, due));
            }
            if !more {
                break;
            }
        }
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// When to wake for the earliest timer, [`NEVER`] when nothing is armed. Any thread. In virtual time that is its deadline;
    /// in real time a crowd of timers is waited for, [`SPREAD`](super::levels::SPREAD) at most.
    ///
    /// After the earliest timer was disarmed this looks for the next one. Where the first slot is crowded it does so only
    /// in virtual time; in real time an earlier moment may come back, at which the worker then wakes once for nothing.
    ///
    /// Where nothing has been armed since it was last found that there is no timer: one load.
    #[inline]
    pub fn next_deadline(&self) -> u64 {
        // Acquire pairs with `use_it`.
        if self.used.load(Ordering::Acquire) { self.look_for_next() } else { NEVER }
    }

    /// Where it is said whether there may be timers at all.
    pub fn sign(&self) -> &AtomicBool {
        &self.used
    }

    #[inline(never)]
    fn look_for_next(&self) -> u64 {
        // Acquire pairs with `publish`. The garbage may be the earliest timer, so it counts as staleness.
        let earliest = self.earliest.load(Ordering::Acquire);
        let unsure = self.stale.load(Ordering::Acquire) || self.young.load(Ordering::Relaxed);
        if unsure || earliest == NEVER || self.garbage.is_any() {
            let none = self.with(|core| self.find_next(core));
            if none && mutant("timer-sign-without-owner-word") {
                self.used.store(false, Ordering::Relaxed);
            }
        }
        // Not later than SPREAD after any deadline: no timer that is left was due before the first of the crowd. One that
        // is not the first any more is a crowd of the past, and stands for nothing.
        self.earliest.load(Ordering::Acquire).max(self.crowd.load(Ordering::Relaxed))
    }

    /// Has the published words say what is so now; whether there is no timer. Called with the owner word held.
    fn find_next(&self, core: &mut Core) -> bool {
        self.sweep(core);
        self.settle(core);
        if self.stale.load(Ordering::Relaxed) {
            let earliest = core.levels.earliest(self.exact);
            // In a crowded slot the bound that stands may be the better one; it is never too late.
            self.publish(earliest.max(self.earliest.load(Ordering::Relaxed)), false);
        }
        let none = self.earliest.load(Ordering::Relaxed) == NEVER;
        if none && !mutant("timer-sign-without-owner-word") {
            self.used.store(false, Ordering::Relaxed);
        }
        none
    }
}
