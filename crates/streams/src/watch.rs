//! Watches: what a loop looks after by itself, without a task.
//!
//! A handler of a signal, a child process that nobody waits for, a pipe whose reader may go: something happens some day, and
//! the loop has to act on it, whoever awaits what. A task would do, but tasks are the program's: it lists them, cancels
//! them, waits until there are none. So a watch is a waker that calls back:
//!
//! 1. a *look* polls the sources of the watch with the watch's own waker; Pending: the reactor has the waker now;
//! 2. the reactor wakes it: the loop is asked to call the next look, as any callback (`call_soon`);
//! 3. a look that is Ready ends the watch; a loop that ends first *abandons* it.
//!
//! A watch is in one place at any time: with the reactor (its waker) or in line (its turn). A closing loop drops its line and
//! then wakes all wakers of its reactor, so each watch is abandoned in either place, and once.
//!
//! Protocol page: `docs/design/processes.md`.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::{Mutex, mutant};
use heist_core::vars;
use heist_scheduler::Handle;

/// What is to be done at a look, and when the loop ends first.
pub(crate) trait Watch: Send + 'static {
    /// Looks. Ready ends the watch. Called with a lock held that nobody else takes for long.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// It was Ready. No lock is held: what wakes or calls others belongs here.
    fn finish(self: Box<Self>) {}

    /// The loop has ended and nobody will look any more.
    fn abandon(self: Box<Self>);
}

/// A loop, as far as a watch needs one.
pub(crate) trait Line: Send + Sync + 'static {
    /// Has the loop call `callback` soon; a loop that is closed, then or before its turn, drops it.
    fn call_soon(&self, callback: impl FnOnce() + Send + 'static);
}

impl Line for Handle {
    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        // Refused by a closed loop, it is dropped. Nobody's variables: a watch is no part of whatever happened to run when it
        // was woken.
        let _ = self.call_soon_in(&vars::Context::new(), callback);
    }
}

/// A watch and its loop. Dropping it does not end the watch: [`end`](Watching::end) does.
pub(crate) struct Watching<L: Line = Handle> {
    handle: L,
    /// `None` when the watch has ended.
    watch: Mutex<Option<Box<dyn Watch>>>,
}

impl<L: Line> Watching<L> {
    /// Starts a watch with a look here and now, on a thread of the loop of `handle`.
    pub(crate) fn start(handle: L, watch: impl Watch) -> Arc<Self> {
        let watching = Self::new(handle, watch);
        watching.look();
        watching
    }

    /// A watch that has not looked yet: it begins with [`look_soon`](Self::look_soon).
    pub(crate) fn new(handle: L, watch: impl Watch) -> Arc<Self> {
        Arc::new(Self { handle, watch: Mutex::new(Some(Box::new(watch))) })
    }

    /// The loop that looks.
    pub(crate) fn handle(&self) -> &L {
        &self.handle
    }

    /// Ends the watch, and drops what it watched with no lock held.
    pub(crate) fn end(&self) {
        let watch = self.watch.lock().take();
        drop(watch);
    }

    /// Looks here and now, on a thread of the loop.
    pub(crate) fn look(self: &Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut watch = self.watch.lock();
        let over =
            watch.as_mut().is_some_and(|watch| watch.poll_look(&mut Context::from_waker(&waker)).is_ready());
        let over = if over { watch.take() } else { None };
        drop(watch);
        if let Some(over) = over {
            over.finish();
        }
    }

    /// Has the loop look: from any thread, also before the loop runs.
    pub(crate) fn look_soon(self: &Arc<Self>) {
        let turn = Turn(Some(self.clone()));
        self.handle.call_soon(move || turn.take());
    }

    fn abandon(&self) {
        let watch = self.watch.lock().take();
        if let Some(watch) = watch {
            watch.abandon();
        }
    }
}

impl<L: Line> Wake for Watching<L> {
    fn wake(self: Arc<Self>) {
        self.look_soon();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.look_soon();
    }
}

/// The turn of a watch in the loop's line.
struct Turn<L: Line>(Option<Arc<Watching<L>>>);

impl<L: Line> Turn<L> {
    fn take(mut self) {
        if let Some(watching) = self.0.take() {
            watching.look();
        }
    }
}

impl<L: Line> Drop for Turn<L> {
    fn drop(&mut self) {
        // The loop has refused it, or will not come to it.
        if let Some(watching) = self.0.take() {
            if !mutant("streams-dropped-turn-abandons") {
                watching.abandon();
            }
        }
    }
}

#[cfg(all(test, heist_loom))]
mod models;
