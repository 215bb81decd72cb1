//! [`TaskRef`]: a task without its output.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use heist_core::CancelledError;

use super::header::Raw;
use super::state::{CANCELLED, COMPLETE, FAILED};

/// A task without its output, for naming, watching and cancelling it.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(std::future::pending::<()>()).with_name("waits");
/// let task_ref = task.task_ref();
/// assert_eq!(&*task_ref.name(), "waits");
/// task_ref.cancel();
/// assert!(task.await.is_err() && task_ref.cancelled());
/// # }).unwrap();
/// ```
pub struct TaskRef {
    raw: Raw,
}

// SAFETY: everything reachable is an atomic, a lock or never changes.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// Wraps a cell.
    ///
    /// # Safety
    ///
    /// `raw` counts a reference for this value.
    pub(crate) unsafe fn from_raw(raw: Raw) -> Self {
        Self { raw }
    }

    pub(crate) fn raw(&self) -> Raw {
        self.raw
    }

    /// As [`Task::cancel`](super::Task::cancel).
    pub fn cancel(&self) -> bool {
        self.raw.cancel(CancelledError::new(None))
    }

    /// As [`Task::cancel_with`](super::Task::cancel_with).
    pub fn cancel_with(&self, message: &str) -> bool {
        self.raw.cancel(CancelledError::new(Some(message)))
    }

    /// As [`cancel`](Self::cancel), for the reason that somebody else gave.
    pub fn cancel_because(&self, error: CancelledError) -> bool {
        self.raw.cancel(error)
    }

    /// As [`Task::cancelling`](super::Task::cancelling).
    pub fn cancelling(&self) -> u32 {
        self.raw.cancelling()
    }

    /// As [`Task::uncancel`](super::Task::uncancel).
    pub fn uncancel(&self) -> u32 {
        self.raw.uncancel()
    }

    /// Whether the task has ended, cancelled.
    pub fn cancelled(&self) -> bool {
        let word = self.raw.header().word.load();
        word & COMPLETE != 0 && word & CANCELLED != 0
    }

    /// The task that this one awaits, if it awaits one alone.
    pub fn awaited(&self) -> Option<TaskRef> {
        self.raw.awaited()
    }

    /// Whether the task has ended.
    pub fn done(&self) -> bool {
        self.raw.is_complete()
    }

    /// A number that no other task of the process has.
    pub fn id(&self) -> u64 {
        self.raw.header().id
    }

    /// The id of the task that created this one; `None` when it was created outside any.
    pub fn parent(&self) -> Option<u64> {
        Some(self.raw.header().parent()).filter(|&id| id != 0)
    }

    /// The name: the one given, or `Task-` and the id.
    pub fn name(&self) -> Arc<str> {
        self.raw.name()
    }

    /// Gives the task a name.
    pub fn set_name(&self, name: impl Into<Arc<str>>) {
        *self.raw.cold().name.lock() = Some(name.into());
    }

    /// Where the task was created.
    pub fn location(&self) -> &'static Location<'static> {
        self.raw.header().location
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.raw.acquire();
        Self { raw: self.raw }
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        self.raw.release();
    }
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for TaskRef {}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.raw, "TaskRef", f)
    }
}

/// Debug text: the name, the state, and where the task was created.
pub(super) fn describe(raw: Raw, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let word = raw.header().word.load();
    let state = match word {
        word if word & COMPLETE != 0 && word & CANCELLED != 0 => "cancelled",
        word if word & COMPLETE != 0 && word & FAILED != 0 => "failed",
        word if word & COMPLETE != 0 => "finished",
        _ if raw.cancelling() > 0 => "cancelling",
        _ => "pending",
    };
    let mut text = f.debug_struct(what);
    text.field("name", &raw.name()).field("state", &format_args!("{state}"));
    if let Some(awaited) = raw.awaited() {
        text.field("awaits", &awaited.name());
    }
    text.field("created", &format_args!("{}", raw.header().location)).finish_non_exhaustive()
}
