//! Looking for tasks that others have, and having others look.

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

/// How often a worker that other threads feed looks at the injector before it sleeps: about 2 us, less than the wake-up
/// that it saves. With tasks from a thread that is a little slower than the worker, 100 ns a task become 45.
const LINGER: usize = 100;

impl Worker {
    /// Whether there is nothing to search: nobody else is awake, and nothing lies about. Who never counts as searching is
    /// relied on by nobody, and looks again when others see that it sleeps.
    #[inline]
    pub(super) fn sees_nothing(&self) -> bool {
        self.shared.injector.len() == 0
            && self.shared.over.len() == 0
            && self.shared.idle.find_awake(self.index, 0, Some).is_none()
    }

    /// Stays awake for a moment for another thread that brings tasks one by one: a sleep and a wake-up cost more than the
    /// moment, on both sides. `true` when there is something.
    pub(super) fn lingers(&self) -> bool {
        if !self.fed.replace(false) || cfg!(heist_loom) {
            return false;
        }
        for _ in 0..LINGER {
            if self.shared.injector.len() > 0 {
                return true;
            }
            hint::spin_loop();
        }
        false
    }

    /// Looks for a task in the other workers' queues.
    pub(super) fn search(&self) -> Option<Raw> {
        if !self.searching.get() && (self.sees_nothing() || !self.shared.idle.start_searching()) {
            return None;
        }
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
            if let Some(task) = self.take(&self.shared.injector, true) {
                return Some(task);
            }
            if self.is_over_worth_taking() {
                if let Some(task) = self.take(&self.shared.over, true) {
                    return Some(task);
                }
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

    /// Whether what is over in the other workers' queues is worth moving, or one of them cannot come for it.
    pub(super) fn is_over_worth_taking(&self) -> bool {
        let shared = &*self.shared;
        match shared.over.len() {
            0 => false,
            len => {
                gain(len, shared.over_poll_time()) >= STEAL_WORTH
                    || shared.stuck.load(Ordering::Relaxed) > 0
                    || shared.runs_alone(self.index)
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
            if self.shared.injector.len() > 0 || self.shared.stuck.load(Ordering::Relaxed) > 0 {
                self.shared.notify();
            } else {
                self.wake_helper();
            }
        }
    }

    /// Wakes a helper if the backlog has earned one.
    #[inline]
    pub(super) fn wake_helper(&self) {
        let shared = &*self.shared;
        let backlog = self.queue.len() + self.over_len() + shared.over.len() + shared.injector.len();
        if gain(backlog, self.poll_time.get()) >= HELP_WORTH && shared.idle.any() {
            self.flush_over();
            shared.notify();
        }
    }
}
