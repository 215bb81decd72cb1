//! What an event loop counts, for exporters of the crate `metrics` (Prometheus, StatsD and others). The feature `metrics`.
//!
//! The loop counts always; see [`Handle::metrics`]. An [`Exporter`] copies the counts to the recorder that the program installed,
//! when it is asked or at intervals. Without a recorder it does nothing.
//!
//! | name | kind | what it is |
//! |---|---|---|
//! | `heist_live_tasks` | gauge | tasks that have not ended |
//! | `heist_created_tasks_total` | counter | tasks that were ever created |
//! | `heist_shared_queue` | gauge | tasks in the lists that all workers share |
//! | `heist_callbacks` | gauge | callbacks in the line of a multi-thread loop |
//! | `heist_callbacks_later` | gauge | callbacks that wait for their time |
//! | `heist_timers` | gauge | timers that tasks wait for |
//! | `heist_io_sources` | gauge | sockets and other sources of I/O that are registered |
//! | `heist_blocking_threads` | gauge | threads of the pool of `to_thread` |
//! | `heist_blocking_idle` | gauge | those of them that have nothing to do |
//! | `heist_blocking_queue` | gauge | closures that wait for one of them |
//! | `heist_worker_polls_total` | counter | how often a worker polled a task |
//! | `heist_worker_steals_total` | counter | how often it took tasks from another worker's queue |
//! | `heist_worker_parks_total` | counter | how often it went to sleep |
//! | `heist_worker_wakes_total` | counter | how often others woke it |
//! | `heist_worker_busy_microseconds_total` | counter | how long it has not slept |
//! | `heist_worker_queue` | gauge | tasks in its own queue |
//! | `heist_worker_poll_seconds` | gauge | the moving average of what a poll takes |
//! | `heist_worker_stuck` | gauge | 1 while it is inside one poll for too long |
//!
//! Those of a worker have the label `worker`, its number; a spare worker appears when it has first run.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! # heist::run(async {
//! use std::time::Duration;
//! use heist::metrics_exporter::Exporter;
//!
//! // After the recorder was installed. Ends with the loop.
//! drop(heist::create_task(Exporter::current()?.run(Duration::from_secs(10))));
//! # Ok(())
//! # })
//! # }
//! ```

use std::io;
use std::time::Duration;

use ::metrics::{Label, SharedString, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::{Handle, Metrics};
use heist_scheduler::WorkerMetrics;

/// The shortest time between two samples of [`Exporter::run`]: counting takes locks.
const SHORTEST: Duration = Duration::from_millis(10);

/// Copies the counts of one loop to the installed recorder.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist::run(async {
/// use heist::metrics_exporter::Exporter;
///
/// let exporter = Exporter::current()?.label("loop", "main");
/// exporter.record();
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it exports by `record` or `run`"]
pub struct Exporter {
    handle: Handle,
    labels: Vec<Label>,
}

impl Exporter {
    /// For the event loop that runs here.
    ///
    /// ```
    /// use heist::metrics_exporter::Exporter;
    ///
    /// assert!(Exporter::current().is_err(), "no loop runs here");
    /// assert!(heist::run(async { Exporter::current() }).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// When none does.
    pub fn current() -> io::Result<Self> {
        Handle::current().map(Self::new).ok_or_else(|| {
            io::Error::other(
                "no event loop runs on this thread: call this inside heist::run, or use Exporter::new",
            )
        })
    }

    /// For that event loop; it may be asked on any thread.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let exporter = heist::metrics_exporter::Exporter::new(event_loop.handle());
    /// exporter.record();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new(handle: Handle) -> Self {
        Self { handle, labels: Vec::new() }
    }

    /// Puts a label on everything: for programs with several loops.
    ///
    /// ```
    /// # let event_loop = heist::EventLoop::new()?;
    /// let exporter = heist::metrics_exporter::Exporter::new(event_loop.handle()).label("loop", "ingest");
    /// # exporter.record();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn label(mut self, key: impl Into<SharedString>, value: impl Into<SharedString>) -> Self {
        self.labels.push(Label::new(key.into(), value.into()));
        self
    }

    /// Copies the counts once.
    ///
    /// ```
    /// # let event_loop = heist::EventLoop::new()?;
    /// // Nobody installed a recorder, so nothing happens.
    /// heist::metrics_exporter::Exporter::new(event_loop.handle()).record();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn record(&self) {
        let metrics = self.handle.metrics();
        self.record_loop(&metrics);
        for (number, worker) in metrics.workers.iter().enumerate() {
            if !worker.spare || worker.polls > 0 {
                self.record_worker(number, worker);
            }
        }
    }

    /// Describes the metrics, and copies the counts every `interval` (10 ms at the least) until the loop is closed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist::run(async {
    /// use std::time::Duration;
    /// use heist::metrics_exporter::Exporter;
    ///
    /// let samples = heist::create_task(Exporter::current()?.run(Duration::from_secs(10)));
    /// samples.cancel();
    /// assert!(samples.await.unwrap_err().is_cancelled());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// No sample is half done.
    pub async fn run(self, interval: Duration) {
        describe();
        while !self.handle.is_closed() {
            self.record();
            crate::sleep(interval.max(SHORTEST)).await;
        }
    }

    fn record_loop(&self, metrics: &Metrics) {
        let labels = || self.labels.iter();
        counter!("heist_created_tasks_total", labels()).absolute(metrics.created_tasks);
        for (name, value) in [
            ("heist_live_tasks", metrics.live_tasks),
            ("heist_shared_queue", metrics.shared_queue),
            ("heist_callbacks", metrics.callbacks),
            ("heist_callbacks_later", metrics.callbacks_later),
            ("heist_timers", metrics.timers),
            ("heist_io_sources", metrics.io_sources),
            ("heist_blocking_threads", metrics.blocking_threads),
            ("heist_blocking_idle", metrics.blocking_idle),
            ("heist_blocking_queue", metrics.blocking_queue),
        ] {
            gauge!(name, labels()).set(value as f64);
        }
    }

    fn record_worker(&self, number: usize, worker: &WorkerMetrics) {
        let mut labels = self.labels.clone();
        labels.push(Label::new("worker", number.to_string()));
        let busy = u64::try_from(worker.busy.as_micros()).unwrap_or(u64::MAX);
        for (name, value) in [
            ("heist_worker_polls_total", worker.polls),
            ("heist_worker_steals_total", worker.steals),
            ("heist_worker_parks_total", worker.parks),
            ("heist_worker_wakes_total", worker.wakes),
            ("heist_worker_busy_microseconds_total", busy),
        ] {
            counter!(name, labels.iter()).absolute(value);
        }
        for (name, value) in [
            ("heist_worker_queue", worker.queue as f64),
            ("heist_worker_poll_seconds", worker.poll_time.as_secs_f64()),
            ("heist_worker_stuck", f64::from(u8::from(worker.stuck))),
        ] {
            gauge!(name, labels.iter()).set(value);
        }
    }
}

/// Tells the recorder what the metrics are and their units; [`Exporter::run`] does it by itself.
///
/// ```
/// heist::metrics_exporter::describe();
/// ```
pub fn describe() {
    for (name, unit, what) in COUNTERS {
        describe_counter!(*name, *unit, *what);
    }
    for (name, unit, what) in GAUGES {
        describe_gauge!(*name, *unit, *what);
    }
}

/// The counters: names, units, and what they are.
const COUNTERS: &[(&str, Unit, &str)] = &[
    ("heist_created_tasks_total", Unit::Count, "tasks that were ever created"),
    ("heist_worker_polls_total", Unit::Count, "how often a worker polled a task"),
    ("heist_worker_steals_total", Unit::Count, "how often a worker took tasks from another worker's queue"),
    ("heist_worker_parks_total", Unit::Count, "how often a worker went to sleep"),
    ("heist_worker_wakes_total", Unit::Count, "how often others woke a worker"),
    ("heist_worker_busy_microseconds_total", Unit::Microseconds, "how long a worker has not slept"),
];

/// The gauges.
const GAUGES: &[(&str, Unit, &str)] = &[
    ("heist_live_tasks", Unit::Count, "tasks that have not ended"),
    ("heist_shared_queue", Unit::Count, "tasks in the lists that all workers share"),
    ("heist_callbacks", Unit::Count, "callbacks in the line of a multi-thread loop"),
    ("heist_callbacks_later", Unit::Count, "callbacks that wait for their time"),
    ("heist_timers", Unit::Count, "timers that tasks wait for"),
    ("heist_io_sources", Unit::Count, "sockets and other sources of I/O that are registered"),
    ("heist_blocking_threads", Unit::Count, "threads of the pool of to_thread"),
    ("heist_blocking_idle", Unit::Count, "threads of the pool of to_thread that have nothing to do"),
    ("heist_blocking_queue", Unit::Count, "closures that wait for a thread of the pool"),
    ("heist_worker_queue", Unit::Count, "tasks in a worker's own queue"),
    ("heist_worker_poll_seconds", Unit::Seconds, "the moving average of what a poll takes"),
    ("heist_worker_stuck", Unit::Count, "1 while a worker is inside one poll for too long"),
];
