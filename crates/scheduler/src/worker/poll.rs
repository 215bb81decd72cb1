//! The straight line: one poll of one task.

use std::task::Poll;

use heist_core::sync::atomic::Ordering;

use super::{Worker, deliver};
use crate::shared::CLOSING;
use crate::task::state::{Access, CANCELLED, End, FAILED};
use crate::task::{Kind, Raw};

impl Worker {
    /// Polls one task.
    #[inline]
    pub(crate) fn poll(&self, task: Raw) {
        let header = task.header();
        let access = if self.shared.local { Access::Owner } else { Access::Shared };
        self.count_poll(header.id);
        let mut start = header.word.start(access);
        let watched = self.shared.debug.begin();
        let (polled, again) =
            deliver::poll(&self.context, task, access, &mut start, &mut deliver::InCell(task));
        self.shared.debug.end_poll(watched, task);
        if let Poll::Ready(outcome) = polled {
            if header.vtable.kind != Kind::Callback {
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
        } else if again || header.word.end(access, start) == End::Again {
            self.requeue(task);
        }
    }

    #[inline]
    pub(super) fn count_poll(&self, id: u64) {
        let polls = self.polls.get().wrapping_add(1);
        self.polls.set(polls);
        let slot = self.slot();
        // Relaxed: the watchdog only compares counts, and a report of a stuck task may name the one before.
        slot.polls.store(polls, Ordering::Relaxed);
        slot.current_id.store(id, std::sync::atomic::Ordering::Relaxed);
        self.until_look.set(self.until_look.get().wrapping_sub(1));
    }
}
