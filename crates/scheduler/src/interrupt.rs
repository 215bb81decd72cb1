//! How a signal handler ends a run: it cancels the main future, as asyncio's `Runner` does on the first Ctrl-C.
//!
//! A handler runs in the middle of anything, on any thread, so it may neither lock nor allocate, and cannot touch a task.
//! It leaves a note for worker 0, which is the run's own thread, and has it look:
//!
//! | the handler | worker 0 |
//! |---|---|
//! | H1 set `interrupted` | W1 finds its look asked for before a poll: swap that out (Acquire) |
//! | H2 ask slot 0 to look (Release) | W2 swap `interrupted` out; if it was set, cancel the main future |
//! | H3 unpark worker 0 | |
//!
//! W1 reads what H2 wrote, and W2 then what H1 wrote; or H2 comes later and is found before the next poll. (In the other
//! order an interrupt between the two steps is lost.) A sleep of worker 0, begun or not, is ended by H3: the parker keeps
//! the token. All three are atomic operations and at most one system call, on Linux, where a
//! parker is a futex. Elsewhere it has a lock, and there is no [`Interrupter`].
//!
//! A run that nobody interrupts pays nothing: no descriptor, no thread, and whether a look is due is asked anyway.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use heist_core::sync::atomic::Ordering;
use heist_core::sync::mutant;
use heist_core::{CancelledError, SignalSafe};

use crate::scheduler::Handle;
use crate::shared::Shared;
use crate::task::Raw;
use crate::worker::Worker;

/// Cancels the main future of a loop's run, from a signal handler.
///
/// ```
/// # use heist_scheduler::{Config, Interrupter, LocalScheduler, RunError};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// use heist_core::SignalSafe;
///
/// # if cfg!(target_os = "linux") {
/// let interrupter = Interrupter::new(&scheduler.handle()).expect("on Linux");
/// let ended = scheduler.block_on(async move {
///     interrupter.signal();
///     std::future::pending::<()>().await
/// });
/// assert!(matches!(ended, Err(RunError::Interrupted)));
/// # }
/// ```
#[derive(Clone)]
pub struct Interrupter {
    shared: Arc<Shared>,
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").finish_non_exhaustive()
    }
}

impl Interrupter {
    /// The one of a loop; `None` where the platform's way of waking a worker is not for signal handlers.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Interrupter, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let interrupter = Interrupter::new(&scheduler.handle());
    /// assert_eq!(interrupter.is_some(), cfg!(target_os = "linux"));
    /// ```
    pub fn new(handle: &Handle) -> Option<Self> {
        cfg!(target_os = "linux").then(|| Self::of(handle.shared()))
    }

    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone() }
    }

    /// Takes a signal that came too late for a run: its main future had ended, or none has begun.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Interrupter, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// use heist_core::SignalSafe;
    ///
    /// if let Some(interrupter) = Interrupter::new(&scheduler.handle()) {
    ///     interrupter.signal(); // while nothing runs
    ///     assert!(interrupter.take_unseen());
    ///     assert!(!interrupter.take_unseen());
    /// }
    /// ```
    pub fn take_unseen(&self) -> bool {
        self.shared.interrupted.swap(false, Ordering::Acquire)
    }
}

// SAFETY: two atomic operations and an unpark. On Linux, where alone one is made, a parker is an atomic word and a futex, and a driver
// promises the same of its own `unpark`.
unsafe impl SignalSafe for Interrupter {
    fn signal(&self) {
        // A swap, for loom keeps no one order of stores and swaps.
        self.shared.interrupted.swap(true, Ordering::Relaxed);
        self.shared.slot(0).ask_to_look();
        self.shared.unpark(0);
    }
}

impl Worker {
    /// Takes what this worker was asked to look for; whether that is an interrupt of the run.
    pub(crate) fn takes_interrupt(&self) -> bool {
        let interrupted = &self.shared().interrupted;
        if mutant("interrupt-look-first") {
            let seen = interrupted.swap(false, Ordering::Acquire);
            self.put_off_look();
            return seen;
        }
        // W1. Its Acquire pairs with the Release of H2.
        self.put_off_look();
        // W2. Only worker 0 has a main future, and only it is asked by a handler.
        self.heap_index() == 0 && interrupted.swap(false, Ordering::Acquire)
    }

    /// Cancels the main future of the run, if there is one; or ends the run, where that is what an interrupt does.
    #[cold]
    pub(crate) fn interrupt_main(&self) {
        if self.leave.interrupt() {
            self.set_interrupted(true);
        } else if let Some(main) = NonNull::new(self.main()) {
            self.set_interrupted(Raw(main).cancel(CancelledError::new(None)));
        }
    }
}
