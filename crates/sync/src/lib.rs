//! Queues, channels and promises for async code, under any executor.
//!
//! Nothing here needs an event loop of heist around it; on one, the futures spend its budget, so that a task whose
//! queue is never empty lets the others have their turn.
//!
//! * [`Queue`], [`LifoQueue`], [`PriorityQueue`]: asyncio's queues, bounded or not, fair, with `task_done`, `join` and
//!   `shutdown`.
//! * [`future`]: asyncio's Future: a result that somebody sets and many await.
//! * [`Event`]: a flag that many wait for.
//! * [`mpsc`]: many senders, one receiver; bounded or not.
//! * [`mpmc`]: many senders, many receivers, each value to one of them.
//! * [`broadcast`]: each value to every receiver.
//! * [`watch`]: one value that changes, and many who look at it.
//! * [`oneshot`]: one value from one task to another; one allocation, two atomic read-modify-writes.
//!
//! Waiting allocates nothing: the place in the line is inside the future that waits (`waitlist`). A waiter that was
//! given its turn and is dropped before it used it passes the turn on. Wakers are called and dropped with no lock held.
//! The protocols are argued in `docs/design/sync.md`.

mod blocking;
pub mod broadcast;
mod channel_errors;
mod errors;
mod event;
pub mod future;
pub mod mpmc;
pub mod mpsc;
pub mod oneshot;
pub mod queue;
mod waitlist;
pub mod watch;

#[cfg(all(test, heist_loom))]
mod models;

pub use errors::InvalidStateError;
pub use event::{Event, Wait as EventWait};
pub use future::{CallbackId, create_future};
pub use heist_core::CancelledError;
pub use queue::{
    GetNowaitError, LifoQueue, PriorityQueue, PutNowaitError, Queue, QueueEmpty, QueueFull, QueueShutDown,
    QueueStatistics, TaskDoneError,
};
