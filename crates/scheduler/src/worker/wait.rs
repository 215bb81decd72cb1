//! Waiting awake: a worker that is about to sleep, and was woken soon after it last fell asleep, first looks out for a moment for
//! what others bring. When, for how long, and why no wake is lost: `docs/design/sleep-wake.md`.

use std::time::Duration;

use heist_core::clock::{NEVER, nanos};
use heist_core::patience::LONGEST_WAIT;
use heist_core::sync::hint;

use super::Worker;
use crate::shared::RUNNING;

/// How often who looks after I/O takes in readiness meanwhile: a system call of less than 1 us.
const IO_INTERVAL: Duration = Duration::from_micros(5);

/// What a thread of the pool takes for a short job and what goes with it.
const SHORT_JOB: Duration = Duration::from_nanos(60);

/// The longest time for which a worker lets such threads go ahead.
const LONGEST_LEAD: Duration = Duration::from_micros(2);

/// The most sleeps for which a worker that did so in vain does not again: while jobs are long, 2 us in 64.
pub(super) const MOST_SLEEPS_WITHOUT_LEAD: u32 = 63;

/// What a wait has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// What another thread brought: what the wait was for.
    News,
    /// Something to do that would have been found without a wake-up, too.
    Work,
    Nothing,
}

impl Worker {
    /// A sleep has ended after so many readings of the stopwatch; whether somebody called this worker. To have been called for
    /// a backlog, or to be shown readiness, is no sign that waiting pays.
    #[inline]
    pub(super) fn slept(&self, called: bool, readings: u64) {
        let shared = &*self.shared;
        let for_news = called && (shared.injector.len() > 0 || self.main_may_be_due());
        self.waits.slept(for_news.then(|| shared.stopwatch.span(readings)));
    }

    /// Stays awake for a moment where that would have paid before. `true` when there is something. No sleep may come where
    /// `last` says so, and no wait.
    #[inline]
    pub(super) fn waits_awake(&self, last: &mut impl FnMut() -> bool) -> bool {
        self.waits.may_wait() && self.is_free_to_wait() && !last() && self.wait_awake()
    }

    fn is_free_to_wait(&self) -> bool {
        // (A model has no time.)
        !cfg!(heist_loom)
            && self.index < self.shared.workers
            && !self.shared.clock.is_virtual()
            && self.nap.get().is_none()
            && self.shared.phase() == RUNNING
            && self.becomes_only_searcher()
    }

    /// Whether this worker searches now, and nobody else: pushes are left to it then.
    fn becomes_only_searcher(&self) -> bool {
        if self.local {
            return true;
        }
        let searches = self.searching.get();
        let alone = self.shared.idle.search_alone(searches);
        self.searching.set(searches || alone);
        alone
    }

    #[inline(never)]
    fn wait_awake(&self) -> bool {
        let shared = &*self.shared;
        let now = shared.clock.now();
        if self.next_deadline() < now.saturating_add(nanos(LONGEST_WAIT)) {
            return false;
        }
        let drives = shared.driver.claim(self.index);
        let found = self.look_out(drives, now);
        if drives {
            shared.driver.release(self.index);
        }
        // No poll took this long: the stretch is not measured. The look at its end comes when it is due all the same.
        self.looked_at.set(NEVER);
        if found != Found::Work {
            self.waits.ended(found == Found::News);
        }
        found != Found::Nothing
    }

    fn look_out(&self, drives: bool, now: u64) -> Found {
        let shared = &*self.shared;
        let read = || shared.stopwatch.read(&shared.clock);
        let (begun, mut next_turn) = (read(), Duration::ZERO);
        loop {
            if shared.injector.len() > 0 || self.slot().parker.take_token() {
                self.lets_pool_go_ahead();
                return Found::News;
            }
            let passed = shared.stopwatch.span(read().saturating_sub(begun));
            if drives && passed >= next_turn {
                self.drive(|| shared.driver.turn(self.index, now, true));
                next_turn = passed + IO_INTERVAL;
            }
            if self.has_anything() || self.sees_backlog() {
                return Found::Work;
            }
            if passed > LONGEST_WAIT {
                return Found::Nothing;
            }
            hint::spin_loop();
        }
    }

    /// Something has come. Where the pool's threads have short jobs before them it is the end of one, and who waits for it most
    /// likely waits for the next one then: a few of them are waited for at once. Job by job each side waits for the other's
    /// writes all the time.
    fn lets_pool_go_ahead(&self) {
        let shared = &*self.shared;
        let ready = shared.pool.ready();
        if ready == 0 || !self.lead.has_some() {
            return;
        }
        let read = || shared.stopwatch.read(&shared.clock);
        let begun = read();
        let lead = SHORT_JOB.saturating_mul(ready.try_into().unwrap_or(u32::MAX)).min(LONGEST_LEAD);
        while shared.stopwatch.span(read().saturating_sub(begun)) < lead {
            hint::spin_loop();
        }
        if shared.pool.ready() + 1 < ready { self.lead.was_rewarded() } else { self.lead.was_in_vain() }
    }
}
