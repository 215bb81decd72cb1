//! How a run can fail to give a value, and what a close can leave behind.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::task::{CancelledError, TaskRef};

/// What [`RunError::Busy`] says.
const BUSY: &str = "the event loop is running: stop it first, or use it from inside (create_task, call_soon)";

/// What [`RunError::Stopped`] says.
const STOPPED: &str = "the event loop was stopped before the future was done: run the loop again; a task goes on then, \
                       and so does a future that was given by reference";

/// What [`RunError::NotWrapped`] says.
const NOT_WRAPPED: &str = "a function given to wrap_worker returned without calling its argument, or panicked before it \
                           did, so nothing was run: have it call its argument, once";

/// Why a run did not give a value.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, RunError};
/// # use std::time::Duration;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
/// let error = scheduler.block_on(async {}).unwrap_err();
/// assert!(matches!(error, RunError::Closed));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// This thread is inside a running loop already; asyncio's `RuntimeError`.
    Nested {
        /// Where the loop that is running was started.
        running: &'static Location<'static>,
        /// Where the second run was asked for.
        refused: &'static Location<'static>,
    },
    /// Another thread runs this loop now.
    Busy,
    /// The loop is closed.
    Closed,
    /// An [`Interrupter`](crate::Interrupter) ended the run, or had the main future cancelled, and nobody else did.
    Interrupted,
    /// The loop was stopped before the main future had ended.
    Stopped,
    /// A task or a callback panicked, and the loop's [`PanicPolicy`](crate::PanicPolicy) has that end the run.
    Panicked(Arc<str>),
    /// The main future was cancelled.
    Cancelled(CancelledError),
    /// A thread of the loop could not be started.
    Thread(std::io::Error),
    /// One of the loop's [`Wrappers`](crate::Wrappers) did not call its argument: nothing was run.
    NotWrapped,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Nested { running, refused } => write!(
                f,
                "run was called at {refused} inside an event loop that is running since {running}: \
                 await the future instead, or run it on another thread (to_thread)"
            ),
            RunError::Busy => f.write_str(BUSY),
            RunError::Closed => f.write_str("the event loop is closed: make a new one"),
            RunError::Interrupted => f.write_str("the run was interrupted by a signal"),
            RunError::Stopped => f.write_str(STOPPED),
            RunError::Panicked(what) => write!(f, "the run was ended by a panic: {what}"),
            RunError::Cancelled(error) => write!(f, "the main future was {error}"),
            RunError::Thread(error) => write!(f, "a thread of the event loop could not be started: {error}"),
            RunError::NotWrapped => f.write_str(NOT_WRAPPED),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Cancelled(error) => Some(error),
            RunError::Thread(error) => Some(error),
            _ => None,
        }
    }
}

/// What was left when a loop was closed.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, ShutdownReport};
/// # use std::time::Duration;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// let report: ShutdownReport = scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
/// assert_eq!(report.to_string(), "everything ended");
/// ```
#[derive(Debug, Default)]
pub struct ShutdownReport {
    /// Tasks that had not ended when the limit passed. Those that were inside a poll still are; the others were dropped.
    pub tasks: Vec<TaskRef>,
    /// Threads of the blocking pool that were still running a closure.
    pub blocking_threads: usize,
    /// Worker threads that could not be joined, because of the tasks above.
    pub worker_threads: usize,
}

impl ShutdownReport {
    /// Whether everything ended.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// scheduler.block_on(async { drop(create_task(std::future::pending::<()>())) }).unwrap();
    /// let report = scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
    /// assert!(report.is_clean(), "the task was cancelled");
    /// ```
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.blocking_threads == 0 && self.worker_threads == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything ended");
        }
        f.write_str("still running after the shutdown limit:")?;
        for task in &self.tasks {
            write!(f, "\n  task {} (created at {}), which was cancelled", task.name(), task.location())?;
        }
        if self.blocking_threads > 0 {
            let closures = counted(self.blocking_threads, "closure");
            write!(f, "\n  {closures} on threads of the pool, where nothing interrupts them")?;
        }
        if self.worker_threads > 0 {
            write!(
                f,
                "\n  {}, inside of a poll that does not end",
                counted(self.worker_threads, "worker thread")
            )?;
        }
        f.write_str("\nhave them end when they are asked to, or give them more time with shutdown_timeout")
    }
}

/// So many of them, in the right number of English.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_is_left_and_says_what_to_do() {
        let report = ShutdownReport { blocking_threads: 2, worker_threads: 1, ..ShutdownReport::default() };
        let text = report.to_string();
        assert!(text.contains("\n  2 closures on threads"), "{text}");
        assert!(text.contains("\n  1 worker thread, inside"), "{text}");
        assert!(!text.contains("task ") && text.ends_with("with shutdown_timeout"), "{text}");
    }
}
