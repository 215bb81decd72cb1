//! heist: an asyncio-style async runtime.
//!
//! Write the program that you would write with Python's asyncio; it runs on a crew of worker threads that steal work
//! from one another.
//!
//! ```
//! use std::time::Duration;
//!
//! async fn count() {
//!     println!("one");
//!     heist::sleep(Duration::from_millis(20)).await;
//!     println!("two");
//! }
//!
//! #[heist::main]
//! async fn main() {
//!     heist::gather!(count(), count(), count()).await.unwrap();
//! }
//! ```
//!
//! Everything stands at the root, under asyncio's names. [`future::Future`] is asyncio's Future; the standard trait keeps
//! its own name. Plain Rust-shaped sockets are in [`net`], channels in [`sync`].

#![forbid(unsafe_code)]

mod builder;
mod callbacks;
mod cancel;
#[path = "context_var.rs"]
pub mod contextvars;
mod driver;
mod event_loop;
mod gather;
mod runner;
mod signal;
mod wait;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use builder::Builder;
pub use cancel::{CatchCancelled, catch_cancelled, raise_cancelled, try_finally};
pub use contextvars::{ContextVar, copy_context};
pub use event_loop::EventLoop;
pub use gather::{Gather, GatherAll, gather};
pub use runner::{Runner, run};
pub use signal::ctrl_c;
pub use wait::{ALL_COMPLETED, FIRST_COMPLETED, ReturnWhen, Wait, Waiting, wait};

pub use heist_macros::{main, test};
pub use heist_scheduler::{
    CallbackHandle, ExceptionContext, ExceptionHandler, LoopClosedError, TaskInfo, spawn_in as create_task_in,
};
pub use heist_scheduler::{
    CancelledError, Handle, ResultError, RunError, ShutdownReport, Task, TaskError, TaskFuture, TaskRef,
    TaskWait, YieldNow, current_task, spawn as create_task, spawn_blocking as to_thread, spawn_local,
    yield_now,
};
pub use heist_streams::{
    ConnectError, IncompleteReadError, LimitOverrunError, OpenConnection, Outcome, ReadError, Server,
    ServerSocket, StartServer, StreamReader, StreamWriter, ToAddress, net, open_connection, start_server,
};
pub use heist_sync::{
    Event, EventWait, GetNowaitError, InvalidStateError, PutNowaitError, Queue, QueueEmpty, QueueFull,
    QueueShutDown, TaskDoneError, create_future, future,
};
pub use heist_timer::{Sleep, Timeout, TimeoutError, sleep, timeout};

/// Channels, for those who want the plain Rust shape; usable under any executor.
pub mod sync {
    pub use heist_sync::{oneshot, queue};
}
