//! Running a program: `run` and `Runner`.

use std::future::IntoFuture;
use std::io;

use heist_core::vars;
use heist_scheduler::{Handle, ShutdownReport};

use crate::builder::Builder;
use crate::event_loop::EventLoop;
use crate::interrupt;
use crate::run_error::RunError;

/// Runs `future` on a new event loop and returns its value; asyncio's `run`.
///
/// The calling thread becomes worker 0 of the loop: the future is polled there and needs neither Send nor `'static`.
/// When it has ended, tasks that are still alive are cancelled and driven to their end, and all threads of the loop are
/// joined. A panic of the future goes on from here, after the same.
///
/// ```
/// let value = heist::run(async {
///     let task = heist::create_task(async { 40 });
///     task.await.unwrap() + 2
/// });
/// assert_eq!(value, 42);
/// ```
///
/// # Ctrl-C
///
/// On the process' main thread the first Ctrl-C (`SIGINT`) cancels `future`, so that it can clean up. When it has ended
/// cancelled, and its tasks have, the process ends by the signal (a shell sees the status 130). A second Ctrl-C ends it at
/// once. A future that answers the cancel with a value goes on as if nothing had happened. None of this where the program
/// handles or ignores `SIGINT` itself, nor while it waits for [`ctrl_c`](crate::ctrl_c). For another end than that of the
/// process use a [`Runner`]. (On Linux; elsewhere Ctrl-C keeps its default action so far.)
///
/// # Panics
///
/// With the panic of `future`; when it was cancelled by anything else than Ctrl-C; inside a running loop (the message names
/// both places); when `HEIST_WORKERS` is no number of workers; when the system has no descriptors or threads left.
/// [`Runner`] gives all but the first as errors.
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
        Err(RunError::Interrupted) => {
            runner.close();
            interrupt::end_process()
        }
        Err(error) => panic!("{error}"),
    }
}

/// Several runs on one loop; asyncio's `Runner`.
///
/// Building one makes no loop yet: the first [`run`](Self::run) or [`get_loop`](Self::get_loop) does. Dropping it closes
/// the loop.
///
/// ```
/// let mut runner = heist::Runner::new()?;
/// let first = runner.run(async { heist::create_task(async { 1 }) })?;
/// assert_eq!(runner.run(first)??, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Runner {
    state: State,
    /// What all runs run in: the variables of whoever made the runner, and what the runs set.
    context: vars::Context,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked of it yet.
    New(Builder),
    Open(EventLoop),
    Closed,
}

impl Runner {
    /// A runner with the defaults of [`Builder`].
    ///
    /// ```
    /// let mut runner = heist::Runner::new()?;
    /// assert_eq!(runner.run(async { 42 })?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// Chooses the properties of the runner's loop.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().current_thread().build()?;
    /// assert_eq!(runner.run(async { 42 })?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn of(builder: Builder) -> Self {
        Self { state: State::New(builder), context: vars::copy_context() }
    }

    /// Runs `future` until it has ended. Tasks that it created and that are alive go on with the next run, and so do the
    /// context variables that it set.
    ///
    /// ```
    /// let mut runner = heist::Runner::new()?;
    /// let first = runner.run(async { 41 })?;
    /// assert_eq!(runner.run(async move { first + 1 })?, 42); // on the same loop
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Ctrl-C
    ///
    /// As in [`run`], but where that ends the process, this gives [`RunError::Interrupted`], and the runner can run on.
    /// When the future was also cancelled by somebody else, that counts: [`RunError::Cancelled`].
    ///
    /// # Errors
    ///
    /// See [`RunError`]. The future is not polled when the runner is closed, when this thread is inside a run, or when
    /// there is no loop to be had.
    ///
    /// # Panics
    ///
    /// With the panic of `future`.
    #[track_caller]
    pub fn run<F: IntoFuture>(&mut self, future: F) -> Result<F::Output, RunError> {
        let context = self.context.clone();
        let event_loop = self.get_loop()?;
        event_loop.run_main(|| context.scope(future.into_future()))
    }

    /// The runner's loop, made now if there is none yet; asyncio's `Runner.get_loop`.
    ///
    /// ```
    /// let mut runner = heist::Runner::new()?;
    /// let task = runner.get_loop()?.create_task(async { 42 });
    /// assert_eq!(runner.run(task)??, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Closed`] after [`close`](Self::close); [`RunError::Io`] when the system has no descriptors left for a
    /// loop.
    pub fn get_loop(&mut self) -> Result<&mut EventLoop, RunError> {
        if let State::New(builder) = &self.state {
            self.state = State::Open(builder.clone().build_event_loop().map_err(RunError::Io)?);
        }
        match &mut self.state {
            State::Open(event_loop) => Ok(event_loop),
            State::New(_) | State::Closed => Err(RunError::Closed),
        }
    }

    /// The part of the loop that other threads may have.
    ///
    /// ```
    /// let mut runner = heist::Runner::new()?;
    /// let handle = runner.handle()?;
    /// let thread = std::thread::spawn(move || handle.create_task(async { 42 }));
    /// assert_eq!(runner.run(thread.join().unwrap())??, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get_loop`](Self::get_loop).
    pub fn handle(&mut self) -> Result<Handle, RunError> {
        self.get_loop().map(|event_loop| event_loop.handle())
    }

    /// Cancels the tasks that are left, drives them to their end, and closes the loop; asyncio's `Runner.close`. A second
    /// call does nothing. Dropping the runner does the same.
    ///
    /// Tasks that do not end within the shutdown timeout are named in the report, which is also printed.
    ///
    /// ```
    /// let mut runner = heist::Runner::new()?;
    /// runner.run(async {})?;
    /// assert!(runner.close().is_clean());
    /// assert!(runner.run(async {}).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&mut self) -> ShutdownReport {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(event_loop) => event_loop.close().unwrap_or_else(|error| {
                heist_scheduler::warn(&format_args!("the runner's event loop was not closed: {error}"));
                ShutdownReport::default()
            }),
            State::New(_) | State::Closed => ShutdownReport::default(),
        }
    }
}

/// The end of a runner is that of a `with` block: nothing was forgotten.
impl Drop for Runner {
    fn drop(&mut self) {
        self.close();
    }
}
