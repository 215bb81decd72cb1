//! Why a task has no value.

use std::any::Any;
use std::fmt;
use std::io;

use heist_core::CancelledError;

/// Why awaiting a task gave no value: it was cancelled, it panicked, or it can give none.
///
/// One pointer wide, so that a `Result<T, TaskError>` is little more than a `T`.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let error = create_task(async { panic!("a bug") }).await.map(|()| ()).unwrap_err();
/// assert_eq!(error.panic_message(), Some("a bug"));
/// assert!(!error.is_cancelled());
/// # }).unwrap();
/// ```
pub struct TaskError(Box<Repr>);

enum Repr {
    Cancelled(CancelledError),
    Panicked(Box<dyn Any + Send>),
    /// A panic whose payload is elsewhere; its text.
    PanickedElsewhere(Option<String>),
    Refused(&'static str),
    /// The error is somebody else's; the text, if it was a panic.
    Reported(Option<String>),
}

impl TaskError {
    /// The error of a cancelled task.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, TaskError};
    /// let error = TaskError::cancelled(CancelledError::new(Some("no longer needed")));
    /// assert!(error.is_cancelled());
    /// ```
    pub fn cancelled(error: CancelledError) -> Self {
        Self(Box::new(Repr::Cancelled(error)))
    }

    /// The error of a task that panicked with `payload`.
    ///
    /// ```
    /// # use heist_scheduler::TaskError;
    /// let error = TaskError::panicked(Box::new("a bug"));
    /// assert_eq!(error.to_string(), "the task panicked: a bug");
    /// ```
    pub fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Repr::Panicked(payload)))
    }

    /// The error of an await that can give no value, and why.
    ///
    /// ```
    /// # use heist_scheduler::TaskError;
    /// let error = TaskError::refused("the loop is closed");
    /// assert_eq!(error.to_string(), "the loop is closed");
    /// assert!(!error.is_cancelled() && !error.is_panic());
    /// ```
    pub fn refused(why: &'static str) -> Self {
        Self(Box::new(Repr::Refused(why)))
    }

    /// The error of an await that comes after the one that took the value.
    pub(crate) fn value_taken() -> Self {
        Self::refused("the task's value was taken before: `shared` makes a handle that gives it to many")
    }

    /// The error of a task that failed with an error of its own, which went to its task group.
    ///
    /// ```
    /// # use heist_scheduler::TaskError;
    /// let error = TaskError::reported();
    /// assert!(error.is_reported() && !error.is_panic());
    /// ```
    pub fn reported() -> Self {
        Self(Box::new(Repr::Reported(None)))
    }

    /// The error of a task that panicked, and whose panic went to its task group; the text is that of the panic.
    ///
    /// ```
    /// # use heist_scheduler::TaskError;
    /// let error = TaskError::reported_panic(Some("a bug"));
    /// assert!(error.is_reported() && error.is_panic());
    /// assert_eq!(error.panic_message(), Some("a bug"));
    /// ```
    pub fn reported_panic(text: Option<&str>) -> Self {
        Self(Box::new(Repr::Reported(Some(text.unwrap_or("...").to_owned()))))
    }

    /// As this one, for somebody who may keep it; the payload of a panic stays here.
    pub(crate) fn copy(&self) -> Self {
        Self(Box::new(match &*self.0 {
            Repr::Cancelled(error) => Repr::Cancelled(error.clone()),
            Repr::Panicked(payload) => {
                Repr::PanickedElsewhere(panic_text(payload.as_ref()).map(str::to_owned))
            }
            Repr::PanickedElsewhere(text) => Repr::PanickedElsewhere(text.clone()),
            Repr::Refused(why) => Repr::Refused(why),
            Repr::Reported(text) => Repr::Reported(text.clone()),
        }))
    }

    /// Whether the task failed, and its error or panic went to its task group: nobody misses it here.
    ///
    /// ```
    /// # use heist_scheduler::TaskError;
    /// assert!(TaskError::reported().is_reported());
    /// assert!(!TaskError::panicked(Box::new("a bug")).is_reported());
    /// ```
    pub fn is_reported(&self) -> bool {
        matches!(*self.0, Repr::Reported(_))
    }

    /// Whether the task was cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// task.cancel();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }).unwrap();
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.0, Repr::Cancelled(_))
    }

    /// Whether the task panicked.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { "seven".parse::<u32>().unwrap() });
    /// assert!(task.await.unwrap_err().is_panic());
    /// # }).unwrap();
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(*self.0, Repr::Panicked(_) | Repr::PanickedElsewhere(_) | Repr::Reported(Some(_)))
    }

    /// The cancellation, if that is what ended the task.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// task.cancel_with("no longer needed");
    /// let error = task.await.unwrap_err();
    /// assert_eq!(error.as_cancelled().unwrap().message(), Some("no longer needed"));
    /// # }).unwrap();
    /// ```
    pub fn as_cancelled(&self) -> Option<&CancelledError> {
        match &*self.0 {
            Repr::Cancelled(error) => Some(error),
            _ => None,
        }
    }

    /// The cancellation, if that is what ended the task.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, TaskError};
    /// let error = TaskError::cancelled(CancelledError::new(Some("no longer needed")));
    /// assert_eq!(error.into_cancelled().unwrap().message(), Some("no longer needed"));
    /// assert!(TaskError::panicked(Box::new("a bug")).into_cancelled().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The error itself when the task ended otherwise.
    pub fn into_cancelled(self) -> Result<CancelledError, Self> {
        match *self.0 {
            Repr::Cancelled(error) => Ok(error),
            other => Err(Self(Box::new(other))),
        }
    }

    /// The text of the panic, if the task panicked with one.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { "seven".parse::<u32>().unwrap() });
    /// let error = task.await.unwrap_err();
    /// assert!(error.panic_message().unwrap().contains("InvalidDigit"));
    /// # }).unwrap();
    /// ```
    pub fn panic_message(&self) -> Option<&str> {
        match &*self.0 {
            Repr::Panicked(payload) => panic_text(payload.as_ref()),
            Repr::Reported(text) | Repr::PanickedElsewhere(text) => text.as_deref(),
            _ => None,
        }
    }

    /// The payload of the panic, to inspect or to go on with by [`std::panic::resume_unwind`].
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { std::panic::panic_any(7) });
    /// let payload = task.await.map(|()| ()).unwrap_err().into_panic().unwrap();
    /// assert_eq!(*payload.downcast::<i32>().unwrap(), 7);
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The error itself when the task did not panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match *self.0 {
            Repr::Panicked(payload) => Ok(payload),
            Repr::Reported(Some(text)) => Ok(Box::new(text)),
            // As `panic!` without a text would have it.
            Repr::PanickedElsewhere(text) => {
                Ok(Box::new(text.unwrap_or_else(|| "explicit panic".to_owned())))
            }
            cancelled => Err(Self(Box::new(cancelled))),
        }
    }
}

/// The text of a panic's payload, where it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Repr::Cancelled(error) => write!(f, "the task was {error}"),
            Repr::Refused(why) => f.write_str(why),
            Repr::Reported(None) => f.write_str("the task failed: its error is in that of its task group"),
            Repr::Reported(Some(text)) => write!(f, "the task panicked: {text}"),
            Repr::Panicked(_) | Repr::PanickedElsewhere(_) => match self.panic_message() {
                Some(text) => write!(f, "the task panicked: {text}"),
                None => f.write_str("the task panicked"),
            },
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Repr::Cancelled(error) => write!(f, "TaskError({error:?})"),
            Repr::Refused(why) => write!(f, "TaskError({why:?})"),
            Repr::Reported(None) => f.write_str("TaskError(Reported)"),
            Repr::Reported(Some(text)) => write!(f, "TaskError(Panicked({text:?}))"),
            Repr::Panicked(_) | Repr::PanickedElsewhere(_) => {
                write!(f, "TaskError(Panicked({:?}))", self.panic_message().unwrap_or("..."))
            }
        }
    }
}

impl std::error::Error for TaskError {}

/// So that a function that gives an [`io::Result`] awaits a task of another one with `task.await??`. The kind is
/// [`Other`](io::ErrorKind::Other); the task's error is inside.
///
/// ```
/// # use heist_scheduler::TaskError;
/// let error = std::io::Error::from(TaskError::refused("the loop is closed"));
/// assert!(error.get_ref().unwrap().is::<TaskError>());
/// ```
impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        Self::other(error)
    }
}

// A payload is only ever moved or read as text behind `&`; it is Send but need not be Sync, so neither is shared.
// `TaskError: Sync` would let two threads read the payload at once; text is read from `&str`/`String`, which allow it,
// and other payload types are not touched behind a shared reference.
// SAFETY: behind `&TaskError` the payload is only asked for its type and read as `&str` or `String`, both Sync.
unsafe impl Sync for TaskError {}
