//! What a loop counts of itself, always: [`Metrics`].
//!
//! Each worker counts on a line that only it writes, with plain stores: a spawn and an end cost three instructions more, a
//! poll none (its count is the watchdog's, too), a sleep two looks at a stopwatch, some 10 ns each. Threads that are no worker
//! count where they hold a lock anyway. Who asks reads them all, one after the other: a snapshot of a loop that runs on, exact where it rests.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use heist_core::clock::NEVER;

use crate::scheduler::Handle;
use crate::shared::{Shared, Slot};

/// What one worker counts. Plain atomics, also in a model: nothing depends on them.
#[derive(Debug)]
pub(crate) struct Tally {
    created: AtomicU64,
    ended: AtomicU64,
    steals: AtomicU64,
    parks: AtomicU64,
    wakes: AtomicU64,
    /// By the loop's stopwatch, up to `busy_since`.
    busy: AtomicU64,
    /// When the worker last began to be busy; [`NEVER`] while it is not.
    busy_since: AtomicU64,
    /// What was ready at the worker's last look, on a current-thread loop.
    ready: AtomicUsize,
}

/// Adds one to a counter that only this thread writes.
#[inline(always)]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            created: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            steals: AtomicU64::new(0),
            parks: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            busy_since: AtomicU64::new(NEVER),
            ready: AtomicUsize::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn task_created(&self) {
        count(&self.created);
    }

    #[inline(always)]
    pub(crate) fn task_ended(&self) {
        count(&self.ended);
    }

    pub(crate) fn stolen(&self) {
        count(&self.steals);
    }

    /// Somebody chose this worker, which slept, or was about to.
    pub(crate) fn woken(&self) {
        count(&self.wakes);
    }

    pub(crate) fn is_ready(&self, ready: usize) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// The worker parks, and so ceases to be busy.
    #[inline]
    pub(crate) fn rests(&self, now: u64) {
        count(&self.parks);
        self.add_up(now);
    }

    /// The worker begins to be busy, as it is not.
    #[inline]
    pub(crate) fn goes_on(&self, now: u64) {
        self.busy_since.store(now, Ordering::Relaxed);
    }

    /// The worker's run begins or ends.
    pub(crate) fn set_busy(&self, busy: bool, now: u64) {
        if busy { self.goes_on(now) } else { self.add_up(now) }
    }

    #[inline]
    fn add_up(&self, now: u64) {
        let since = self.busy_since.load(Ordering::Relaxed);
        if since != NEVER {
            let total = self.busy.load(Ordering::Relaxed) + now.saturating_sub(since);
            self.busy.store(total, Ordering::Relaxed);
            self.busy_since.store(NEVER, Ordering::Relaxed);
        }
    }

    fn busy(&self, now: u64) -> u64 {
        let since = self.busy_since.load(Ordering::Relaxed);
        let current = if since == NEVER { 0 } else { now.saturating_sub(since) };
        self.busy.load(Ordering::Relaxed) + current
    }
}

/// What threads that are no worker count, beside what they create ([`crate::inject`]).
#[derive(Debug, Default)]
pub(crate) struct ForeignTally {
    ended: AtomicU64,
}

impl ForeignTally {
    pub(crate) fn task_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A snapshot of what a loop does and has done; see [`Handle::metrics`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Metrics};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # let handle = scheduler.handle();
/// let metrics: Metrics = handle.metrics();
/// assert_eq!((metrics.live_tasks, metrics.workers.len()), (0, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that have not ended, the main future and closures of `to_thread` among them.
    pub live_tasks: usize,
    /// Tasks that were ever created.
    pub created_tasks: u64,
    /// Tasks that lie in the line that all workers share: from threads that are no worker, and those left behind by one.
    pub shared_queue: usize,
    /// Callbacks in the line of a multi-thread loop. (On a current-thread loop they are in the worker's queue.)
    pub callbacks: usize,
    /// Callbacks of `call_later` and `call_at` that wait for their time.
    pub callbacks_later: usize,
    /// Timers that tasks wait for.
    pub timers: usize,
    /// Sockets and other sources of I/O that are registered.
    pub io_sources: usize,
    /// Threads of the loop's own pool, for `to_thread`.
    pub blocking_threads: usize,
    /// Those of them that have nothing to do.
    pub blocking_idle: usize,
    /// Closures that wait for one of them.
    pub blocking_queue: usize,
    /// One for each worker, spare ones behind the others.
    pub workers: Vec<WorkerMetrics>,
}

impl Metrics {
    /// How often tasks and the main future were polled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let before = handle.metrics().polls();
    /// create_task(async {}).await.unwrap();
    /// assert!(handle.metrics().polls() > before);
    /// # }).unwrap();
    /// ```
    pub fn polls(&self) -> u64 {
        self.workers.iter().map(|worker| worker.polls).sum()
    }
}

/// A snapshot of one worker.
///
/// ```
/// # use heist_scheduler::{Config, Handle, LocalScheduler, WorkerMetrics};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// let worker: WorkerMetrics = handle.metrics().workers[0].clone();
/// assert!(worker.active && !worker.spare, "it runs this");
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// How often it polled a task.
    pub polls: u64,
    /// How often it took tasks from another worker's queue.
    pub steals: u64,
    /// How often it went to sleep.
    pub parks: u64,
    /// How often others woke it for work that they had.
    pub wakes: u64,
    /// Tasks in its own queue; on a current-thread loop, as of its last look, which comes every 61 polls or 200 us.
    pub queue: usize,
    /// How long it has not slept, while the loop ran. Zero where time is virtual.
    pub busy: Duration,
    /// The moving average of what a poll takes.
    pub poll_time: Duration,
    /// Whether it has been inside one poll for so long that the watchdog brings help.
    pub stuck: bool,
    /// Whether a thread runs it now.
    pub active: bool,
    /// Whether it is a spare one, for while others are stuck.
    pub spare: bool,
}

impl Shared {
    fn created(&self) -> u64 {
        let workers = self.slots.iter().map(|slot| slot.tally.created.load(Ordering::Relaxed));
        workers.sum::<u64>() + self.injector.enter().created()
    }

    fn ended(&self) -> u64 {
        let workers = self.slots.iter().map(|slot| slot.tally.ended.load(Ordering::Relaxed));
        workers.sum::<u64>() + self.foreign_tally.ended.load(Ordering::Relaxed)
    }

    fn worker_metrics(&self, worker: usize) -> WorkerMetrics {
        use heist_core::sync::atomic::Ordering::{Acquire, Relaxed};
        let Slot { tally, lifo, .. } = self.slot(worker);
        let slot = self.slot(worker);
        let queued = slot.stealer.len() + usize::from(!lifo.load(Relaxed).is_null());
        let busy = self.stopwatch.span(tally.busy(self.stopwatch.read(&self.clock)));
        // Virtual time passes while nobody is busy.
        let busy = if self.clock.is_virtual() { Duration::ZERO } else { busy };
        WorkerMetrics {
            polls: slot.polls.load(Relaxed),
            steals: tally.steals.load(Ordering::Relaxed),
            parks: tally.parks.load(Ordering::Relaxed),
            wakes: tally.wakes.load(Ordering::Relaxed),
            queue: if self.local { tally.ready.load(Ordering::Relaxed) } else { queued },
            busy,
            poll_time: Duration::from_nanos(slot.poll_time.load(Relaxed).into()),
            stuck: slot.stuck.load(Relaxed),
            active: slot.active.load(Acquire),
            spare: worker >= self.workers,
        }
    }
}

impl Handle {
    /// What the loop does and has done. Always counted; any thread may ask. It takes the locks of the timers and of the
    /// callbacks for a moment, so it is for once a second, not for hot paths.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, Handle, spawn};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let handle = Handle::current().unwrap();
    /// let task = spawn(async {});
    /// assert_eq!(handle.metrics().live_tasks, 2); // this one, and the main future
    /// task.await.unwrap();
    /// assert_eq!(handle.metrics().live_tasks, 1);
    /// # }).unwrap();
    /// ```
    pub fn metrics(&self) -> Metrics {
        let shared = self.shared();
        // First what has ended: what ends meanwhile is counted as alive, and never more than were created.
        let ended = shared.ended();
        let created = shared.created();
        let blocking = shared.pool.counts();
        let driver = shared.driver.counts();
        Metrics {
            live_tasks: usize::try_from(created.saturating_sub(ended)).unwrap_or(usize::MAX),
            created_tasks: created,
            shared_queue: shared.injector.len(),
            callbacks: shared.callbacks.in_line(),
            callbacks_later: shared.callbacks.timed.len(),
            timers: driver.timers,
            io_sources: driver.io_sources,
            blocking_threads: blocking.threads,
            blocking_idle: blocking.idle,
            blocking_queue: blocking.waiting,
            workers: (0..shared.slots.len()).map(|worker| shared.worker_metrics(worker)).collect(),
        }
    }
}
