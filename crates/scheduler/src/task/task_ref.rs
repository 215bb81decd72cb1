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
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// assert!(task.task_ref().cancel());
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancel(&self) -> bool {
        self.raw.cancel(CancelledError::new(None))
    }

    /// As [`Task::cancel_with`](super::Task::cancel_with).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// task.task_ref().cancel_with("no longer needed");
    /// let error = task.await.unwrap_err();
    /// assert_eq!(error.as_cancelled().unwrap().message(), Some("no longer needed"));
    /// # }).unwrap();
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.raw.cancel(CancelledError::new(Some(message)))
    }

    /// As [`cancel`](Self::cancel), for the reason that somebody else gave.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// task.task_ref().cancel_because(CancelledError::new(Some("the user left")));
    /// let error = task.await.unwrap_err();
    /// assert_eq!(error.as_cancelled().unwrap().message(), Some("the user left"));
    /// # }).unwrap();
    /// ```
    pub fn cancel_because(&self, error: CancelledError) -> bool {
        self.raw.cancel(error)
    }

    /// As [`Task::cancelling`](super::Task::cancelling).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let task_ref = task.task_ref();
    /// task.cancel();
    /// assert_eq!(task_ref.cancelling(), 1);
    /// # }).unwrap();
    /// ```
    pub fn cancelling(&self) -> u32 {
        self.raw.cancelling()
    }

    /// As [`Task::uncancel`](super::Task::uncancel).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 5 });
    /// let task_ref = task.task_ref();
    /// task_ref.cancel();
    /// assert_eq!(task_ref.uncancel(), 0);
    /// assert_eq!(task.await.unwrap(), 5);
    /// # }).unwrap();
    /// ```
    pub fn uncancel(&self) -> u32 {
        self.raw.uncancel()
    }

    /// Whether the task has ended, cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let task_ref = task.task_ref();
    /// task.cancel();
    /// assert!(task.await.is_err());
    /// assert!(task_ref.cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancelled(&self) -> bool {
        let word = self.raw.header().word.load();
        word & COMPLETE != 0 && word & CANCELLED != 0
    }

    /// The task that this one awaits, if it awaits one alone.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, yield_now, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let inner = create_task(std::future::pending::<()>());
    /// let waits_for = inner.task_ref();
    /// let outer = create_task(inner.into_future());
    /// yield_now().await;
    /// assert_eq!(outer.task_ref().awaited().unwrap().id(), waits_for.id());
    /// # outer.cancel();
    /// # }).unwrap();
    /// ```
    pub fn awaited(&self) -> Option<TaskRef> {
        self.raw.awaited()
    }

    /// Whether the task has ended.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// let task_ref = task.task_ref();
    /// assert!(!task_ref.done());
    /// task.await.unwrap();
    /// assert!(task_ref.done());
    /// # }).unwrap();
    /// ```
    pub fn done(&self) -> bool {
        self.raw.is_complete()
    }

    /// A number that no other task of the process has.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// assert_eq!(task.task_ref().id(), task.id());
    /// # }).unwrap();
    /// ```
    pub fn id(&self) -> u64 {
        self.raw.header().id
    }

    /// The id of the task that created this one; `None` when it was created outside any.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let outer = create_task(async { create_task(async {}).task_ref() });
    /// let id = outer.id();
    /// let inner = outer.await.unwrap();
    /// assert_eq!(inner.parent(), Some(id));
    /// # }).unwrap();
    /// ```
    pub fn parent(&self) -> Option<u64> {
        Some(self.raw.header().parent()).filter(|&id| id != 0)
    }

    /// The name: the one given, or `Task-` and the id.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {}).with_name("reader");
    /// assert_eq!(&*task.task_ref().name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn name(&self) -> Arc<str> {
        self.raw.name()
    }

    /// Gives the task a name.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// task.task_ref().set_name("reader");
    /// assert_eq!(&*task.name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn set_name(&self, name: impl Into<Arc<str>>) {
        *self.raw.cold().name.lock() = Some(name.into());
    }

    /// Where the task was created.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// assert_eq!(task.task_ref().location(), task.location());
    /// # }).unwrap();
    /// ```
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
