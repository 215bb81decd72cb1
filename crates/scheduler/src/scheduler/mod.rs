//! Building, running and closing a loop; and the handle that other threads have of it.

mod close;
mod handle;
mod outcome;
mod passes;
mod run;
mod spawn;

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use heist_core::{Clock, Driver};

use crate::config::Config;
use crate::shared::Shared;
use crate::task::Task;
#[cfg(all(test, heist_loom))]
pub(crate) use close::end_tasks;
use close::{close, close_on_drop};
pub use handle::Handle;
pub use outcome::{RunError, ShutdownReport};
pub use passes::Passes;
pub use run::refuse_nested;
use run::{OnInterrupt, Resting, run, run_forever};
pub use spawn::{current_task, spawn, spawn_blocking, spawn_in, spawn_local};
pub(crate) use spawn::{no_loop, spawn_at, with_worker};

/// A loop whose workers steal work from one another.
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

impl Scheduler {
    /// Makes a scheduler. Threads are started by the first run.
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, false, clock, driver) }
    }

    /// The part that any thread may have.
    pub fn handle(&self) -> Handle {
        Handle::of(&self.shared)
    }

    /// Runs the loop on this thread, as its worker 0, until `future` has ended. Other workers run beside it, and pause
    /// when it returns.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), OnInterrupt::Cancel, Location::caller())
    }

    /// As [`block_on`](Scheduler::block_on), but an [`Interrupter`](crate::Interrupter) ends the run as a stop does, and
    /// cancels nothing.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), OnInterrupt::Leave, Location::caller())
    }

    /// Runs the loop on this thread until [`Handle::stop`] is called, or an [`Interrupter`](crate::Interrupter) ends it.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), RunError> {
        run_forever(&self.shared, Location::caller())
    }

    /// Begins a run whose passes are asked for one by one.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    #[track_caller]
    pub fn begin(&self) -> Result<Passes<'_>, RunError> {
        Passes::begin(&self.shared, Location::caller())
    }

    /// Cancels all tasks and drives them to their end, for at most `limit`; then ends all threads of the loop, waiting
    /// at most `blocking_limit` for closures on the blocking pool. A second call finds nothing to do.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] while a thread runs the loop, be it this one.
    #[track_caller]
    pub fn close(&self, limit: Duration, blocking_limit: Duration) -> Result<ShutdownReport, RunError> {
        close(&self.shared, limit, blocking_limit, Location::caller())
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        close_on_drop(&self.shared);
    }
}

/// A loop that runs everything on one thread, in the order in which it became ready, `!Send` futures among it.
#[derive(Debug)]
pub struct LocalScheduler {
    shared: Arc<Shared>,
    /// Not Send and not Sync: its tasks are touched with plain loads and stores.
    _here: PhantomData<*const ()>,
}

impl LocalScheduler {
    /// Makes a scheduler for the current thread.
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, true, clock, driver), _here: PhantomData }
    }

    /// The part that any thread may have.
    pub fn handle(&self) -> Handle {
        Handle::of(&self.shared)
    }

    /// As [`Scheduler::block_on`].
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), OnInterrupt::Cancel, Location::caller())
    }

    /// As [`block_on`](LocalScheduler::block_on), but an [`Interrupter`](crate::Interrupter) ends the run as a stop does, and
    /// cancels nothing.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), OnInterrupt::Leave, Location::caller())
    }

    /// Runs the loop on this thread until [`Handle::stop`] is called, or an [`Interrupter`](crate::Interrupter) ends it.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), RunError> {
        run_forever(&self.shared, Location::caller())
    }

    /// Begins a run whose passes are asked for one by one.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    #[track_caller]
    pub fn begin(&self) -> Result<Passes<'_>, RunError> {
        Passes::begin(&self.shared, Location::caller())
    }

    /// Creates a task outside of a run; it starts with the next one.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] inside a run of this loop: use [`spawn_local`] there. [`RunError::Closed`].
    #[track_caller]
    pub fn spawn_local<F: Future + 'static>(&self, future: F) -> Result<Task<F::Output>, RunError> {
        let location = Location::caller();
        let resting = Resting::take(&self.shared)?;
        let worker = resting.worker();
        // SAFETY: the guard ends with this function, before the worker is put back.
        let _entered = unsafe { worker.enter() };
        Ok(worker.spawn(future, location))
    }

    /// Calls `f` as if inside a run, without running anything: for looking at tasks between runs.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] inside a run of this loop, [`RunError::Closed`].
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> Result<R, RunError> {
        let resting = Resting::take(&self.shared)?;
        // SAFETY: the guard ends with this function, before the worker is put back.
        let _entered = unsafe { resting.worker().enter() };
        Ok(f())
    }

    /// As [`Scheduler::close`].
    ///
    /// # Errors
    ///
    /// As [`Scheduler::close`].
    #[track_caller]
    pub fn close(&self, limit: Duration, blocking_limit: Duration) -> Result<ShutdownReport, RunError> {
        close(&self.shared, limit, blocking_limit, Location::caller())
    }
}

impl Drop for LocalScheduler {
    fn drop(&mut self) {
        close_on_drop(&self.shared);
    }
}
