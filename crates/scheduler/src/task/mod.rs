//! Tasks: one allocation that holds a header, then the future, then its output.
//!
//! Vocabulary:
//!
//! * the **cell** is the memory of one task (`cell`), a slot of a page (`heap`);
//! * the **state word** says who may touch what (`state`); a task of the current-thread flavour also has a **remote
//!   word** for other threads (`remote`);
//! * the **handle** is [`Task`]: unique, and the only way to the output;
//! * a **reference** is counted in the state word by each waker, each handle, each [`TaskRef`], and by the registry
//!   until the task is complete. Queues count none.
//!
//! Who may touch which part of a cell, and when:
//!
//! 1. The stage (future or output) belongs to the side that polls, from the moment it took the task from a queue until
//!    the poll ends; after `COMPLETE` it belongs to the handle, or, without one, to the completing side.
//! 2. The join slot belongs to the handle while `JOINER` is clear, to the completing side while it is set.
//! 3. Everything else in the header never changes, or is an atomic.
//!
//! Protocol page: `docs/design/task-state.md`.

mod body;
mod builder;
mod cancel;
mod cell;
mod countdown;
mod done;
mod error;
mod flatten;
mod graph;
mod handle;
mod header;
mod into_task;
mod join;
pub(crate) mod remote;
mod shared;
mod shield;
pub(crate) mod state;
mod task_ref;
mod unread;
mod vars;
mod waker;

pub use body::{Body, Label, NamesTask, Watch, Watcher, Watching};
pub use builder::{TaskBuilder, TaskFactory, TaskOptions, task};
pub(crate) use builder::{TaskDefaults, spawn_with};
pub(crate) use cancel::{requests_of, tree_of};
pub(crate) use cell::{Cell, discard};
pub use countdown::{Countdown, Ended, Request, Requests, Wanted};
pub use error::TaskError;
pub use flatten::flatten;
pub use handle::{ResultError, Task};
pub(crate) use header::{Header, Kind, Raw};
pub use heist_core::CancelledError;
pub use into_task::{IntoTask, Start, ensure_future, start_each};
pub use join::{TaskFuture, TaskWait};
pub use shared::{SharedFuture, SharedResult, SharedTask};
pub use shield::{Shield, ShieldFuture, Shieldable, Shielded, ShieldedTask, shield};
pub use task_ref::TaskRef;
pub(crate) use vars::task_vars;
pub(crate) use waker::borrowed;

#[cfg(all(test, heist_loom))]
mod models;
