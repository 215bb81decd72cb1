//! Waiting awake: a worker that is about to sleep, and was woken soon after its last sleep began, first looks out for a moment
//! for what would wake it.

use heist_core::clock::nanos;
use heist_core::patience::LONGEST_WAIT;
use heist_core::sync::hint;
use std::time::Duration;

use super::Worker;
use crate::shared::RUNNING;

/// How often who looks after I/O takes in readiness while it waits: a system call of less than 1 us.
const IO_INTERVAL: Duration = Duration::from_micros(5);

impl Worker {
    /// A sleep has ended after so many readings of the stopwatch; whether somebody called this worker.
    #[inline]
    pub(super) fn slept(&self, called: bool, readings: u64) {
        let shared = &*self.shared;
        let for_news = called && (shared.injector.len() > 0 || self.main_may_be_due());
        self.waits.slept(for_news.then(|| shared.stopwatch.span(readings)));
    }

    /// Stays awake for a moment if that would have paid the last time. `true` when there is something.
    #[inline]
    pub(super) fn waits_awake(&self, last: &mut impl FnMut() -> bool) -> bool {
        self.waits.may_wait() && self.may_wait() && !last() && self.wait_awake()
    }

    fn may_wait(&self) -> bool {
        !cfg!(heist_loom)
            && self.index < self.shared.workers
            && !self.shared.clock.is_virtual()
            && self.nap.get().is_none()
            && self.shared.phase() == RUNNING
            && self.becomes_only_searcher()
    }

    /// Whether this worker searches, and nobody else: a push is left to it then, and who else has nothing to do sleeps.
    fn becomes_only_searcher(&self) -> bool {
        self.local || {
            let only = self.shared.idle.search_alone(self.searching.get());
            self.searching.set(self.searching.get() || only);
            only
        }
    }

    #[inline(never)]
    fn wait_awake(&self) -> bool {
        let shared = &*self.shared;
        let now = shared.clock.now();
        if shared.next_deadline(self.index) < now.saturating_add(nanos(LONGEST_WAIT)) {
            return false;
        }
        let drives = shared.driver.claim(self.index);
        let found = self.look_out(drives, now);
        if drives {
            shared.driver.release(self.index);
        }
        if found != Some(false) {
            self.waits.ended(found.is_some());
        }
        found.is_some()
    }

    /// Whether somebody brought something, or the driver did (`false`).
    fn look_out(&self, drives: bool, now: u64) -> Option<bool> {
        let shared = &*self.shared;
        let read = || shared.stopwatch.read(&shared.clock);
        let (begun, mut driven) = (read(), None);
        loop {
            if shared.injector.len() > 0 || self.slot().parker.take_token() {
                return Some(true);
            }
            let worth = |victim| self.is_worth_stealing(victim).then_some(());
            if !self.local && shared.idle.find_awake(self.index, 0, worth).is_some() {
                return Some(false);
            }
            let passed = read().saturating_sub(begun);
            if shared.stopwatch.span(passed) > LONGEST_WAIT {
                return None;
            }
            if drives && driven.is_none_or(|at| shared.stopwatch.span(passed - at) > IO_INTERVAL) {
                self.drive(|| shared.driver.turn(self.index, now, true));
                if self.has_anything() {
                    return Some(false);
                }
                driven = Some(passed);
            }
            hint::spin_loop();
        }
    }
}
