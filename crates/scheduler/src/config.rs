//! What can be chosen about a loop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::panics::PanicPolicy;
use crate::wrap::Wrappers;

/// What is called on a thread of the loop.
///
/// ```
/// # use heist_scheduler::{Config, ThreadHook};
/// let mut config = Config::new(1);
/// config.on_thread_start = ThreadHook::new(|| println!("a thread begins"));
/// assert_eq!(format!("{:?}", config.on_thread_start), "ThreadHook(true)");
/// ```
#[derive(Clone, Default)]
pub struct ThreadHook(Option<Arc<dyn Fn() + Send + Sync>>);

impl ThreadHook {
    /// Has `hook` called. It must not block; if it panics, that has been reported by the panic hook, and changes nothing.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, ThreadHook, spawn_blocking as to_thread};
    /// # use std::sync::Arc;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let mut config = Config::new(1);
    /// config.on_thread_start = ThreadHook::new(move || sender.send("begins").unwrap());
    /// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// let scheduler = LocalScheduler::new(config, clock, driver);
    /// scheduler.block_on(async { to_thread(|| ()).await.unwrap() }).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok("begins"));
    /// ```
    pub fn new(hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn call(&self) {
        if let Some(hook) = &self.0 {
            crate::task::discard(|| hook());
        }
    }
}

impl fmt::Debug for ThreadHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadHook").field(&self.0.is_some()).finish()
    }
}

/// How a scheduler is set up.
///
/// ```
/// # use heist_scheduler::Config;
/// let mut config = Config::new(4);
/// config.thread_name = "crew".into();
/// config.max_blocking_threads = 2;
/// assert_eq!((config.workers, config.eager_tasks), (4, false));
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// How many workers run tasks, the thread of `block_on` among them. At least 1.
    pub workers: usize,
    /// How many more the watchdog may start while workers are stuck inside long polls.
    pub spares: usize,
    /// What worker threads are called; `-` and the worker's number follow.
    pub thread_name: String,
    /// The most threads for blocking work. asyncio's default executor has `min(32, cpus + 4)`.
    pub max_blocking_threads: usize,
    /// How long a thread for blocking work stays without work.
    pub blocking_keep_alive: Duration,
    /// About how long a worker polls tasks between two looks at timers and I/O.
    pub look_interval: Duration,
    /// Whether tasks run at their creation until they first suspend.
    pub eager_tasks: bool,
    /// What a panic in a task or a callback does.
    pub on_panic: PanicPolicy,
    /// Called on each thread that the loop starts, before anything else.
    pub on_thread_start: ThreadHook,
    /// Called on each of these threads when it ends, after anything else.
    pub on_thread_stop: ThreadHook,
    /// Called around the work of each thread, inside of these two; and around each run and the close, on the thread that
    /// asks for them.
    pub wrappers: Wrappers,
}

impl Config {
    /// The number of workers when none is given: `HEIST_WORKERS`, else the machine's parallelism.
    ///
    /// ```
    /// # use heist_scheduler::Config;
    /// let workers = Config::default_workers()?;
    /// assert!((1..=1024).contains(&workers));
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A message that says what to do when `HEIST_WORKERS` is not a number from 1 to 1024.
    pub fn default_workers() -> Result<usize, String> {
        match std::env::var_os("HEIST_WORKERS") {
            None => Ok(parallelism()),
            Some(text) => match text.to_str().and_then(|text| text.trim().parse().ok()) {
                Some(workers @ 1..=1024) => Ok(workers),
                _ => Err(format!(
                    "HEIST_WORKERS is {text:?}: set it to a number of workers from 1 to 1024, or unset it"
                )),
            },
        }
    }

    /// The defaults for `workers` workers.
    ///
    /// ```
    /// # use heist_scheduler::Config;
    /// let config = Config::new(4);
    /// assert_eq!((config.workers, config.thread_name.as_str()), (4, "heist"));
    /// ```
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers,
            spares: workers.max(2),
            thread_name: "heist".into(),
            max_blocking_threads: (parallelism() + 4).min(32),
            blocking_keep_alive: Duration::from_secs(10),
            look_interval: Duration::from_micros(200),
            eager_tasks: false,
            on_panic: PanicPolicy::Report,
            on_thread_start: ThreadHook::default(),
            on_thread_stop: ThreadHook::default(),
            wrappers: Wrappers::default(),
        }
    }

    /// What a thread of the loop does, with the hooks and the wrappers around it.
    pub(crate) fn on_thread(&self, work: impl FnOnce()) {
        self.on_thread_start.call();
        self.wrappers.around_all(work);
        self.on_thread_stop.call();
    }
}

fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
