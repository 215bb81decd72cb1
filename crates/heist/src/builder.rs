//! What can be chosen about an event loop before it is made.

use std::io;
use std::time::Duration;

use heist_core::Clock;
use heist_scheduler::{Config, LocalScheduler, PanicPolicy, Scheduler, ThreadHook, Wrappers};

use crate::defaults;
use crate::driver::LoopDriver;
use crate::event_loop::{Companion, EventLoop, Flavour, Limits};
use crate::runner::Runner;

/// How long a closing loop waits for cancelled tasks to end, unless told otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a closing loop waits for closures on its thread pool; asyncio's `THREAD_JOIN_TIMEOUT`.
const EXECUTOR_TIMEOUT: Duration = Duration::from_secs(300);

/// Chooses the properties of a [`Runner`] or an [`EventLoop`].
///
/// ```
/// let mut runner = heist::Runner::builder().workers(2).build()?;
/// assert_eq!(runner.run(async { 1 + 1 })?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build` or `build_event_loop`"]
pub struct Builder {
    workers: Option<usize>,
    current_thread: bool,
    virtual_time: bool,
    thread_name: Option<String>,
    max_blocking_threads: Option<usize>,
    shutdown_timeout: Duration,
    executor_timeout: Duration,
    look_interval: Option<Duration>,
    debug: Option<bool>,
    eager_tasks: bool,
    on_panic: PanicPolicy,
    on_thread_start: ThreadHook,
    on_thread_stop: ThreadHook,
    wrappers: Wrappers,
    #[cfg(feature = "tokio-compat")]
    tokio_compat: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The defaults: a worker for each core (or as `HEIST_WORKERS` says), real time. Inside of
    /// [`as_default`](Self::as_default), what that was given.
    ///
    /// ```
    /// let event_loop = heist::Builder::new().current_thread().build_event_loop()?;
    /// assert_eq!(event_loop.run_until_complete(async { 42 })?, 42);
    /// # event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Self {
        defaults::current().unwrap_or_else(Self::plain)
    }

    fn plain() -> Self {
        Self {
            workers: None,
            current_thread: false,
            virtual_time: false,
            thread_name: None,
            max_blocking_threads: None,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            executor_timeout: EXECUTOR_TIMEOUT,
            look_interval: None,
            debug: None,
            eager_tasks: false,
            on_panic: PanicPolicy::Report,
            on_thread_start: ThreadHook::default(),
            on_thread_stop: ThreadHook::default(),
            wrappers: Wrappers::default(),
            #[cfg(feature = "tokio-compat")]
            tokio_compat: false,
        }
    }

    /// How many workers run tasks, the calling thread among them; 0 stands for 1. Beats `HEIST_WORKERS`.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().workers(4).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// Runs everything on the calling thread, one task at a time in the order in which they became ready, as asyncio
    /// does. Tasks need not be Send there.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().current_thread().build()?;
    /// runner.run(async {
    ///     let count = std::rc::Rc::new(6); // not Send
    ///     assert_eq!(heist::spawn_local(async move { *count * 7 }).await.unwrap(), 42);
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current_thread(mut self) -> Self {
        self.current_thread = true;
        self
    }

    /// Lets time stand still while anything can run, and jump to the next deadline when nothing can: an hour's sleep
    /// takes microseconds. For tests.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut runner = heist::Runner::builder().virtual_time().build()?;
    /// runner.run(heist::sleep(Duration::from_secs(3600)))?; // at once
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn virtual_time(mut self) -> Self {
        self.virtual_time = true;
        self
    }

    /// What the loop's threads are called; `heist` unless given.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().thread_name("crew").build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = Some(name.into());
        self
    }

    /// The most threads for `to_thread`; asyncio's default, `min(32, cpus + 4)`, unless given.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().max_blocking_threads(2).build()?;
    /// assert_eq!(runner.run(async { heist::to_thread(|| 1 + 1).await })??, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_blocking_threads(mut self, threads: usize) -> Self {
        self.max_blocking_threads = Some(threads.max(1));
        self
    }

    /// How long a closing loop waits for cancelled tasks to end; 60 s unless given.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().shutdown_timeout(std::time::Duration::from_secs(5)).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = limit;
        self
    }

    /// How long a closing loop waits for closures on its thread pool; 300 s unless given, as in asyncio.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().executor_timeout(std::time::Duration::from_secs(5)).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn executor_timeout(mut self, limit: Duration) -> Self {
        self.executor_timeout = limit;
        self
    }

    /// Has tasks run at their creation, on the creating thread, until they first suspend; asyncio's `eager_task_factory`.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().eager_tasks(true).build()?;
    /// runner.run(async {
    ///     let task = heist::create_task(async { 42 });
    ///     assert!(task.done());
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn eager_tasks(mut self, eager: bool) -> Self {
        self.eager_tasks = eager;
        self
    }

    /// What a panic in a task, a callback or a closure of `to_thread` does to the run; nothing, unless given.
    ///
    /// ```
    /// use heist::{PanicPolicy, RunError};
    ///
    /// let mut runner = heist::Runner::builder().on_panic(PanicPolicy::Shutdown).build()?;
    /// let ended = runner.run(async {
    ///     let _task = heist::create_task(async { panic!("a bug") }).with_name("buggy");
    ///     std::future::pending::<()>().await
    /// });
    /// assert!(matches!(ended, Err(RunError::Panicked(what)) if what.contains("buggy")));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_panic(mut self, policy: PanicPolicy) -> Self {
        self.on_panic = policy;
        self
    }

    /// Has `hook` called on each thread that the loop starts (workers but the calling thread, threads of `to_thread`), before
    /// anything else. It must not block. If it panics, that has been reported by the panic hook, and changes nothing.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().on_thread_start(|| println!("a thread begins")).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_thread_start = ThreadHook::new(hook);
        self
    }

    /// Has `hook` called on each of these threads when it ends, after anything else.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().on_thread_stop(|| println!("a thread ends")).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_thread_stop = ThreadHook::new(hook);
        self
    }

    /// Has `wrapper` called around the work of each thread of the loop, so that it can hold something for as long, in a
    /// local variable; the work is its argument, which it must call once. It costs nothing in between.
    ///
    /// That is each worker with a thread of its own, and each thread of `to_thread`, from start to end (inside of
    /// [`on_thread_start`](Self::on_thread_start) and [`on_thread_stop`](Self::on_thread_stop)); and each run and the close
    /// of the loop, on the thread that asks for them (where it drives the loop by hand, each
    /// [`pass`](crate::Passes::pass)). Threads of an executor of the program's own are its own. Closing the loop waits
    /// until the wrappers have returned. Several nest, the first one outermost.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// let inside = Arc::new(Mutex::new(0));
    /// let count = inside.clone();
    /// let mut runner = heist::Runner::builder()
    ///     .wrap_worker(move |work| {
    ///         *count.lock().unwrap() += 1;
    ///         work();
    ///         *count.lock().unwrap() -= 1;
    ///     })
    ///     .build()?;
    /// let now = inside.clone();
    /// assert!(runner.run(async move { *now.lock().unwrap() })? >= 1);
    /// runner.close();
    /// assert_eq!(*inside.lock().unwrap(), 0, "all have returned");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # A wrapper that goes wrong
    ///
    /// One that does not call its argument makes the run fail with [`RunError::NotWrapped`](crate::RunError::NotWrapped),
    /// before anything was polled; another thread of the loop, and the close, go on without it, with a warning. A second
    /// call does nothing but warn. If it panics, that has been reported by the panic hook, and counts as a return; a panic
    /// of the main future passes it by.
    pub fn wrap_worker(mut self, wrapper: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        self.wrappers.push(wrapper);
        self
    }

    /// Gives the loop a tokio runtime of its own, with one thread, and has everything that the loop runs find it: main, tasks
    /// on every worker, closures of `to_thread`. Libraries that need tokio then work there unchanged. It costs nothing per
    /// poll. (Feature `tokio-compat`; see [`tokio_compat`](crate::tokio_compat).)
    ///
    /// The runtime starts when the loop is made, and ends when it is closed: first the tasks of the loop end, as ever; then
    /// what was spawned inside tokio is dropped, and closures of its `spawn_blocking` are waited for, as long as
    /// [`executor_timeout`](Self::executor_timeout) says. Virtual time is not tokio's.
    ///
    /// To use a runtime that the program has already, [`wrap_worker`](Self::wrap_worker) is enough, without this feature.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut runner = heist::Runner::builder().tokio_compat().build()?;
    /// runner.run(async {
    ///     let task = heist::create_task(async { tokio::time::sleep(Duration::from_millis(1)).await });
    ///     task.await.unwrap();
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tokio-compat")]
    pub fn tokio_compat(mut self) -> Self {
        self.tokio_compat = true;
        self
    }

    /// Turns debug mode on or off, whatever the variable `HEIST_DEBUG` says; asyncio's `run(..., debug=...)`. Without
    /// this, the variable turns it on, unless it is empty or `0`.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::builder().debug(true).build_event_loop()?;
    /// assert!(event_loop.get_debug());
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn debug(mut self, on: bool) -> Self {
        self.debug = Some(on);
        self
    }

    /// About how long a worker goes on with tasks that are ready before it looks at timers and sockets; 200 us unless
    /// given, and never more than some 60 polls. Shorter makes these more punctual on a loop that is never idle, longer
    /// saves system calls. An instrument that slows the whole program down wants it longer in proportion.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().look_interval(std::time::Duration::from_micros(100)).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look_interval(mut self, interval: Duration) -> Self {
        self.look_interval = Some(interval);
        self
    }

    /// Calls `program` with these properties as the defaults: every loop that this thread makes meanwhile and that leaves
    /// something open has it from here, whether [`run`](crate::run), `#[heist::main]`,
    /// [`new_event_loop`](crate::new_event_loop) or [`get_event_loop`](crate::get_event_loop) makes it.
    ///
    /// For tests of whole programs, their `main` included: an hour of theirs takes microseconds. `program` has a place of
    /// its own for the loop that `get_event_loop` keeps; one that is left in it is closed at the end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// #[heist::main]
    /// async fn main() {
    ///     heist::sleep(Duration::from_secs(3600)).await;
    /// }
    ///
    /// # fn test() {
    /// heist::Runner::builder().virtual_time().as_default(main);
    /// # }
    /// # test();
    /// ```
    ///
    /// asyncio: the `loop_factory` of `run`, or an event loop policy.
    pub fn as_default<R>(self, program: impl FnOnce() -> R) -> R {
        let _before = defaults::Replaced::by(self);
        program()
    }

    /// Makes a runner. This is cheap: its loop is made by the first run.
    ///
    /// ```
    /// let mut runner = heist::Runner::builder().workers(1).build()?;
    /// assert_eq!(runner.run(async { 1 + 1 })?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` when `HEIST_WORKERS` is asked and is not a number from 1 to 1024.
    pub fn build(mut self) -> io::Result<Runner> {
        self.workers = Some(self.choose_workers()?);
        Ok(Runner::of(self))
    }

    fn choose_workers(&self) -> io::Result<usize> {
        match self.workers {
            Some(workers) => Ok(workers),
            None if self.current_thread => Ok(1),
            None => Config::default_workers()
                .map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message)),
        }
    }

    /// Starts what stands beside the loop and ends after it, and has the loop's threads find it.
    fn start_companion(&mut self) -> io::Result<Option<Companion>> {
        #[cfg(feature = "tokio-compat")]
        if self.tokio_compat {
            let name = format!("{}-tokio", self.thread_name.as_deref().unwrap_or("heist"));
            let runtime = crate::tokio_compat::Companion::start(&name, self.executor_timeout)?;
            self.wrappers.push(runtime.wrapper());
            return Ok(Some(Box::new(runtime)));
        }
        Ok(None)
    }

    /// Makes an event loop.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::builder().workers(1).build_event_loop()?;
    /// assert_eq!(event_loop.run_until_complete(async { 42 })?, 42);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` when `HEIST_WORKERS` is asked and is not a number from 1 to 1024; the system's error when it has
    /// no descriptor left for the loop (three are needed), or no thread for what stands beside it.
    #[track_caller]
    pub fn build_event_loop(mut self) -> io::Result<EventLoop> {
        let companion = self.start_companion()?;
        let workers = self.choose_workers()?;
        let mut config = Config::new(workers);
        if let Some(name) = self.thread_name {
            config.thread_name = name;
        }
        if let Some(threads) = self.max_blocking_threads {
            config.max_blocking_threads = threads;
        }
        config.eager_tasks = self.eager_tasks;
        config.on_panic = self.on_panic;
        config.on_thread_start = self.on_thread_start;
        config.on_thread_stop = self.on_thread_stop;
        config.wrappers = self.wrappers;
        if let Some(interval) = self.look_interval {
            config.look_interval = interval;
        }
        let clock = if self.virtual_time { Clock::virtual_time() } else { Clock::real() };
        let (workers, spares) = if self.current_thread { (1, 0) } else { (config.workers, config.spares) };
        let driver = LoopDriver::new(&clock, workers, spares)?;
        let flavour = if self.current_thread {
            Flavour::CurrentThread(LocalScheduler::new(config, clock, driver))
        } else {
            Flavour::MultiThread(Scheduler::new(config, clock, driver))
        };
        let limits = Limits { tasks: self.shutdown_timeout, executor: self.executor_timeout };
        let event_loop = EventLoop::of(flavour, limits, companion);
        event_loop.set_debug(self.debug.unwrap_or_else(debug_by_environment));
        Ok(event_loop)
    }
}

/// What `HEIST_DEBUG` says.
fn debug_by_environment() -> bool {
    std::env::var_os("HEIST_DEBUG").is_some_and(|value| !value.is_empty() && value != "0")
}
