//! How a task is woken, and gets to where it is polled.

use heist_core::context;
use heist_core::sync::mutant;

use super::{Access, Kind, LOCAL, Raw, Remote, Wake, Worker};

impl Raw {
    /// Wakes, and keeps the caller's reference. On the thread that polls the task, a flag that is read when the poll ends.
    #[inline]
    pub(crate) fn wake_by_ref(self) {
        let header = self.0.as_ptr().cast_const().cast();
        context::with(|context| match context {
            Some(context) if context.wake_current(header) => {}
            Some(context) if context.loop_id() == self.page().loop_id() => {
                // SAFETY: a context with the id of a loop of ours is the front of a `Worker`, set by its own run.
                self.wake_at_home(unsafe { Worker::from_context(context) });
            }
            _ => self.wake_from_elsewhere(),
        });
    }

    /// As [`wake_by_ref`](Self::wake_by_ref), on a worker of the task's loop.
    #[inline]
    fn wake_at_home(self, home: &Worker) {
        let word = &self.header().word;
        let access = if word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
        if word.wake_by_ref(access) == Wake::Queue {
            self.schedule_from(Some(home));
        }
    }

    /// As [`wake_by_ref`](Self::wake_by_ref), on any other thread.
    #[inline(never)]
    fn wake_from_elsewhere(self) {
        if self.on_word(|word, access| word.wake_by_ref(access), Remote::wake_by_ref, Wake::Nothing)
            == Wake::Queue
        {
            self.schedule();
        }
    }

    /// Wakes, and gives the caller's reference back: a worker of the loop does both in one step.
    ///
    /// Another thread needs its reference until it has queued the task *and* told a sleeper: it keeps the cell, the cell
    /// its page, and the page the loop's shared block, which may otherwise be freed between the two.
    #[inline]
    pub(crate) fn wake_by_value(self) {
        self.with_home(|home| {
            if home.is_none() && !mutant("task-wake-keeps-loop") {
                self.wake_by_ref();
                self.release();
                return;
            }
            let header = self.header();
            let access = if header.word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
            self.gather(access);
            match header.word.wake_by_value(access) {
                Wake::Queue => self.schedule_from(home),
                Wake::Nothing => {}
                Wake::Free => self.free_complete(access),
            }
        });
    }

    /// Has the task polled, and told of a cancellation; `None` when it has ended.
    pub(in crate::task) fn request_poll(self) -> Option<Wake> {
        self.on_word(|word, access| word.cancel(access), Remote::cancel, Some(Wake::Nothing))
    }

    /// Puts a task whose `IDLE` this thread cleared where it will be run.
    pub(crate) fn schedule(self) {
        self.with_home(|home| self.schedule_from(home));
    }

    /// As [`schedule`](Self::schedule), by the worker that this thread is, if it is one of the task's loop.
    #[inline]
    fn schedule_from(self, home: Option<&Worker>) {
        match home {
            Some(worker) if self.header().vtable.kind.is_queued() => worker.schedule(self),
            _ => self.schedule_otherwise(home),
        }
    }

    /// As [`schedule_from`](Self::schedule_from), of what few wakes are: from another thread, or of what is in no queue.
    #[inline(never)]
    fn schedule_otherwise(self, home: Option<&Worker>) {
        match (self.header().vtable.kind, home) {
            // A current-thread loop has the future of `block_on` in its one queue, like any task.
            (Kind::Main, _) if !self.shared().local => self.shared().wake_main(),
            // Its one poll is under way or queued on the pool.
            (Kind::Blocking, _) => {}
            (_, Some(worker)) => worker.schedule(self),
            (_, None) => self.shared().inject(self),
        }
    }
}
