//! Models of a task: the real cell, word, wakers and handles, on a loop whose only worker is the model's main thread.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

mod cancel;
mod done;
mod local;
mod shared;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize as StdUsize, Ordering as StdOrdering};
use std::task::{Context, Poll, Waker};

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::cell::UnsafeCell;

/// What both sides of a model see of one task.
pub(in crate::task) struct Watch {
    /// Written, relaxed, before a wake: no wake is lost when a poll after it sees the value.
    pub(in crate::task) wrote: AtomicUsize,
    /// What the last poll saw. In a cell, so that loom finds two polls at a time, and a poll that is not ordered after
    /// the one before.
    seen: UnsafeCell<usize>,
    /// The next poll ends the task.
    pub(in crate::task) finish: AtomicBool,
    /// Something was wrong inside a poll, where a panic would become the task's result.
    failed: AtomicBool,
    futures: StdUsize,
    made: StdUsize,
    outputs: StdUsize,
    wakers: std::sync::Mutex<Vec<Waker>>,
}

impl Watch {
    pub(in crate::task) fn new() -> Arc<Self> {
        Arc::new(Self {
            wrote: AtomicUsize::new(0),
            seen: UnsafeCell::new(0),
            finish: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            futures: StdUsize::new(0),
            made: StdUsize::new(0),
            outputs: StdUsize::new(0),
            wakers: std::sync::Mutex::new(Vec::new()),
        })
    }

    /// A task that ends when it is told to; each poll until then leaves a clone of its waker.
    pub(in crate::task) fn future(self: &Arc<Self>) -> Probe {
        self.futures.fetch_add(1, StdOrdering::Relaxed);
        Probe(self.clone())
    }

    /// A waker that a poll left.
    pub(in crate::task) fn waker(&self) -> Waker {
        self.wakers.lock().unwrap().pop().expect("a poll left one")
    }

    /// What the last poll saw; called when all sides are done.
    pub(in crate::task) fn seen(&self) -> usize {
        // SAFETY: loom checks that nobody polls meanwhile.
        self.seen.with(|seen| unsafe { *seen })
    }

    /// Everything was dropped exactly once, and no poll went wrong.
    pub(in crate::task) fn assert_over(&self) {
        self.wakers.lock().unwrap().clear();
        assert!(!self.failed.load(StdOrdering::Relaxed), "a poll went wrong");
        assert_eq!(self.futures.load(StdOrdering::Relaxed), 0, "the future was dropped once");
        let (made, dropped) = (self.made.load(StdOrdering::Relaxed), self.outputs.load(StdOrdering::Relaxed));
        assert_eq!(made, dropped, "the output was dropped once");
    }
}

/// See [`Watch::future`].
pub(in crate::task) struct Probe(Arc<Watch>);

impl Future for Probe {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let alarm = Alarm(&self.0.failed);
        let watch = &self.0;
        // Relaxed: what orders the writer before this poll is the wake alone.
        let wrote = watch.wrote.load(Ordering::Relaxed);
        // SAFETY: the side that polls is alone; loom checks it.
        watch.seen.with_mut(|seen| unsafe { *seen = wrote });
        let ended = watch.finish.load(StdOrdering::Relaxed);
        if !ended && watch.wakers.lock().unwrap().is_empty() {
            watch.wakers.lock().unwrap().push(cx.waker().clone());
        }
        std::mem::forget(alarm);
        if !ended {
            return Poll::Pending;
        }
        watch.made.fetch_add(1, StdOrdering::Relaxed);
        Poll::Ready(Output(watch.clone()))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.0.futures.fetch_sub(1, StdOrdering::Relaxed) != 1 {
            self.0.failed.store(true, StdOrdering::Relaxed);
        }
    }
}

/// Notes that a poll unwound.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.store(true, StdOrdering::Relaxed);
    }
}

/// What a [`Probe`] gives.
pub(in crate::task) struct Output(Arc<Watch>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.outputs.fetch_add(1, StdOrdering::Relaxed);
    }
}
