//! Running a program: `run` and `Runner`.

use std::fmt;
use std::future::IntoFuture;
use std::io;

use heist_scheduler::{Handle, RunError};

use crate::builder::Builder;
use crate::event_loop::EventLoop;

/// Runs `future` on a new event loop and returns its value; asyncio's `run`.
///
/// The calling thread becomes worker 0 of the loop: the future is polled there and needs neither Send nor `'static`.
/// When it has ended, tasks that are still alive are cancelled and driven to their end, and all threads of the loop are
/// joined.
///
/// ```
/// let value = heist::run(async {
///     let task = heist::create_task(async { 40 });
///     task.await.unwrap() + 2
/// });
/// assert_eq!(value, 42);
/// ```
///
/// # Panics
///
/// With the panic of `future`; inside a running loop (the message names both places); when `HEIST_WORKERS` is no number
/// of workers; when the system has no descriptors or threads left. [`Runner`] gives all but the first as errors.
#[track_caller]
pub fn run<F: IntoFuture>(future: F) -> F::Output {
    run_with(Builder::new(), future)
}

/// As [`run`], on a loop made by `builder`.
#[track_caller]
pub(crate) fn run_with<F: IntoFuture>(builder: Builder, future: F) -> F::Output {
    let mut runner = match builder.build() {
        Ok(runner) => runner,
        Err(error) => panic!("no event loop could be made: {error}"),
    };
    match runner.run(future) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Several runs on one loop; asyncio's `Runner`.
///
/// Dropping it closes the loop.
///
/// ```
/// let mut runner = heist::Runner::new()?;
/// let first = runner.run(async { heist::create_task(async { 1 }) })?;
/// assert_eq!(runner.run(first)??, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Runner {
    event_loop: EventLoop,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("event_loop", &self.event_loop).finish()
    }
}

impl Runner {
    /// A runner with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// As [`Builder::build_event_loop`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// Chooses the properties of the runner's loop.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn of(event_loop: EventLoop) -> Self {
        Self { event_loop }
    }

    /// Runs `future` until it has ended. Tasks that it created and that are alive go on with the next run.
    ///
    /// # Errors
    ///
    /// See [`RunError`]: nested runs, a closed loop, a cancelled main future.
    ///
    /// # Panics
    ///
    /// With the panic of `future`.
    #[track_caller]
    pub fn run<F: IntoFuture>(&mut self, future: F) -> Result<F::Output, RunError> {
        self.event_loop.try_run(future)
    }

    /// The runner's loop; asyncio's `Runner.get_loop`.
    pub fn get_loop(&mut self) -> &mut EventLoop {
        &mut self.event_loop
    }

    /// The part of the loop that other threads may have.
    pub fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    /// Closes the loop; asyncio's `Runner.close`. Dropping the runner does the same.
    pub fn close(mut self) {
        self.event_loop.close();
    }
}
