//! Building, running and closing a loop; and the handle that other threads have of it.

mod close;
mod handle;
mod local;
mod outcome;
mod passes;
mod run;
mod spawn;

use std::future::IntoFuture;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use heist_core::{Clock, Driver};

use crate::config::Config;
use crate::shared::Shared;
#[cfg(all(test, heist_loom))]
pub(crate) use close::end_tasks;
use close::{close, close_on_drop};
pub use handle::Handle;
pub use local::LocalScheduler;
pub(crate) use outcome::counted;
pub use outcome::{RunError, ShutdownReport};
pub use passes::Passes;
pub use run::refuse_nested;
use run::{OnInterrupt, run, run_forever};
pub use spawn::{current_task, spawn, spawn_blocking, spawn_in, spawn_local};
pub(crate) use spawn::{no_loop, spawn_at, with_worker};

/// A loop whose workers steal work from one another.
///
/// ```
/// # use heist_scheduler::{Config, Scheduler, spawn as create_task};
/// # use std::sync::Arc;
/// # let clock = heist_core::Clock::real();
/// # let driver = Arc::new(heist_core::driver::NoDriver);
/// let scheduler = Scheduler::new(Config::new(2), clock, driver);
/// let sum = scheduler.block_on(async {
///     let (one, two) = (create_task(async { 1 }), create_task(async { 2 }));
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

impl Scheduler {
    /// Makes a scheduler. Threads are started by the first run.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, driver::NoDriver};
    ///
    /// let scheduler = Scheduler::new(Config::new(2), Clock::real(), Arc::new(NoDriver));
    /// assert_eq!(scheduler.handle().workers(), 2);
    /// ```
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, false, clock, driver) }
    }

    /// The part that any thread may have.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
    /// let task = scheduler.handle().create_task(async { 7 });
    /// assert_eq!(scheduler.block_on(task).unwrap().unwrap(), 7);
    /// ```
    pub fn handle(&self) -> Handle {
        Handle::of(&self.shared)
    }

    /// Runs the loop on this thread, as its worker 0, until `future` has ended. Other workers run beside it, and pause
    /// when it returns.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
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

    /// As [`block_on`](Scheduler::block_on), but an [`Interrupter`](crate::Interrupter) ends the run as a stop does, and
    /// cancels nothing.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
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
    /// # use heist_scheduler::{Config, Handle, Scheduler};
    /// # use std::sync::Arc;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
    /// let handle = scheduler.handle();
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
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
    /// let task = scheduler.handle().create_task(async { 7 });
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

    /// Cancels all tasks and drives them to their end, for at most `limit`; then ends all threads of the loop, waiting
    /// at most `blocking_limit` for closures on the blocking pool. A second call finds nothing to do.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Scheduler};
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = Scheduler::new(Config::new(2), clock, driver);
    /// let task = scheduler.handle().create_task(std::future::pending::<()>());
    /// let report = scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
    /// assert!(report.is_clean() && task.cancelled());
    /// ```
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
