//! Handles to tasks: [`Task`], which owns the output, and [`TaskRef`], which knows the task alone.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget;

use super::error::TaskError;
use super::header::Raw;
use super::remote::Noted;
use super::state::{Access, JOINER, Join};

/// A task's unique handle; asyncio's `Task`.
///
/// Awaiting it gives the task's value, or why there is none. Dropping it lets the task run on. A task that was asked to
/// [`cancel`](Self::cancel) is dropped at its next suspension.
///
/// # Cancel safety
///
/// Awaiting `&mut task` and giving up leaves the task running and its value in place.
#[must_use = "dropping a task's handle lets the task run on; await it, or drop it on purpose"]
pub struct Task<T> {
    raw: Raw,
    taken: bool,
    _output: PhantomData<T>,
}

// SAFETY: the handle is the only way to the output, so sending it sends a `T`; all else is atomics.
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: a shared handle only reads flags, which are atomics, and `T` cannot be reached through it; asked for all the
// same, so that a later `result(&self) -> &T` is no breaking change.
unsafe impl<T: Send + Sync> Sync for Task<T> {}

impl<T> Unpin for Task<T> {}

impl<T> Task<T> {
    /// Wraps a cell whose output is a `Result<T, TaskError>`.
    ///
    /// # Safety
    ///
    /// `raw` counts a reference and the `HANDLE` flag for this handle, and its output type is `T`.
    pub(crate) unsafe fn from_raw(raw: Raw) -> Self {
        Self { raw, taken: false, _output: PhantomData }
    }

    /// The cell.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn raw(&self) -> Raw {
        self.raw
    }

    /// Asks the task to end: its future is dropped at its next suspension, and awaiting it gives a cancellation.
    /// asyncio's `Task.cancel`.
    ///
    /// `false` when the task has ended already. A task that ends on its own before it suspends again keeps its value.
    pub fn cancel(&self) -> bool {
        self.raw.cancel(None)
    }

    /// As [`cancel`](Self::cancel), with a message that the [`CancelledError`](super::CancelledError) carries.
    pub fn cancel_with(&self, message: &str) -> bool {
        self.raw.cancel(Some(message))
    }

    /// Whether the task has ended; asyncio's `Task.done`.
    pub fn done(&self) -> bool {
        self.raw.is_complete()
    }

    /// A number that no other task of the process has.
    pub fn id(&self) -> u64 {
        self.raw.header().id
    }

    /// The name: the one given, or `Task-` and the id. asyncio's `Task.get_name`.
    pub fn name(&self) -> Arc<str> {
        self.raw.name()
    }

    /// Gives the task a name; asyncio's `Task.set_name`.
    pub fn set_name(&self, name: impl Into<Arc<str>>) {
        *self.raw.cold().name.lock() = Some(name.into());
    }

    /// Gives the task a name and returns it; asyncio's `create_task(..., name=...)`.
    pub fn with_name(self, name: impl Into<Arc<str>>) -> Self {
        self.set_name(name);
        self
    }

    /// Where the task was created.
    pub fn location(&self) -> &'static Location<'static> {
        self.raw.header().location
    }

    /// The task without its output.
    pub fn task_ref(&self) -> TaskRef {
        self.raw.acquire();
        TaskRef { raw: self.raw }
    }

    /// Ready once the task has ended; leaves its value in place.
    pub fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.raw.is_complete() || self.register(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The output, if the task has ended; leaves `None` behind.
    fn take(&mut self) -> Option<Result<T, TaskError>> {
        let mut output: Option<Result<T, TaskError>> = None;
        let take = self.raw.header().vtable.take_output;
        // SAFETY: the caller saw `COMPLETE`, so the stage is the handle's; `from_raw` says what its type is.
        unsafe { take(self.raw.0, (&raw mut output).cast()) };
        self.taken |= output.is_some();
        output
    }

    /// Registers `waker` to be woken on completion; `true` when the task is complete instead.
    fn register(&self, waker: &Waker) -> bool {
        let header = self.raw.header();
        let Some(access) = self.raw.access() else {
            return self.register_foreign(waker);
        };
        if header.word.load() & JOINER != 0 {
            if access == Access::Owner {
                // SAFETY: the completing side of a local task is this same thread.
                let same = header
                    .joiner
                    .with(|slot| unsafe { (*slot).as_ref() }.is_some_and(|w| w.will_wake(waker)));
                if same {
                    return self.raw.is_complete();
                }
            }
            // On a shared task the slot may not even be read before it is taken back: the completing side may be
            // emptying it.
            if header.word.take_joiner(access) == Join::Complete {
                return true;
            }
        }
        // SAFETY: `JOINER` is clear, so the slot is the handle's.
        header.joiner.with_mut(|slot| {
            // SAFETY: as above.
            let slot = unsafe { &mut *slot };
            match slot {
                Some(before) if before.will_wake(waker) => {}
                _ => *slot = Some(waker.clone()),
            }
        });
        header.word.set_joiner(access) == Join::Complete
    }

    /// As [`register`](Self::register), on another thread than the owner's of a local task.
    #[cold]
    fn register_foreign(&self, waker: &Waker) -> bool {
        *self.raw.cold().foreign_joiner.lock() = Some(waker.clone());
        match self.raw.header().remote.join() {
            Noted::Push => self.raw.shared().inject(self.raw),
            Noted::Underway => {}
            // The loop is closed: every task of it is complete, or will be as a shared one.
            Noted::Closed => return self.raw.is_complete() || self.register(waker),
        }
        self.raw.is_complete()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(budget::poll_proceed(cx));
        if !self.raw.is_complete() && !self.register(cx.waker()) {
            return Poll::Pending;
        }
        match self.take() {
            Some(output) => {
                proceed.made_progress();
                Poll::Ready(output)
            }
            None => panic!("`Task` was awaited after it had given its result"),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.raw.detach();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.raw, "Task", f)
    }
}

/// A task without its output, for naming, watching and cancelling it.
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

    /// As [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.raw.cancel(None)
    }

    /// As [`Task::cancel_with`].
    pub fn cancel_with(&self, message: &str) -> bool {
        self.raw.cancel(Some(message))
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
        Some(self.raw.header().parent).filter(|&id| id != 0)
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

fn describe(raw: Raw, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(what)
        .field("name", &raw.name())
        .field("done", &raw.is_complete())
        .field("created", &format_args!("{}", raw.header().location))
        .finish()
}
