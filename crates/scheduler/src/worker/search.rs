//! Looking for tasks that others have, and having others look.

use std::time::Duration;

use heist_core::sync::atomic::Ordering;
use heist_core::sync::hint;

use super::Worker;
use crate::queue::Steal;
use crate::task::Raw;

/// The backlog, in nanoseconds of expected gain ([`gain`]), for which a helper is woken. A wake-up costs about 5 us on
/// each side; below some twenty times that it does not pay.
const HELP_WORTH: u64 = 100_000;

/// The backlog for which a worker that is awake and has nothing else to do takes from another: the wake-up is paid.
const STEAL_WORTH: u64 = 25_000;

/// What it costs, in nanoseconds, to run a task on another core than the one that has it in its cache. Tasks that are
/// shorter gain nothing from help, however many they are: with 1000 ping-pong pairs of 90 ns a poll a helper makes the
/// batch three times slower.
const MOVE_COST: u64 = 200;

/// What is gained, in nanoseconds, when `tasks` tasks with polls of `poll_time` run elsewhere.
#[inline]
fn gain(tasks: usize, poll_time: u64) -> u64 {
    (tasks as u64).saturating_mul(poll_time.saturating_sub(MOVE_COST))
}

/// How often a worker that other threads feed looks at the injector before it sleeps.
const LOOKS: usize = 2;

/// How long it waits before each of these looks, and at least from one look that leaves nothing to the next: less than the
/// wake-up that it saves, and long enough for those who feed it to bring a hundred tasks. A look takes a line of the cache
/// from a thread that pushes; on two cores far apart that costs both some 300 ns. Without this wait a worker that is a little
/// faster than that thread takes its tasks one by one: 250 ns a task instead of 50.
const PAUSE: Duration = Duration::from_micros(2);

/// The most turns of one pause: virtual time does not pass.
const MOST_SPINS: usize = 1_000;

/// The most sleeps for which a worker that lingered in vain does not linger again. A thread that hands over one task and waits
/// for the answer is never quick enough: with it 4 us are spent in vain once in so many round trips.
pub(super) const MOST_SLEEPS_AT_ONCE: u32 = 63;

impl Worker {
    /// Whether there is nothing to search: nobody else is awake, and nothing lies about. Who never counts as searching is
    /// relied on by nobody, and looks again when others see that it sleeps.
    #[inline(always)]
    pub(super) fn sees_nothing(&self) -> bool {
        self.shared.injector.len() == 0 && self.shared.idle.find_awake(self.index, 0, Some).is_none()
    }

    /// Stays awake for a moment for another thread that brings tasks one by one: a sleep and a wake-up cost more than the
    /// moment, on both sides. `true` when there is something.
    #[inline]
    pub(super) fn lingers(&self) -> bool {
        self.fed.replace(false) && self.lingers_as_fed()
    }

    #[inline(never)]
    fn lingers_as_fed(&self) -> bool {
        let mut drained_at = self.drained_at.take();
        if cfg!(heist_loom) || !self.patience.has_some() {
            return false;
        }
        for _ in 0..LOOKS {
            self.pause_since(drained_at.take());
            if self.shared.injector.len() > 0 {
                self.patience.was_rewarded();
                return true;
            }
        }
        self.patience.was_in_vain();
        false
    }

    /// Whether all that was injected was taken less than a [`PAUSE`] ago.
    pub(super) fn has_just_drained(&self) -> bool {
        let just = self.drained_at.get().is_some_and(|at| self.is_within_pause(at));
        if !just {
            self.drained_at.set(None);
        }
        just
    }

    fn is_within_pause(&self, since: u64) -> bool {
        let stopwatch = &self.shared.stopwatch;
        let passed = stopwatch.read(&self.shared.clock).saturating_sub(since);
        stopwatch.span(passed) < PAUSE
    }

    /// Does nothing until a [`PAUSE`] has passed since that reading of the stopwatch, or from now on.
    fn pause_since(&self, since: Option<u64>) {
        let since = since.unwrap_or_else(|| self.shared.stopwatch.read(&self.shared.clock));
        for _ in 0..MOST_SPINS {
            if !self.is_within_pause(since) {
                break;
            }
            hint::spin_loop();
        }
    }

    /// Looks for a task in the other workers' queues. Compiled into the loop of turns: where nobody else is awake, a call costs more
    /// than the look.
    #[inline(always)]
    pub(super) fn search(&self) -> Option<Raw> {
        if !self.searching.get() && (self.sees_nothing() || !self.shared.idle.start_searching()) {
            return None;
        }
        self.search_others()
    }

    #[inline(never)]
    fn search_others(&self) -> Option<Raw> {
        self.searching.set(true);
        for _ in 0..2 {
            let mut again = false;
            let start = self.context.random_below(self.shared.slots.len());
            let stolen = self.shared.idle.find_awake(self.index, start, |victim| {
                if !self.is_worth_stealing(victim) {
                    return None;
                }
                match self.shared.slot(victim).stealer.steal_into(&self.queue) {
                    Steal::Task(task) => {
                        self.slot().tally.stolen();
                        return Some(task);
                    }
                    Steal::Empty => {}
                    Steal::Retry => again = true,
                }
                None
            });
            if stolen.is_some() {
                return stolen;
            }
            if let Some(task) = self.take_injected(true) {
                return Some(task);
            }
            if !again {
                break;
            }
        }
        None
    }

    /// Whether a victim's backlog is worth moving, or the victim cannot run it.
    #[inline]
    pub(super) fn is_worth_stealing(&self, victim: usize) -> bool {
        let slot = self.shared.slot(victim);
        match slot.stealer.len() {
            0 => false,
            len => {
                gain(len, slot.poll_time.load(Ordering::Relaxed).into()) >= STEAL_WORTH
                    || slot.stuck.load(Ordering::Relaxed)
            }
        }
    }

    /// Work was found: stops searching, and the last searcher passes the duty to wake on.
    #[inline(always)]
    pub(super) fn found_work(&self) {
        if self.searching.get() {
            self.end_search();
        }
    }

    #[inline(never)]
    pub(super) fn end_search(&self) {
        self.searching.set(false);
        if self.shared.idle.stop_searching() {
            // Publishers that saw a searcher did nothing: this is their wake, if it is still needed.
            if self.shared.injector.may_have_any() || self.shared.stuck.load(Ordering::Relaxed) > 0 {
                self.shared.notify();
            } else {
                self.wake_helper();
            }
        }
    }

    /// Wakes a helper if the backlog has earned one.
    #[inline]
    pub(super) fn wake_helper(&self) {
        // First what is quickly known, and mostly so.
        if self.poll_time.get() > MOVE_COST && self.shared.idle.any() {
            self.wake_helper_if_earned();
        }
    }

    #[inline(never)]
    fn wake_helper_if_earned(&self) {
        let backlog = self.queue.len() + self.shared.injector.len();
        if gain(backlog, self.poll_time.get()) >= HELP_WORTH {
            self.shared.notify();
        }
    }
}
