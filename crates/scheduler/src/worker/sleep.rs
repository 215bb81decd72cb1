//! How a worker sleeps: the sleeper's side of the handshake in [`crate::idle`], the wait itself, and virtual time.

use heist_core::clock::NEVER;
use heist_core::sync::atomic::Ordering;
use std::time::Duration;

use super::Worker;
use crate::shared::{CLOSED, CLOSING, PAUSED, Shared};

/// The longest sleep of a worker while its loop is being closed.
const CLOSING_NAP: Duration = Duration::from_millis(5);

impl Worker {
    /// Sleeps until there may be something to do. `last` ends the sleep when it becomes true; it is asked after others
    /// can see that this worker sleeps.
    pub(super) fn sleep(&self, mut last: impl FnMut() -> bool) {
        let shared = &*self.shared;
        shared.idle.prepare_to_sleep(self.index, self.searching.replace(false));
        if self.sees_work() || last() {
            self.wake_up();
            return;
        }
        if self.is_surplus() {
            self.wake_up();
            // Only from here: others could see it sleep, and nobody chose it, so nobody counts on it.
            self.gone.set(!self.searching.get());
            return;
        }
        let deadline = if shared.clock.is_virtual() {
            self.sleep_or_jump();
            shared.next_deadline(self.index)
        } else {
            let deadline = self.next_deadline();
            self.wait(deadline);
            self.wake_up();
            // Nobody else arms a timer on this worker; who puts a callback for later unparks it.
            deadline
        };
        if deadline == NEVER {
            // No timer, no need to know the time.
            self.restart_look(NEVER);
        } else {
            let now = shared.clock.now();
            self.drive(|| shared.driver.turn(self.index, now, false));
            self.fire_timed(now);
            self.restart_look(now);
        }
        let slot = self.slot();
        slot.looks.store(slot.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.wake_helper();
    }

    /// When this worker has something to do that waits for a time, at the earliest. Without a call where it has no timer.
    #[inline(always)]
    pub(super) fn next_deadline(&self) -> u64 {
        let driver = &self.shared.driver;
        let timers = if self.context.may_have_timers() { driver.next_deadline(self.index) } else { NEVER };
        self.shared.earliest(self.index, timers)
    }

    /// Waits in the driver or on the parker until `deadline`.
    #[inline(always)]
    pub(super) fn wait(&self, deadline: u64) {
        let shared = &*self.shared;
        let (tally, now) = (&self.slot().tally, || shared.stopwatch.read(&shared.clock));
        let begun = now();
        tally.rests(begun);
        let called = self.wait_until(deadline);
        let ended = now();
        tally.goes_on(ended);
        self.slept(called, ended.saturating_sub(begun));
    }

    /// Whether somebody called this worker while it waited.
    #[inline(always)]
    fn wait_until(&self, mut deadline: u64) -> bool {
        if deadline != NEVER {
            self.slack.take_away();
        }
        let shared = &*self.shared;
        let parker = &self.slot().parker;
        if let Some(limit) = self.nap.get() {
            // A pass of a loop that is driven by hand.
            if shared.clock.is_virtual() {
                return parker.park(Some(limit));
            }
            deadline = deadline.min(shared.clock.deadline_in(limit));
        }
        if shared.phase() >= CLOSING {
            // Whoever closes the loop has a limit to keep.
            if shared.clock.is_virtual() {
                return parker.park(Some(CLOSING_NAP));
            }
            deadline = deadline.min(shared.clock.deadline_in(CLOSING_NAP));
        }
        // Where the driver begins is computed from its type: once is enough.
        let driver = &*shared.driver;
        if driver.claim(self.index) {
            let mut called = false;
            if parker.begin_driver() {
                self.drive(|| driver.park(self.index, deadline));
                called = parker.end_driver();
            }
            driver.release(self.index);
            return called;
        }
        if deadline == NEVER {
            return parker.park(None);
        }
        let now = shared.clock.now();
        deadline > now && parker.park(Some(Duration::from_nanos(deadline - now)))
    }

    /// This worker no longer sleeps; if somebody chose it, it searches on their behalf.
    pub(super) fn wake_up(&self) {
        if !self.local {
            // Before others see it awake, and an old stamp.
            self.stamp();
        }
        if !self.shared.idle.stop_sleeping(self.index) {
            self.slot().tally.woken();
            self.searching.set(true);
        }
        self.shared.watchdog.worker_awake();
    }

    /// Whether there is anything that a worker about to sleep must not sleep over.
    #[inline(always)]
    pub(super) fn sees_work(&self) -> bool {
        let shared = &*self.shared;
        if shared.injector.may_have_any() || shared.phase() == PAUSED || shared.phase() == CLOSED {
            return true;
        }
        if self.slot().main_woken.load(Ordering::Acquire) {
            return true;
        }
        self.sees_backlog()
    }

    /// Whether an awake worker has more than it should run alone.
    #[inline(always)]
    pub(super) fn sees_backlog(&self) -> bool {
        let worth = |victim| self.is_worth_stealing(victim).then_some(());
        self.shared.idle.find_awake(self.index, 0, worth).is_some()
    }

    /// Sleeps under virtual time, and wakes up. The last worker to sleep lets time jump to the next deadline of any
    /// worker.
    pub(super) fn sleep_or_jump(&self) {
        let shared = &*self.shared;
        {
            let _jump = shared.jump.lock();
            if shared.all_quiet() {
                self.drive(|| shared.driver.turn(self.index, shared.clock.now(), true));
                self.shared.fire_timed(shared.clock.now());
                if self.has_anything() || !shared.all_quiet() || self.jump() {
                    // Before the lock goes: whoever takes it next must see that this worker has something to do.
                    return self.wake_up();
                }
            }
        }
        // Whoever ends the reason for waiting (a push, a wake, the last hold) unparks a sleeper.
        self.wait(NEVER);
        self.wake_up();
    }

    /// Moves time to the next deadline and fires what is due, on behalf of all workers; `false` when nothing is armed.
    pub(super) fn jump(&self) -> bool {
        let shared = &*self.shared;
        let slots = 0..shared.slots.len();
        let next = slots.clone().map(|worker| shared.next_deadline(worker)).min().unwrap_or(NEVER);
        if next == NEVER {
            return false;
        }
        shared.clock.advance_to(next);
        for worker in slots {
            if shared.driver.next_deadline(worker) <= next {
                self.drive(|| {
                    if worker == self.index {
                        shared.driver.turn(worker, next, false);
                    } else {
                        shared.driver.rescue(worker, next);
                    }
                });
            }
        }
        self.shared.fire_timed(next);
        true
    }

    pub(super) fn has_anything(&self) -> bool {
        self.has_own_work() || !self.fifo_is_empty() || self.main_turn.get() > 0
    }
}

impl Shared {
    /// Whether no worker runs anything and nothing is on its way: time may jump. The caller sleeps.
    fn all_quiet(&self) -> bool {
        // Who sleeps is read last: a worker clears its bit before it takes the wake of `block_on`'s future, a task or a
        // hold, so what was taken between the two looks shows here.
        !self.injector.may_have_any()
            && !self.main_woken().load(Ordering::Acquire)
            && self.clock.holds() == 0
            && self
                .slots
                .iter()
                .all(|slot| slot.stealer.is_empty() && slot.lifo.load(Ordering::Acquire).is_null())
            && self.idle.all_sleep()
    }
}
