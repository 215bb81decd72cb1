//! Locks, queues, channels and promises for async code, under any executor.
//!
//! Programs on heist find what asyncio has at the root of the crate `heist`, and the rest in `heist::sync`, under the same names.
//!
//! Nothing here needs an event loop of heist around it; on one, the futures spend its budget, so that a task whose
//! queue is never empty lets the others have their turn.
//!
//! * [`Queue`], [`LifoQueue`], [`PriorityQueue`]: asyncio's queues, bounded or not, fair, with `task_done`, `join` and
//!   `shutdown`.
//! * [`future`]: asyncio's Future: a result that somebody sets and many await.
//! * [`Event`]: a flag that many wait for.
//! * [`Lock`]: one task at a time, around a value or bare.
//! * [`Condition`]: waiting, with a lock, for what others do; [`Barrier`]: waiting for each other.
//! * [`Semaphore`], [`BoundedSemaphore`]: so many tasks at a time.
//! * [`RwLock`], [`Notify`], [`OnceCell`]: what asyncio has not, and Rust programs use.
//! * [`mpsc`]: many senders, one receiver; bounded or not.
//! * [`mpmc`]: many senders, many receivers, each value to one of them.
//! * [`broadcast`]: each value to every receiver.
//! * [`watch`]: one value that changes, and many who look at it.
//! * [`oneshot`]: one value from one task to another; two atomic read-modify-writes, and seldom an allocation.
//!
//! Waiting allocates nothing: the place in the line is inside the future that waits (`waitlist`). A waiter that was
//! given its turn and is dropped before it used it passes the turn on. Wakers are called and dropped with no lock held.
//! The protocols are argued in `docs/design/sync.md` and `docs/design/channels.md`.

mod barrier;
mod blocking;
mod blocks;
pub mod broadcast;
mod channel_errors;
mod channel_statistics;
mod condition;
mod errors;
mod event;
pub mod future;
mod lock;
pub mod mpmc;
pub mod mpsc;
mod notify;
mod once_cell;
pub mod oneshot;
mod permits;
pub mod queue;
mod rwlock;
mod semaphore;
mod statistics;
mod waitlist;
pub mod watch;

#[cfg(all(test, heist_loom))]
mod models;

pub use barrier::{Barrier, BarrierWait, BrokenBarrierError, NoPartiesError};
pub use channel_statistics::ChannelStatistics;
pub use condition::{Condition, ConditionWait, MixedLocksError};
pub use errors::InvalidStateError;
pub use event::{Event, Wait as EventWait};
pub use future::{CallbackId, create_future};
pub use heist_core::CancelledError;
pub use heist_core::context::TaskIdentity;
pub use lock::{
    AcquireLock, HoldsLock, Lock, LockFuture, LockGuard, LockOwned, NotAcquiredError, OwnedLockGuard,
};
pub use notify::{Notified, Notify};
pub use once_cell::OnceCell;
pub use queue::{
    GetNowaitError, LifoQueue, PriorityQueue, PutNowaitError, Queue, QueueEmpty, QueueFull, QueueShutDown,
    QueueStatistics, TaskDoneError,
};
pub use rwlock::{
    OwnedReadGuard, OwnedWriteGuard, Read, ReadGuard, ReadOwned, RwLock, Write, WriteGuard, WriteOwned,
};
pub use semaphore::{
    AcquireOwned, AcquirePermit, BoundedSemaphore, OwnedPermit, Permit, ReleasedTooManyTimesError, Semaphore,
};
pub use statistics::{
    BarrierStatistics, LockStatistics, NotifyStatistics, SemaphoreStatistics, WaitStatistics,
};
