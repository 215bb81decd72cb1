//! Why a run gave no value.

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use heist_scheduler::CancelledError;

/// Why a [`Runner`](crate::Runner) gave no value.
///
/// A panic of the main future is none of these: it goes on through [`Runner::run`](crate::Runner::run), as an error of the
/// main coroutine does through asyncio's.
///
/// ```
/// use heist::RunError;
///
/// let event_loop = heist::EventLoop::new()?;
/// event_loop.call_soon({
///     let handle = event_loop.handle();
///     move || handle.stop()
/// })?;
/// let ended = event_loop.run_until_complete(std::future::pending::<()>());
/// assert!(matches!(ended, Err(RunError::Stopped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// Ctrl-C: the main future of a [`Runner`](crate::Runner) was cancelled for it, has cleaned up and ended; the run of an
    /// [`EventLoop`](crate::EventLoop) ended, with everything left as it was. asyncio: `KeyboardInterrupt`.
    Interrupted,
    /// The main future was cancelled, and not, or not only, by Ctrl-C. asyncio: `CancelledError`.
    Cancelled(CancelledError),
    /// This thread is inside a running loop already; asyncio's `RuntimeError`.
    Nested {
        /// Where the loop that is running was started.
        running: &'static Location<'static>,
        /// Where the second run was asked for.
        refused: &'static Location<'static>,
    },
    /// The loop is running, here or on another thread.
    Busy,
    /// The loop, or the runner, is closed.
    Closed,
    /// [`stop`](crate::Handle::stop) ended the run before the future was done; asyncio's `RuntimeError('Event loop stopped
    /// before Future completed.')`. A future that was given by reference goes on in a later run.
    Stopped,
    /// A task or a callback panicked, as the text says, and [`Builder::on_panic`](crate::Builder::on_panic) has that end the
    /// run.
    Panicked(Arc<str>),
    /// The [`EventLoop`](crate::EventLoop) was got inside a run of the loop: it can neither run nor close it.
    NotOwned,
    /// What is not Send needs a current-thread loop.
    SeveralWorkers,
    /// A thread of the loop could not be started.
    Thread(io::Error),
    /// A function given to [`Builder::wrap_worker`](crate::Builder::wrap_worker) did not call its argument: nothing was run.
    NotWrapped,
    /// The loop could not be made: the system has no descriptor left for it.
    Io(io::Error),
}

impl From<heist_scheduler::RunError> for RunError {
    fn from(error: heist_scheduler::RunError) -> Self {
        use heist_scheduler::RunError as Of;
        match error {
            Of::Nested { running, refused } => Self::Nested { running, refused },
            Of::Busy => Self::Busy,
            Of::Interrupted => Self::Interrupted,
            Of::Stopped => Self::Stopped,
            Of::Panicked(what) => Self::Panicked(what),
            Of::Cancelled(error) => Self::Cancelled(error),
            Of::Thread(error) => Self::Thread(error),
            Of::NotWrapped => Self::NotWrapped,
            // `Closed`, and whatever the scheduler may refuse one day.
            _ => Self::Closed,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted by Ctrl-C"),
            Self::Cancelled(error) => write!(f, "the main future was {error}"),
            Self::Nested { running, refused } => write!(
                f,
                "run was called at {refused} inside an event loop that is running since {running}: \
                 await the future instead, or run it on another thread (to_thread)"
            ),
            Self::Busy => write!(f, "{}", heist_scheduler::RunError::Busy),
            Self::Closed => f.write_str("the event loop is closed: make a new one"),
            Self::Stopped => write!(f, "{}", heist_scheduler::RunError::Stopped),
            Self::Panicked(what) => write!(f, "{}", heist_scheduler::RunError::Panicked(what.clone())),
            Self::NotOwned => f.write_str(
                "this value was got inside a run of the event loop: run or close the loop by the value that made it",
            ),
            Self::SeveralWorkers => f.write_str(
                "a future that is not Send needs a current-thread loop: EventLoop::builder().current_thread()",
            ),
            Self::Thread(error) => write!(f, "a thread of the event loop could not be started: {error}"),
            Self::NotWrapped => write!(f, "{}", heist_scheduler::RunError::NotWrapped),
            Self::Io(error) => write!(f, "the event loop could not be made: {error}"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(error) => Some(error),
            Self::Thread(error) | Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
