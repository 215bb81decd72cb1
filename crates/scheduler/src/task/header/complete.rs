//! How a task ends: what is stored becomes visible, who awaits it is woken, and the cell goes with its last reference.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::task::Waker;

use heist_core::context;
use heist_core::sync::atomic::Ordering;

use super::{Access, Complete, Header, Raw, TaskError, Watcher};

/// Wakes who awaits a task that has ended.
///
/// In order: who awaits many tasks is then polled once for those that end in one go. The waker may be anybody's; one that
/// panics has been reported by the panic hook and must not end the worker.
fn wake_joiner(waker: Waker) {
    let wake = || {
        context::with(|context| match context {
            Some(context) => context.in_order(|| waker.wake()),
            None => waker.wake(),
        });
    };
    let _ = catch_unwind(AssertUnwindSafe(wake));
}

impl Raw {
    /// Marks the task complete, once its output is stored: wakes who awaits it, gives up the registry's reference. `outcome`
    /// says how it ended.
    ///
    /// # Safety
    ///
    /// The caller is the side that polled the task, and does not touch it afterwards.
    #[inline]
    pub(crate) unsafe fn complete(self, access: Access, outcome: u64) {
        let header = self.header();
        // A look at one field for what nearly no task has: a tree, callbacks, a joiner on a foreign thread. (One that
        // comes now, and notes itself in the remote word, is found when that note is merged.)
        let id = header.id;
        if outcome == 0
            && header.cold.load(Ordering::Relaxed).is_null()
            && header.vtable.watcher.is_none()
            && header.word.complete_plain(access, self.advance())
        {
            crate::trace::task_ended(id);
            return;
        }
        match header.vtable.watcher {
            // SAFETY: passed on from the caller.
            None => unsafe { self.mark_complete(access, outcome) },
            // SAFETY: as above.
            Some(take) => unsafe { self.complete_watched(access, outcome, take) },
        }
    }

    /// As [`complete`](Self::complete), and tells the watcher.
    ///
    /// # Safety
    ///
    /// As for [`complete`](Self::complete); `take` is the one of the task's own table.
    #[inline(never)]
    unsafe fn complete_watched(
        self,
        access: Access,
        outcome: u64,
        take: unsafe fn(NonNull<Header>) -> Option<Watcher>,
    ) {
        // Taken out before, for the cell may be gone after; told after, so that whoever is told finds the task done.
        // SAFETY: this is the completing side, and completes the task once.
        let watcher = unsafe { take(self.0) };
        // SAFETY: passed on from the caller.
        unsafe { self.mark_complete(access, outcome) };
        if let Some(watcher) = watcher {
            crate::task::cell::discard(|| watcher.tell());
        }
    }

    /// The marking alone, of any task.
    ///
    /// # Safety
    ///
    /// As for [`complete`](Self::complete).
    #[inline(never)]
    unsafe fn mark_complete(self, access: Access, mut outcome: u64) {
        let header = self.header();
        crate::trace::task_ends(self);
        crate::trace::task_ended(header.id);
        if let Some(tree) = self.tree_if_any() {
            tree.end();
        }
        let mut dropped = false;
        let completed = loop {
            // The output's drop may count references of this task, so it comes before the word is looked at.
            if !dropped && header.word.is_unwanted() {
                dropped = true;
                if self.is_worth_telling(outcome) {
                    self.tell_unread();
                }
                // SAFETY: the future is gone, no handle is left, and only the completing side is here.
                unsafe { (header.vtable.drop_output)(self.0) };
            }
            self.gather(access);
            match header.word.complete(access, outcome, dropped, self.advance()) {
                Complete::Unwanted => continue,
                Complete::Asked => {}
                completed => break completed,
            }
            // asyncio: a task that is cancelled in its last step ends cancelled, and its value is lost.
            header.word.clear_cancel(access);
            if let Some(error) = self.tree_if_any().and_then(|tree| tree.take_fresh()) {
                // SAFETY: the future is gone, and only the completing side touches the stage until the task is marked.
                unsafe { (header.vtable.overrule)(self.0, TaskError::cancelled(error)) };
                // SAFETY: as above.
                outcome = unsafe { (header.vtable.outcome)(self.0) };
            }
        };
        match completed {
            Complete::Done | Complete::Asked | Complete::Unwanted => {}
            Complete::Free => self.free_complete(access),
            Complete::Notify => {
                // Who awaits the task came after who registered a callback: the handle was given up to the await.
                if self.has_callbacks() {
                    self.deliver_callbacks();
                }
                self.wake_foreign_joiner(access);
                if header.word.load() & crate::task::state::JOINER != 0 {
                    // SAFETY: with `JOINER` and `COMPLETE` set the slot belongs to this side alone.
                    let waker = header.joiner.with_mut(|slot| unsafe { (*slot).take() });
                    if let Some(waker) = waker {
                        self.unlink(&waker);
                        wake_joiner(waker);
                    }
                }
                self.release_with(access);
                return;
            }
        }
        if access == Access::Owner && completed == Complete::Done {
            self.wake_foreign_joiner(access);
        }
    }

    /// Wakes a foreign thread that waits for this local task. Owner only.
    #[inline]
    fn wake_foreign_joiner(self, access: Access) {
        if access == Access::Owner && self.header().remote.joined() {
            self.take_foreign_joiner();
        }
    }

    #[cold]
    pub(super) fn take_foreign_joiner(self) {
        let waker = self.cold().foreign_joiner.lock().take();
        if let Some(waker) = waker {
            wake_joiner(waker);
        }
    }

    /// The registry's was the last counted reference of a complete task.
    pub(super) fn free_complete(self, access: Access) {
        match access {
            Access::Shared => self.free(),
            Access::Owner => self.free_if_clear(),
        }
    }

    /// Frees a local cell whose count is zero, unless a note is on its way to the inbox, whose merge will. Owner only.
    fn free_if_clear(self) {
        // `gather` found no foreign reference either, so nobody is left who could count one.
        if self.header().remote.is_clear() {
            self.free();
        }
    }
}
