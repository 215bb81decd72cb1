//! What the scheduler tells about itself: through `tracing` where that feature is on.
//!
//! Warnings that somebody must see also without it go to stderr; the rest is free when the feature is off.

#[cfg(feature = "tracing")]
mod span;

use std::io::Write;

use crate::task::Raw;
#[cfg(feature = "tracing")]
pub(crate) use span::{TaskSpan, in_span, waker};

/// A task was made, has its name, and is in no queue yet.
#[inline(always)]
pub(crate) fn task_created(task: Raw) {
    #[cfg(feature = "tracing")]
    {
        let header = task.header();
        let location = header.location;
        tracing::trace!(target: "heist::task", id = header.id, parent = header.parent(), %location, "created");
        span::open(task);
    }
    let _ = task;
}

/// A task is about to be marked complete, by the side that polled it.
#[inline(always)]
pub(crate) fn task_ends(task: Raw) {
    #[cfg(feature = "tracing")]
    span::close(task);
    let _ = task;
}

/// A task ended.
#[inline(always)]
pub(crate) fn task_ended(id: u64) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: "heist::task", id, "ended");
    let _ = id;
}

/// Polls a task.
#[cfg(not(feature = "tracing"))]
#[inline(always)]
pub(crate) fn in_span<R>(_task: Raw, poll: impl FnOnce() -> R) -> R {
    poll()
}

/// A waker of a task is cloned, dropped or woken.
#[cfg(not(feature = "tracing"))]
#[inline(always)]
pub(crate) fn waker(_task: Raw, _op: &'static str) {}

/// A worker begins or ceases to run on this thread.
pub(crate) fn worker(worker: usize, runs: bool) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "heist::worker", worker, runs, "worker");
    let _ = (worker, runs);
}

/// The watchdog found a worker inside one long poll, or found it moving again.
pub(crate) fn stuck(worker: usize, task: u64, stuck: bool) {
    #[cfg(feature = "tracing")]
    if stuck {
        tracing::warn!(target: "heist::watchdog", worker, task, "a poll takes long: its worker's tasks are rescued");
    } else {
        tracing::debug!(target: "heist::watchdog", worker, "the worker moves again");
    }
    let _ = (worker, task, stuck);
}

/// Something that a person should know: a line on stderr, or an event of `tracing` where that feature is on and this thread
/// has a subscriber.
///
/// ```
/// # use heist_scheduler::warn;
/// warn(&format_args!("{} connections were left open", 3)); // heist: 3 connections were left open
/// ```
pub fn warn(message: &dyn std::fmt::Display) {
    #[cfg(feature = "tracing")]
    if has_subscriber() {
        tracing::warn!(target: "heist", "{message}");
        return;
    }
    // In one piece, so that lines of several threads stay apart. Where stderr takes no more there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("heist: {message}\n").as_bytes());
}

/// Whether an event reaches anybody: the feature may be on because of somebody else's crate. A subscriber that filters
/// warnings out has been asked.
#[cfg(feature = "tracing")]
fn has_subscriber() -> bool {
    tracing::dispatcher::get_default(|dispatch| !dispatch.is::<tracing::subscriber::NoSubscriber>())
}
