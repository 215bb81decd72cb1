//! A span for each task, in the form that tokio-console understands.
//!
//! A task's span has the name `runtime.spawn`, is open from the task's creation to its end, and is entered for each poll; what
//! the program tells meanwhile is inside it. Beside it each clone, drop and wake of the task's waker is an event of the target
//! `tokio::task::waker`, which names the span by its number. Nothing of it happens where no subscriber wants spans of that name:
//! such a task has no span.
//!
//! A span is kept in the cold part of its task. It is closed by the side that completes the task, once; a waker that outlives
//! the task then names a span that is no more, which subscribers pass over.

use tracing::span::Id;
use tracing::{Dispatch, Span};

use crate::task::state::LOCAL;
use crate::task::{Kind, Raw};

/// An open span, and the subscriber that has it. By hand and not a [`Span`], because it is closed through a shared borrow, when
/// the task ends, and not when the last handle goes.
#[derive(Debug)]
pub(crate) struct TaskSpan {
    subscriber: Dispatch,
    id: Id,
}

impl TaskSpan {
    /// Keeps a span open; `None` where nobody wants it.
    fn keep(span: &Span) -> Option<Self> {
        span.with_subscriber(|(id, subscriber)| Self {
            subscriber: subscriber.clone(),
            id: subscriber.clone_span(id),
        })
    }
}

/// Opens the span of a task that was just made.
pub(super) fn open(task: Raw) {
    let header = task.header();
    let kind = match header.vtable.kind {
        // They are the loop's own.
        Kind::Callback => return,
        Kind::Main => "block_on",
        Kind::Blocking => "blocking",
        Kind::Task | Kind::Cleanup if header.word.load() & LOCAL != 0 => "local",
        Kind::Task | Kind::Cleanup => "task",
    };
    let location = header.location;
    let span = tracing::trace_span!(
        target: "heist::task",
        parent: None,
        "runtime.spawn",
        kind,
        task.id = header.id,
        task.name = &*task.name(),
        task.parent = header.parent(),
        future = (header.vtable.type_name)(),
        loc.file = location.file(),
        loc.line = location.line(),
        loc.col = location.column(),
    );
    if let Some(span) = TaskSpan::keep(&span) {
        // A task is made once, so there is none yet.
        let _ = task.cold().span.set(span);
    }
}

fn of<'a>(task: Raw) -> Option<&'a TaskSpan> {
    task.cold_if_any().and_then(|cold| cold.span.get())
}

/// Closes the span of a task that is about to be marked complete. The caller is the completing side.
pub(super) fn close(task: Raw) {
    if let Some(span) = of(task) {
        span.subscriber.try_close(span.id.clone());
    }
}

/// Does something inside the task's span.
#[inline]
pub(crate) fn in_span<R>(task: Raw, poll: impl FnOnce() -> R) -> R {
    match of(task) {
        None => poll(),
        Some(span) => {
            let _inside = Inside::enter(span);
            poll()
        }
    }
}

/// Leaves the span also where a panic comes through.
struct Inside<'a>(&'a TaskSpan);

impl<'a> Inside<'a> {
    fn enter(span: &'a TaskSpan) -> Self {
        span.subscriber.enter(&span.id);
        Self(span)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.subscriber.exit(&self.0.id);
    }
}

/// Tells what happens to a waker of a task; the words are tokio-console's.
#[inline]
pub(crate) fn waker(task: Raw, op: &'static str) {
    if let Some(span) = of(task) {
        tracing::trace!(target: "tokio::task::waker", op, task.id = span.id.into_u64());
    }
}
