//! A run that is driven by hand, pass by pass: for programs that have an event loop of their own.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heist_core::sync::atomic::Ordering;

use super::outcome::RunError;
use super::run::{Running, pass, refuse_nested};
use crate::shared::{RUNNING, Shared};
use crate::worker::Worker;

/// A run of a loop whose passes somebody else asks for. The run ends when this is dropped.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Passes};
/// # use std::time::Duration;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// let task = scheduler.spawn_local(async { 7 }).unwrap();
/// let mut passes: Passes<'_> = scheduler.begin().unwrap();
/// while !task.done() {
///     passes.pass(Duration::ZERO).unwrap();
/// }
/// # drop(passes);
/// ```
pub struct Passes<'a> {
    running: Running<'a>,
    shared: &'a Arc<Shared>,
}

impl std::fmt::Debug for Passes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passes").finish_non_exhaustive()
    }
}

impl<'a> Passes<'a> {
    pub(super) fn begin(
        shared: &'a Arc<Shared>,
        location: &'static Location<'static>,
    ) -> Result<Self, RunError> {
        let running = Running::take(shared, location)?;
        shared.set_phase(RUNNING);
        Ok(Self { running, shared })
    }

    /// Makes one pass: takes in what time and I/O have, and gives everything that is ready then one turn. Where there is
    /// nothing to do, it first waits for something, at most for `wait`. `false` once the loop was stopped.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let mut passes = scheduler.begin().unwrap();
    /// assert!(passes.pass(Duration::ZERO).unwrap());
    /// handle.stop();
    /// assert!(!passes.pass(Duration::ZERO).unwrap(), "the loop was stopped");
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] inside a loop that is running.
    #[track_caller]
    pub fn pass(&mut self, wait: Duration) -> Result<bool, RunError> {
        refuse_nested()?;
        Ok(self.shared.config.wrappers.around(|| self.pass_wrapped(wait))?)
    }

    fn pass_wrapped(&self, wait: Duration) -> bool {
        let worker = self.running.worker();
        // SAFETY: the guard ends with this function, before the worker can be put back.
        let _entered = unsafe { worker.enter() };
        worker.begin_run(std::ptr::null_mut());
        self.make(worker, wait);
        let stopped = worker.leave.is_stopped() || self.shared.stop.swap(false, Ordering::Acquire);
        // Between the passes others look after what is ready, where there are others.
        worker.end_run();
        !stopped
    }

    fn make(&self, worker: &Worker, wait: Duration) {
        let end = Instant::now().checked_add(wait);
        loop {
            worker.begin_pass(0);
            let left = end.map_or(wait, |end| end.saturating_duration_since(Instant::now()));
            if worker.leave.is_stopped() || !worker.pass_is_empty() || left.is_zero() {
                break;
            }
            worker.leave.go_on();
            worker.nap.set(Some(left));
            worker.turn_until(|_| {}, || self.shared.stop.load(Ordering::Relaxed));
            worker.nap.set(None);
        }
        pass(worker);
    }
}
