//! The event loop as a value; asyncio's `EventLoop`.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use heist_core::services::unclosed;
use heist_scheduler::{Handle, LocalScheduler, Scheduler, ShutdownReport, Task};
use heist_sync::{create_future, future};

use crate::builder::Builder;
use crate::executor::{Executor, run_in_executor};
use crate::interrupt::Held;
use crate::passes::Passes;
use crate::run_error::RunError;
use crate::thread_future::WrappedFuture;

#[derive(Debug)]
pub(crate) enum Flavour {
    MultiThread(Scheduler),
    CurrentThread(LocalScheduler),
}

/// Calls a method that both flavours have.
macro_rules! on {
    ($flavour:expr, $scheduler:ident => $call:expr) => {
        match $flavour {
            Flavour::MultiThread($scheduler) => $call,
            Flavour::CurrentThread($scheduler) => $call,
        }
    };
}

/// How long the end of a loop may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For cancelled tasks.
    pub(crate) tasks: Duration,
    /// For closures on the loop's threads.
    pub(crate) executor: Duration,
}

/// What stands beside a loop, and ends by its drop after the loop is closed.
pub(crate) type Companion = Box<dyn fmt::Debug>;

/// The loop itself. It is closed when the last value that owns it goes.
#[derive(Debug)]
struct Owner {
    flavour: Flavour,
    limits: Limits,
    companion: RefCell<Option<Companion>>,
    made_at: &'static Location<'static>,
}

/// An event loop that is run explicitly; asyncio's `EventLoop`.
///
/// Most programs need only [`run`](crate::run). A loop runs nothing outside of
/// [`run_until_complete`](Self::run_until_complete) and [`run_forever`](Self::run_forever): tasks and callbacks that come
/// before or between runs wait for the next one.
///
/// It is a [`Handle`] that can also run, and has all of its methods: `create_task`, `call_soon`, `call_later`, `stop`, `time`,
/// `set_exception_handler` and the others. Clones are of the same loop; the last one that goes closes it. It stays on its
/// thread; other threads get a `Handle`, by [`handle`](Self::handle).
///
/// ```
/// let event_loop = heist::new_event_loop()?;
/// let task = event_loop.create_task(async { 20 + 1 });
/// assert_eq!(event_loop.run_until_complete(task)??, 21);
/// event_loop.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EventLoop {
    handle: Handle,
    /// None for one that was got inside a run: it has everything but what needs the loop itself.
    owner: Option<Rc<Owner>>,
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("debug", &self.get_debug())
            .finish_non_exhaustive()
    }
}

impl Deref for EventLoop {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl EventLoop {
    /// Makes a loop with the defaults of [`Builder`]; asyncio's `new_event_loop`.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// assert!(!event_loop.is_running());
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Builder::build_event_loop`].
    #[track_caller]
    pub fn new() -> io::Result<Self> {
        Builder::new().build_event_loop()
    }

    /// Chooses the loop's properties.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::builder().workers(2).build_event_loop()?;
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    #[track_caller]
    pub(crate) fn of(flavour: Flavour, limits: Limits, companion: Option<Companion>) -> Self {
        let handle = on!(&flavour, scheduler => scheduler.handle());
        let owner =
            Owner { flavour, limits, companion: RefCell::new(companion), made_at: Location::caller() };
        Self { handle, owner: Some(Rc::new(owner)) }
    }

    /// A loop that runs on this thread, seen from inside.
    pub(crate) fn running(handle: Handle) -> Self {
        Self { handle, owner: None }
    }

    /// The loop itself, for who wants to run or close it.
    #[track_caller]
    fn owner(&self) -> Result<&Owner, RunError> {
        match &self.owner {
            Some(owner) => Ok(owner),
            None => {
                heist_scheduler::refuse_nested()?;
                Err(RunError::NotOwned)
            }
        }
    }

    /// Runs the loop on this thread until `future` has ended, and gives its value. The future needs neither Send nor
    /// `'static`. asyncio's `run_until_complete`.
    ///
    /// A run that ends before the future (see the errors) drops it, where it was given by value. A task that is given as
    /// `&mut task`, or a pinned future by reference, stays as it is, and can be given to a later run:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = heist::EventLoop::builder().virtual_time().build_event_loop()?;
    /// let mut task = event_loop.create_task(heist::sleep(Duration::from_secs(60)).result("slept"));
    /// let stops = event_loop.handle();
    /// event_loop.call_later(Duration::from_secs(1), move || stops.stop())?;
    /// assert!(matches!(event_loop.run_until_complete(&mut task), Err(heist::RunError::Stopped)));
    /// assert_eq!(event_loop.run_until_complete(task)??, "slept");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Stopped`]: [`stop`](Handle::stop) was called. [`RunError::Interrupted`]: Ctrl-C, on the process' main
    /// thread; where a [`Runner`](crate::Runner) would have the future cancelled, this leaves everything as it is, as asyncio's
    /// does. [`RunError::Nested`], [`RunError::Busy`], [`RunError::Closed`]: there was no run, and the future was not polled.
    ///
    /// # Panics
    ///
    /// With the panic of `future`.
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        let owner = self.owner()?;
        let _held = Held::take(&self.handle);
        Ok(on!(&owner.flavour, scheduler => scheduler.run_until_complete(future))?)
    }

    /// As [`run_until_complete`](Self::run_until_complete), but Ctrl-C cancels the future, and the run goes on until it has
    /// ended: what a [`Runner`](crate::Runner) does. The future is made with Ctrl-C in hand.
    #[track_caller]
    pub(crate) fn run_main<F: Future>(&self, future: impl FnOnce() -> F) -> Result<F::Output, RunError> {
        let owner = self.owner()?;
        let _held = Held::take(&self.handle);
        Ok(on!(&owner.flavour, scheduler => scheduler.block_on(future()))?)
    }

    /// Runs the loop on this thread until [`stop`](Handle::stop) is called, by a callback, a task, or another thread. asyncio's
    /// `run_forever`.
    ///
    /// A stop that came before makes this one pass: everything that is ready has one turn, nothing is waited for. What is
    /// left is there for the next run.
    ///
    /// ```
    /// let event_loop = heist::new_event_loop()?;
    /// let stops = event_loop.handle();
    /// event_loop.call_soon(move || {
    ///     println!("Callback executed");
    ///     stops.stop();
    /// })?;
    /// event_loop.run_forever()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Interrupted`]: Ctrl-C, on the process' main thread; asyncio's `KeyboardInterrupt`. The others as for
    /// [`run_until_complete`](Self::run_until_complete).
    #[track_caller]
    pub fn run_forever(&self) -> Result<(), RunError> {
        let owner = self.owner()?;
        let _held = Held::take(&self.handle);
        Ok(on!(&owner.flavour, scheduler => scheduler.run_forever())?)
    }

    /// Begins a run that the caller drives, pass by pass: for a program that has a loop of its own. asyncio's
    /// `_run_forever_setup`, `_run_once` and `_run_forever_cleanup`, where the last is the drop.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = heist::EventLoop::builder().current_thread().build_event_loop()?;
    /// let task = event_loop.create_task(async { 7 });
    /// let mut passes = event_loop.begin()?;
    /// while !task.done() {
    ///     passes.pass(Duration::from_millis(10))?;
    ///     // and whatever else the program's own loop does
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`run_until_complete`](Self::run_until_complete), when there is no run to be had.
    #[track_caller]
    pub fn begin(&self) -> Result<Passes<'_>, RunError> {
        let passes = on!(&self.owner()?.flavour, scheduler => scheduler.begin());
        Ok(Passes::of(passes?))
    }

    /// Creates a task of a future that is not Send; it starts with the next run. On a current-thread loop, between runs;
    /// inside of one, [`spawn_local`](crate::spawn_local) does it.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::builder().current_thread().build_event_loop()?;
    /// let not_send = std::rc::Rc::new(42);
    /// let task = event_loop.spawn_local(async move { *not_send })?;
    /// assert_eq!(event_loop.run_until_complete(task)??, 42);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::SeveralWorkers`] where the loop is not a current-thread one; [`RunError::Busy`] inside a run of this
    /// loop; [`RunError::Closed`].
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> Result<Task<F::Output>, RunError>
    where
        F: Future + 'static,
    {
        match &self.owner()?.flavour {
            Flavour::MultiThread(_) => Err(RunError::SeveralWorkers),
            Flavour::CurrentThread(scheduler) => Ok(scheduler.spawn_local(future)?),
        }
    }

    /// The part of the loop that other threads may have.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// let thread = std::thread::spawn(move || handle.create_task(async { 42 }));
    /// let task = thread.join().unwrap();
    /// assert_eq!(event_loop.run_until_complete(task)??, 42);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Makes a future that has no result yet. asyncio: `loop.create_future`.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let future = event_loop.create_future();
    /// let setter = future.clone();
    /// event_loop.call_soon(move || setter.set_result(42).unwrap())?;
    /// assert_eq!(event_loop.run_until_complete(future)??, 42);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn create_future<T>(&self) -> future::Future<T> {
        create_future()
    }

    /// Has `executor` call `closure`; see [`run_in_executor`]. The loop's own threads are the executor `&event_loop.handle()`.
    /// asyncio: `loop.run_in_executor`.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let answer = event_loop.run_in_executor(&pool, || 42);
    /// assert_eq!(event_loop.run_until_complete(answer)??, 42);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_in_executor<E, F, T>(&self, executor: &E, closure: F) -> WrappedFuture<T>
    where
        E: Executor + ?Sized,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        run_in_executor(executor, closure)
    }

    /// Cancels what is left, drives it to its end, and ends every thread and descriptor of the loop. asyncio's
    /// `loop.close`, after what `asyncio.run` does before it. A second call finds nothing to do. What wants to schedule or to run
    /// something on a closed loop is refused.
    ///
    /// Tasks that do not end within the shutdown timeout are named in the report, which is also printed.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let report = event_loop.close()?;
    /// assert!(report.is_clean() && event_loop.is_closed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] while the loop runs; [`RunError::NotOwned`] for a value that was got inside a run.
    #[track_caller]
    pub fn close(&self) -> Result<ShutdownReport, RunError> {
        if self.handle.is_running() {
            return Err(RunError::Busy);
        }
        self.owner()?.close()
    }
}

impl Owner {
    #[track_caller]
    fn close(&self) -> Result<ShutdownReport, RunError> {
        let Limits { tasks, executor } = self.limits;
        let report = on!(&self.flavour, scheduler => scheduler.close(tasks, executor))?;
        if !report.is_clean() {
            heist_scheduler::warn(&report);
        }
        let companion = self.companion.take();
        drop(companion);
        Ok(report)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let handle = on!(&self.flavour, scheduler => scheduler.handle());
        if !handle.is_closed() {
            unclosed(Some(&handle), "an event loop", self.made_at);
        }
        // Here and not in the scheduler's own drop, so that this loop's limits hold.
        if let Err(error) = self.close() {
            heist_scheduler::warn(&format_args!("the event loop was not closed: {error}"));
        }
    }
}
