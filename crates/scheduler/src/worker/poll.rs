//! The straight line: one poll of one task.
//!
//! What most polls need is in line; what few do (debug mode, a request for cancellation, a failure, the end of a loop) is in
//! functions of its own, behind one test each.

use std::time::Instant;

use heist_core::sync::atomic::Ordering;

use super::deliver::Turn;
use super::{Worker, deliver};
use crate::shared::CLOSING;
use crate::task::state::{Access, CANCELLED, End, FAILED};
use crate::task::{Kind, Raw};

impl Worker {
    /// Polls one task.
    #[inline(never)]
    pub(crate) fn poll(&self, task: Raw) {
        let again = if self.shared.debug.is_on() {
            self.poll_watched(task)
        } else {
            self.poll_here(task, self.access())
        };
        if again {
            self.requeue(task);
        }
    }

    /// In debug mode: tells of a poll that took long.
    #[cold]
    #[inline(never)]
    fn poll_watched(&self, task: Raw) -> bool {
        let begun = Instant::now();
        // The poll may be the last, and the name is wanted after it.
        task.acquire();
        let again = self.poll_here(task, self.access());
        self.shared.debug.end_poll(Some(begun), task);
        task.release();
        again
    }

    /// As [`poll`](Self::poll), compiled into its caller, who says how this worker may touch the word of its tasks, and is
    /// told whether to queue the task again. Debug mode is the caller's to look after.
    #[inline(always)]
    pub(super) fn poll_here(&self, task: Raw, access: Access) -> bool {
        let header = task.header();
        self.count_poll(header.id);
        let start = header.word.start();
        let mut polled = deliver::InCell(task);
        match deliver::poll(&self.context, task, access, start, &mut polled) {
            Turn::Pending => header.word.end(access, start) == End::Again,
            Turn::Again => true,
            Turn::Ready(outcome) => {
                self.end(task, access, outcome);
                false
            }
        }
    }

    /// A task has ended, in its poll.
    #[inline(always)]
    fn end(&self, task: Raw, access: Access, outcome: u64) {
        if task.header().vtable.kind != Kind::Callback {
            self.slot().tally.task_ended();
        }
        if outcome & (FAILED | CANCELLED) == FAILED {
            self.shared.task_panicked(task);
        }
        // SAFETY: this worker polled the task and does not touch it afterwards.
        unsafe { task.complete(access, outcome) };
        if self.shared.phase() >= CLOSING {
            self.shared.task_ended_while_closing();
        }
    }

    #[inline]
    pub(super) fn count_poll(&self, id: u64) {
        let slot = self.slot();
        // A load and a store: only this worker writes the count. Relaxed: the watchdog only compares counts, and a report of
        // a stuck task may name the one before.
        slot.polls.store(slot.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        slot.current_id.store(id, std::sync::atomic::Ordering::Relaxed);
    }
}
