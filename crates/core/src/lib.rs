//! Ground floor of the heist async runtime: what every other crate of the workspace stands on, and nothing more.
//!
//! Programs use the crate `heist`, which gives them what they need of this one under names of its own
//! (`heist::CancelledError`, `heist::contextvars`, `heist::ExceptionContext`). The modules that are no more than the
//! crates' agreements with one another are left out of these pages, and change without notice; their texts are in the
//! source:
//!
//! * `sync`: the one place that names atomics, cells, locks and threads. Real types in a normal build, loom's
//!   under `--cfg heist_loom`, so that the code that ships is the code that the models run.
//! * `context`: what a worker thread knows about itself, behind one thread-local pointer.
//! * [`budget`]: how a leaf future finds out that its task has had enough for one poll.
//! * [`clock`]: the time of one event loop, real or virtual.
//! * `list`: an intrusive list, so that waiting allocates nothing.
//! * `scope`: cancellation inside a task, and the tree of its scopes.
//! * `patience`: whether a thread that is about to sleep first stays awake for a moment.
//! * `prefetch`: asking for memory before it is needed.
//! * `prefer_large_pages`: asking for memory to be mapped in large pieces.
//! * `driver`: all that the scheduler knows of I/O and time.
//! * [`services`]: what a leaf may ask of its loop: callbacks, the exception handler.
//! * [`Unawaited`]: how debug mode finds a future that nobody awaited.
//! * [`vars`]: context variables.
//! * `SignalSafe`: what a signal handler may call.

mod awaitable;
pub mod budget;
pub mod callback_id;
mod cancelled;
pub mod clock;
#[doc(hidden)]
pub mod context;
#[doc(hidden)]
pub mod driver;
mod large_pages;
#[doc(hidden)]
pub mod list;
#[doc(hidden)]
pub mod patience;
mod prefetch;
#[doc(hidden)]
pub mod scope;
pub mod services;
mod signal_safe;
#[doc(hidden)]
pub mod sync;
mod unawaited;
pub mod vars;

pub use awaitable::Awaitable;
pub use cancelled::CancelledError;
pub use clock::{Clock, Hold};
#[doc(hidden)]
pub use context::Context;
#[doc(hidden)]
pub use driver::{Driver, WorkerState};
#[doc(hidden)]
pub use large_pages::{LARGE_PAGE, prefer_large_pages};
#[doc(hidden)]
pub use prefetch::prefetch;
pub use services::{ExceptionContext, LoopClosedError, Services};
#[doc(hidden)]
pub use signal_safe::SignalSafe;
pub use unawaited::{Unawaited, never_awaited};
