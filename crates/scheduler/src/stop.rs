//! How a run is ended from inside or outside: `stop`.
//!
//! A **pass** is what asyncio's loop does between two looks at time and I/O: everything that was ready when it began has one
//! turn, and what comes meanwhile waits for the next pass. A run that is stopped leaves after the pass that is under way. One
//! that was stopped before it began makes one pass, which does not wait.
//!
//! On the *current-thread* flavour passes are exact: the queue is in order, so a pass is as many turns as there were entries
//! when it began. On the *multi-thread* flavour callbacks are in order, and tasks are not: a run that is stopped leaves at
//! once, and what is ready waits for the next run. One that was stopped before it began has its worker 0 make as many turns as
//! there is work for, and waits for the callbacks that were in line.
//!
//! A run whose future has ended makes one pass more, for what was ready before that; on the multi-thread flavour it waits for
//! the callbacks that were in line.
//!
//! `stop` may be called by any thread. It leaves a note for worker 0, by the steps of [`crate::interrupt`]:
//!
//! | `stop` | worker 0 |
//! |---|---|
//! | P1 set `stop` | W1 finds its look asked for before a poll: swap that out (Acquire) |
//! | P2 ask slot 0 to look (Release) | W2 swap `stop` out; if it was set, leave after this pass |
//! | P3 unpark worker 0 | |
//!
//! A run takes back what it did not get to: a stop that came while it ended is not one of the next run.
//!
//! Protocol page: `docs/design/event-loop.md`.

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;

use heist_core::Hold;
use heist_core::sync::atomic::Ordering;
use heist_core::sync::mutant;

use crate::callbacks::call_at_the_end;
use crate::scheduler::Handle;
use crate::shared::{RUNNING, Shared};
use crate::worker::Worker;

/// What worker 0 knows of the end of its run. Only its own thread touches it.
#[derive(Default)]
pub(crate) struct Leave {
    /// The run ends after this pass.
    last: Cell<bool>,
    /// Somebody has asked for its end.
    stopped: Cell<bool>,
    /// Turns until the end of this pass, the callbacks that it waits for apart.
    left: Cell<usize>,
    /// An interrupt ends the run, instead of cancelling its future.
    on_interrupt: Cell<bool>,
    /// Keeps virtual time where it is while worker 0 waits for the callbacks of a last pass.
    hold: Cell<Option<Hold>>,
}

impl Leave {
    /// A run begins, and nobody has asked for its end.
    pub(crate) fn begin(&self) {
        self.go_on();
        self.stopped.set(false);
        self.on_interrupt.set(false);
    }

    /// Another pass follows.
    pub(crate) fn go_on(&self) {
        self.last.set(false);
        self.left.set(0);
        drop(self.hold.take());
    }

    /// Whether the run ends after this pass.
    #[inline]
    pub(crate) fn is_last(&self) -> bool {
        self.last.get()
    }

    /// Whether somebody has asked for the end of the run.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Has an interrupt end the run.
    pub(crate) fn on_interrupt(&self) {
        self.on_interrupt.set(true);
    }

    /// An interrupt: whether it ends the run, which it does at once.
    pub(crate) fn interrupt(&self) -> bool {
        if self.on_interrupt.get() {
            self.last.set(true);
            self.left.set(0);
        }
        self.on_interrupt.get()
    }

    /// Current-thread: whether the next turn is the first of a pass.
    #[inline]
    pub(crate) fn is_between_passes(&self) -> bool {
        self.left.get() == 0
    }

    /// Current-thread: a turn begins, with so many entries behind it. The first of a pass counts them.
    #[inline]
    pub(crate) fn took_one_of(&self, behind: usize) {
        let left = self.left.get();
        self.left.set(if left == 0 { behind } else { left - 1 });
    }
}

impl Worker {
    /// Takes what this worker was asked for by others; whether the run has begun to end for it.
    #[cold]
    pub(crate) fn heed(&self) -> bool {
        let was_last = self.leave.last.get();
        let is_interrupted = self.takes_interrupt();
        if is_interrupted {
            self.interrupt_main();
        }
        if self.takes_stop() {
            self.leave.stopped.set(true);
            self.leave.last.set(true);
        }
        self.leave.last.get() && (is_interrupted || !was_last)
    }

    /// W2. After W1, which is [`takes_interrupt`](Worker::takes_interrupt).
    pub(crate) fn takes_stop(&self) -> bool {
        self.heap_index() == 0 && self.shared().stop.swap(false, Ordering::Acquire)
    }

    /// Whether the run ends here, before the next turn.
    #[inline]
    pub(crate) fn leaves(&self) -> bool {
        self.leave.last.get() && self.pass_is_over()
    }

    /// Current-thread: the queue tells. Otherwise each turn of the last pass is counted here.
    fn pass_is_over(&self) -> bool {
        let left = self.leave.left.get();
        if self.shared().local {
            return left == 0;
        }
        self.leave.left.set(left.saturating_sub(1));
        // Acquire pairs with the Release store in `await_callbacks`.
        left == 0 && self.shared().pass_called.load(Ordering::Acquire)
    }

    /// A pass begins that is the run's last, or the only one: takes in what time and I/O have, and counts what is ready.
    /// `and` counts what else has a turn in it.
    pub(crate) fn begin_pass(&self, and: usize) {
        self.look();
        self.leave.last.set(true);
        self.leave.left.set(self.ready() + and);
        if !self.shared().local {
            self.await_callbacks();
        }
    }

    /// The run's future has ended: what was ready before has a turn yet. In asyncio a callback behind it ends the run.
    ///
    /// On several workers, where tasks have no order, that is the callbacks in line.
    pub(crate) fn begin_last_pass(&self) {
        self.leave.last.set(true);
        if self.shared().local {
            self.leave.left.set(self.ready());
        } else {
            self.leave.left.set(0);
            self.await_callbacks();
        }
    }

    /// Has this pass go on until the callbacks that are in line now have been called. Time stands still meanwhile.
    fn await_callbacks(&self) {
        let shared = self.shared();
        self.leave.hold.set(Some(shared.clock.hold()));
        shared.pass_called.store(false, Ordering::Relaxed);
        let called = Arc::downgrade(shared);
        let told = call_at_the_end(shared, Location::caller(), move || {
            if let Some(shared) = called.upgrade() {
                // Release pairs with the Acquire load in `pass_is_over`: the callbacks before have been called.
                shared.pass_called.store(true, Ordering::Release);
                shared.unpark(0);
            }
        });
        if !told {
            shared.pass_called.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this pass has anything to do.
    pub(crate) fn pass_is_empty(&self) -> bool {
        self.leave.left.get() == 0 && self.must_not_sleep()
    }

    /// Whether there is nothing left to wait for in this pass but callbacks that another worker calls.
    pub(crate) fn must_not_sleep(&self) -> bool {
        self.leave.last.get() && (self.shared().local || self.shared().pass_called.load(Ordering::Acquire))
    }
}

impl Shared {
    /// P1 to P3.
    pub(crate) fn ask_to_stop(&self) {
        if mutant("stop-looks-too-early") {
            self.slot(0).ask_to_look();
            self.stop.swap(true, Ordering::Relaxed);
        } else {
            // A swap, for loom keeps no one order of stores and swaps.
            self.stop.swap(true, Ordering::Relaxed);
            self.slot(0).ask_to_look();
        }
        if !mutant("stop-without-unpark") {
            self.unpark(0);
        }
    }
}

impl Handle {
    /// Ends the run of the loop: it returns after the pass that is under way. Any thread may ask. Before a run, the next run
    /// makes one pass, which does not wait, and returns. asyncio: `loop.stop`.
    ///
    /// What is ready then, and what tasks still have to do, waits for the next run. A run that was to give a value and has
    /// none yet gives [`RunError::Stopped`](crate::RunError::Stopped).
    ///
    /// On a multi-thread loop the run does not wait for tasks that are ready: their order is not known there.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, LoopClosedError};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// handle.call_soon(|| Handle::current().unwrap().stop())?;
    /// assert!(scheduler.run_forever().is_ok());
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    pub fn stop(&self) {
        self.shared().ask_to_stop();
    }

    /// Whether a thread runs the loop now. asyncio: `loop.is_running`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(!handle.is_running());
    /// scheduler.block_on(async { assert!(handle.is_running()) }).unwrap();
    /// ```
    pub fn is_running(&self) -> bool {
        self.shared().phase() == RUNNING
    }
}
