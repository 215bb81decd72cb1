//! The look at time and I/O, every [`LOOK_POLLS`] polls or so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use heist_core::clock::NEVER;
use heist_core::sync::atomic::Ordering;

use super::{LOOK_POLLS, Worker};

/// Where polls are so short that [`LOOK_POLLS`] of them take less than this, in nanoseconds, there may be up to four times
/// as many: a look costs some 100 ns, and with readiness to take in a system call.
const SHORTEST_LOOK: u64 = 10_000;

/// How many polls of so many nanoseconds there are to be from one look to the next. Computed where they are measured: a
/// division takes as long as half of what else there is to do after a sleep.
pub(super) fn polls_between(look_interval: u64, poll_time: u64) -> u64 {
    let poll_time = poll_time.max(1);
    let most = (SHORTEST_LOOK / poll_time).clamp(u64::from(LOOK_POLLS), 4 * u64::from(LOOK_POLLS));
    (look_interval / poll_time).clamp(1, most)
}

impl Worker {
    /// Fires what is due, takes in readiness and a share of the injector, and adapts how often to look.
    ///
    /// `true` where somebody has asked for the end of the run, which has begun then.
    #[inline(never)]
    pub(crate) fn look(&self) -> bool {
        let now = self.shared.clock.now();
        let slot = self.slot();
        let polls = slot.polls.load(Ordering::Relaxed) - self.polls_at_look.get();
        if polls > 0 && self.looked_at.get() != NEVER {
            let average = now.saturating_sub(self.looked_at.get()) / polls;
            // A moving average over about four looks.
            let average = (self.poll_time.get() * 3 + average) / 4;
            self.poll_time.set(average);
            self.polls_to_look.set(polls_between(self.look_interval, average));
            slot.poll_time.store(average.try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        let ends = slot.is_asked_to_look() && self.heed();
        self.restart_look(now);
        slot.looks.store(slot.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        if self.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            slot.tally.is_ready(unsafe { (*self.fifo.get()).len() });
        }
        let io = self.shared.driver.io_waiting();
        self.drive(|| self.shared.driver.turn(self.index, now, io));
        self.fire_timed(now);
        if self.local {
            return ends;
        }
        self.stamp();
        // Whoever injects must not wait for this worker's own queue to run dry.
        if let Some(task) = self.take_injected(false) {
            self.push_back(task);
        }
        self.wake_helper();
        ends
    }

    /// Lets the watchdog know that this worker moves on.
    #[inline]
    pub(super) fn stamp(&self) {
        let now = self.shared.watchdog.now();
        // Relaxed: the watchdog and others only compare it with the time.
        self.slot().stamp.store(now, Ordering::Relaxed);
        // (A model has no time.)
        if now >= self.alarm_at.get() && !cfg!(heist_loom) {
            self.put_off_alarm(now);
        }
    }

    #[cold]
    fn put_off_alarm(&self, now: u64) {
        self.alarm_at.set(now.saturating_add(self.shared.watchdog.put_off_interval()));
        self.shared.put_off_alarm(now);
    }

    /// Calls the driver: what it wakes is queued in order. It wakes anybody's wakers; one that panics has been reported
    /// by the panic hook and must not end the worker.
    #[inline]
    pub(super) fn drive(&self, call: impl FnOnce()) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.context.in_order(call)));
    }

    /// Has the callbacks called that are due, which are worker 0's to look after.
    #[inline]
    pub(super) fn fire_timed(&self, now: u64) {
        if self.index == 0 {
            self.shared.fire_timed(now);
        }
    }

    /// A stretch of polls begins at `now`; [`NEVER`] where that is not known, and the stretch is not measured.
    pub(super) fn restart_look(&self, now: u64) {
        self.looked_at.set(now);
        let slot = self.slot();
        self.polls_at_look.set(slot.polls.load(Ordering::Relaxed));
        if self.put_off_look() {
            // Not what this look was for: the next one takes it.
            slot.ask_to_look();
        }
    }

    /// Has the next look come when it is due; whether somebody had asked for it before.
    pub(crate) fn put_off_look(&self) -> bool {
        self.slot().put_off_look(self.polls_to_look.get())
    }
}
