//! What a panic in a task, a callback or a closure of `to_thread` does to its loop: [`PanicPolicy`].

use std::any::Any;
use std::sync::Arc;

use heist_core::services::ExceptionContext;

use crate::shared::Shared;
use crate::task::Raw;
use crate::trace;

/// What a panic does beside being the error of its task, or going to the exception handler.
///
/// The panic hook has told of it before, in any case. The main future of a run is not meant: its panic leaves the run.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, PanicPolicy, RunError, spawn as create_task};
/// # use std::sync::Arc;
/// let mut config = Config::new(1);
/// config.on_panic = PanicPolicy::Shutdown;
/// # let clock = heist_core::Clock::real();
/// # let driver = Arc::new(heist_core::driver::NoDriver);
/// let scheduler = LocalScheduler::new(config, clock, driver);
/// let ended = scheduler.block_on(async {
///     let _task = create_task(async { "seven".parse::<u32>().unwrap() });
///     std::future::pending::<()>().await;
/// });
/// assert!(matches!(ended, Err(RunError::Panicked(_))));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// Nothing: who awaits the task has it as an error, and if nobody does the exception handler is told. As in asyncio.
    #[default]
    Report,
    /// It ends the run, with [`RunError::Panicked`](crate::RunError::Panicked).
    Shutdown,
    /// It ends the process, at once.
    Abort,
}

impl Shared {
    /// A task has panicked, and has its outcome.
    #[cold]
    pub(crate) fn task_panicked(&self, task: Raw) {
        if self.config.on_panic == PanicPolicy::Report {
            return;
        }
        // SAFETY: the caller is the side that polled the task, and it is not marked complete yet: its output is in place.
        if let Some(text) = unsafe { (task.header().vtable.panic)(task.0) } {
            let what =
                ExceptionContext::new(crate::debug::name_of(task)).with_panic(&text as &(dyn Any + Send));
            self.panicked(&what);
        }
    }

    /// Does what the policy says about a panic that was told of.
    pub(crate) fn panicked(&self, what: &ExceptionContext) {
        match self.config.on_panic {
            PanicPolicy::Report => {}
            PanicPolicy::Abort => {
                trace::warn(&format_args!("{what}: the process ends, as its panic policy says"));
                std::process::abort();
            }
            PanicPolicy::Shutdown => {
                // The first is what the run ends with.
                self.failure.lock().get_or_insert_with(|| Arc::from(what.to_string()));
                self.ask_to_stop();
            }
        }
    }
}
