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

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::Mutex;
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

/// A watch and its loop. Dropping it does not end the watch: [`end`](Watching::end) does.
pub(crate) struct Watching {
    handle: Handle,
    /// `None` when the watch has ended.
    watch: Mutex<Option<Box<dyn Watch>>>,
}

impl Watching {
    /// Starts a watch with a look here and now, on a thread of the loop of `handle`.
    pub(crate) fn start(handle: Handle, watch: impl Watch) -> Arc<Self> {
        let watching = Self::new(handle, watch);
        watching.look();
        watching
    }

    /// A watch that has not looked yet: it begins with [`look_soon`](Self::look_soon).
    pub(crate) fn new(handle: Handle, watch: impl Watch) -> Arc<Self> {
        Arc::new(Self { handle, watch: Mutex::new(Some(Box::new(watch))) })
    }

    /// The loop that looks.
    pub(crate) fn handle(&self) -> &Handle {
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
        // Refused by a closed loop, the turn is dropped, which abandons the watch. Nobody's variables: a watch is no part of
        // whatever happened to run when it was woken.
        let _ = self.handle.call_soon_in(&vars::Context::new(), move || turn.take());
    }

    fn abandon(&self) {
        let watch = self.watch.lock().take();
        if let Some(watch) = watch {
            watch.abandon();
        }
    }
}

impl Wake for Watching {
    fn wake(self: Arc<Self>) {
        self.look_soon();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.look_soon();
    }
}

/// The turn of a watch in the loop's line.
struct Turn(Option<Arc<Watching>>);

impl Turn {
    fn take(mut self) {
        if let Some(watching) = self.0.take() {
            watching.look();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(watching) = self.0.take() {
            watching.abandon();
        }
    }
}
