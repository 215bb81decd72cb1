//! The event loop as a value; asyncio's `EventLoop`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::time::Duration;

use heist_scheduler::{Handle, LocalScheduler, Scheduler, ShutdownReport, Task, TaskRef};

use crate::builder::Builder;
use crate::run_error::RunError;

#[derive(Debug)]
pub(crate) enum Flavour {
    MultiThread(Scheduler),
    CurrentThread(LocalScheduler),
}

/// An event loop that is run explicitly; asyncio's `EventLoop`.
///
/// Most programs need only [`run`](crate::run). A loop runs nothing outside of
/// [`run_until_complete`](Self::run_until_complete): tasks created before or between runs wait for the next one.
///
/// ```
/// let mut event_loop = heist::EventLoop::new()?;
/// let task = event_loop.create_task(async { 20 + 1 });
/// assert_eq!(event_loop.run_until_complete(task)?, 21);
/// event_loop.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventLoop {
    flavour: Flavour,
    shutdown_timeout: Duration,
    executor_timeout: Duration,
    debug: bool,
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl EventLoop {
    /// Makes a loop with the defaults of [`Builder`]; asyncio's `new_event_loop`.
    ///
    /// # Errors
    ///
    /// As [`Builder::build_event_loop`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build_event_loop()
    }

    /// Chooses the loop's properties.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn of(
        flavour: Flavour,
        shutdown_timeout: Duration,
        executor_timeout: Duration,
        debug: bool,
    ) -> Self {
        Self { flavour, shutdown_timeout, executor_timeout, debug }
    }

    /// Runs the loop on this thread until `future` has ended, and returns its value. The future needs neither Send nor
    /// `'static`. asyncio's `run_until_complete`.
    ///
    /// # Panics
    ///
    /// With the panic of `future`; and with a message that says what to do when the loop is closed, or this thread is
    /// inside a running loop already. [`Runner::run`](crate::Runner::run) gives these as errors.
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&mut self, future: F) -> F::Output {
        match self.try_run(future) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`run_until_complete`](Self::run_until_complete), with errors.
    #[track_caller]
    pub(crate) fn try_run<F: IntoFuture>(&mut self, future: F) -> Result<F::Output, RunError> {
        let ended = match &self.flavour {
            Flavour::MultiThread(scheduler) => scheduler.block_on(future.into_future()),
            Flavour::CurrentThread(scheduler) => scheduler.block_on(future.into_future()),
        };
        Ok(ended?)
    }

    /// Creates a task; it starts with the next run. asyncio's `loop.create_task`.
    #[track_caller]
    pub fn create_task<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle().create_task(future)
    }

    /// The part of the loop that other threads may have.
    pub fn handle(&self) -> Handle {
        match &self.flavour {
            Flavour::MultiThread(scheduler) => scheduler.handle(),
            Flavour::CurrentThread(scheduler) => scheduler.handle(),
        }
    }

    /// Every task that has not ended; asyncio's `all_tasks(loop)`.
    pub fn all_tasks(&self) -> Vec<TaskRef> {
        self.handle().all_tasks()
    }

    /// The loop's time: since it was made, monotonic. asyncio's `loop.time`.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.handle().clock().now())
    }

    /// Whether the loop is in debug mode; asyncio's `get_debug`. It is where [`Builder::debug`] or, without that, the
    /// variable `HEIST_DEBUG` says so.
    pub fn get_debug(&self) -> bool {
        self.debug
    }

    /// Turns debug mode on or off; asyncio's `set_debug`.
    pub fn set_debug(&mut self, on: bool) {
        self.debug = on;
    }

    /// Whether the loop was closed; asyncio's `is_closed`.
    pub fn is_closed(&self) -> bool {
        self.handle().is_closed()
    }

    /// Cancels what is left, drives it to its end, and ends every thread and descriptor of the loop. asyncio's
    /// `loop.close`, after what `asyncio.run` does before it. A second call does nothing.
    ///
    /// Tasks that do not end within the shutdown timeout are named in the report, which is also printed.
    pub fn close(&mut self) -> ShutdownReport {
        let closed = match &self.flavour {
            Flavour::MultiThread(scheduler) => scheduler.close(self.shutdown_timeout, self.executor_timeout),
            Flavour::CurrentThread(scheduler) => {
                scheduler.close(self.shutdown_timeout, self.executor_timeout)
            }
        };
        match closed {
            Ok(report) => {
                if !report.is_clean() {
                    eprintln!("heist: {report}");
                }
                report
            }
            Err(error) => {
                eprintln!("heist: the event loop was not closed: {error}");
                ShutdownReport::default()
            }
        }
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // Here and not in the scheduler's own drop, so that this loop's limits hold.
        self.close();
    }
}
