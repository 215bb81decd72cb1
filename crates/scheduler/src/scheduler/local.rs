//! [`LocalScheduler`]: a loop of one thread.
//!
//! What it does beside its sibling stands here; what both do is in `run`, `passes` and `close`, over the shared part.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use heist_core::{Clock, Driver};

use super::close::{close, close_on_drop};
use super::run::{OnInterrupt, Resting, run, run_forever};
use super::{Handle, Passes, RunError, ShutdownReport};
use crate::config::Config;
use crate::shared::Shared;
use crate::task::Task;

/// A loop that runs everything on one thread, in the order in which it became ready, `!Send` futures among it.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler};
/// # use std::sync::Arc;
/// use std::{cell::Cell, rc::Rc};
///
/// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
/// let scheduler = LocalScheduler::new(Config::new(1), clock, driver);
/// let count = Rc::new(Cell::new(0));
/// let its = count.clone();
/// scheduler.block_on(async move { its.set(7) }).unwrap();
/// assert_eq!(count.get(), 7);
/// ```
#[derive(Debug)]
pub struct LocalScheduler {
    shared: Arc<Shared>,
    /// Not Send and not Sync: its tasks are touched with plain loads and stores.
    _here: PhantomData<*const ()>,
}

impl LocalScheduler {
    /// Makes a scheduler for the current thread.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, driver::NoDriver};
    ///
    /// let scheduler = LocalScheduler::new(Config::new(1), Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(scheduler.handle().clock().is_virtual());
    /// ```
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, true, clock, driver), _here: PhantomData }
    }

    /// The part that any thread may have.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let task = scheduler.handle().create_task(async { 7 });
    /// assert_eq!(scheduler.block_on(task).unwrap().unwrap(), 7);
    /// ```
    pub fn handle(&self) -> Handle {
        Handle::of(&self.shared)
    }

    /// As [`Scheduler::block_on`](crate::Scheduler::block_on).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// assert_eq!(scheduler.block_on(async { 6 * 7 }).unwrap(), 42);
    /// ```
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
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// assert_eq!(scheduler.run_until_complete(async { 6 * 7 }).unwrap(), 42);
    /// ```
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
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// handle.call_soon(|| Handle::current().unwrap().stop()).unwrap();
    /// scheduler.run_forever().unwrap();
    /// assert!(!handle.is_running());
    /// ```
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
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let task = scheduler.spawn_local(async { 7 }).unwrap();
    /// let mut passes = scheduler.begin().unwrap();
    /// while !task.done() {
    ///     passes.pass(Duration::ZERO).unwrap();
    /// }
    /// # drop(passes);
    /// ```
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
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let count = std::rc::Rc::new(7);
    /// let task = scheduler.spawn_local(async move { *count }).unwrap();
    /// assert_eq!(scheduler.block_on(task).unwrap().unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] inside a run of this loop: use [`spawn_local`](crate::spawn_local) there. [`RunError::Closed`].
    #[track_caller]
    pub fn spawn_local<F: Future + 'static>(&self, future: F) -> Result<Task<F::Output>, RunError> {
        let location = Location::caller();
        let resting = Resting::take(&self.shared)?;
        let worker = resting.worker();
        // An eager task runs here and now.
        Ok(self.shared.config.wrappers.around_all(|| {
            // SAFETY: the guard ends with this closure, before the worker is put back.
            let _entered = unsafe { worker.enter() };
            worker.spawn(future, location)
        }))
    }

    /// Calls `f` as if inside a run, without running anything: for looking at tasks between runs.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let inside = scheduler.enter(Handle::current).unwrap().unwrap();
    /// assert!(inside.same_loop(&scheduler.handle()));
    /// assert!(Handle::current().is_none());
    /// ```
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

    /// As [`Scheduler::close`](crate::Scheduler::close).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let task = scheduler.spawn_local(std::future::pending::<()>()).unwrap();
    /// let report = scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
    /// assert!(report.is_clean() && task.cancelled());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Scheduler::close`](crate::Scheduler::close).
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
