//! Reports of failures that nobody reads: a panic, or an `Err` of a task whose handle says that it matters.
//!
//! A handle that has been asked for its outcome, or was awaited, counts as having read it. What is dropped unread, with the
//! handle or because no handle is left, goes to the loop's exception handler, once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use heist_core::services::{ExceptionContext, TaskInfo};

use heist_core::sync::atomic::Ordering;

use super::error::TaskError;
use super::header::Raw;
use super::state::{CANCELLED, FAILED};
use crate::scheduler::Handle;

/// Says what is wrong with a value, from the pointer that [`VTable::output`](super::header::VTable::output) gives.
pub(crate) type Describe = unsafe fn(*const ()) -> Option<String>;

/// What is wrong with a task's output that is a `Result`.
///
/// # Safety
///
/// `output` points to a `Result<Result<T, E>, TaskError>`.
pub(super) unsafe fn describe_err<T, E: std::fmt::Display>(output: *const ()) -> Option<String> {
    // SAFETY: passed on from the caller.
    match unsafe { &*output.cast::<Result<Result<T, E>, TaskError>>() } {
        Ok(Err(error)) => Some(error.to_string()),
        _ => None,
    }
}

impl Raw {
    /// Whether dropping the output unread is to be reported. For a task that is complete, or is about to be with this
    /// outcome.
    #[inline]
    pub(super) fn is_worth_telling(self, outcome: u64) -> bool {
        outcome & (FAILED | CANCELLED) == FAILED
            || self.cold_if_any().is_some_and(|cold| cold.unread.get().is_some())
    }

    /// The handle goes, and has read the outcome, or does not care for it: nobody is told.
    #[cold]
    pub(super) fn silence(self) {
        if self.is_complete() {
            // SAFETY: the task is complete, and the handle, which owns the output, is the caller's to end.
            unsafe { (self.header().vtable.drop_output)(self.0) };
        } else {
            self.cold().silent.store(true, Ordering::Relaxed);
        }
    }

    /// Tells the loop's exception handler of the output, if there is anything wrong with it. The caller owns the output.
    #[cold]
    pub(super) fn tell_unread(self) {
        let header = self.header();
        // SAFETY: the caller owns the output, and drops it after this.
        let output = unsafe { (header.vtable.output)(self.0) };
        let silent = self.cold_if_any().is_some_and(|cold| cold.silent.load(Ordering::Relaxed));
        if output.is_null() || silent {
            return;
        }
        let task = TaskInfo { id: header.id, name: self.name(), location: header.location };
        let told = ExceptionContext::new("a task that nobody awaits has failed").with_task(task);
        // SAFETY: as above.
        let panic = unsafe { (header.vtable.panic)(self.0) };
        let told = if let Some(text) = panic {
            told.with_panic(&text as &(dyn Any + Send))
        } else {
            let describe = self.cold_if_any().and_then(|cold| cold.unread.get());
            // SAFETY: the function was stored for this type of output.
            match describe.and_then(|describe| unsafe { describe(output) }) {
                Some(text) => told.with_exception(std::sync::Arc::from(Box::<
                    dyn std::error::Error + Send + Sync,
                >::from(text))),
                None => return,
            }
        };
        let handle = Handle::of(self.shared());
        let _ = catch_unwind(AssertUnwindSafe(|| handle.call_exception_handler(&told)));
    }
}
