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

mod as_completed;
mod builder;
mod call_graph;
mod cancel;
#[path = "context_var.rs"]
pub mod contextvars;
mod current_loop;
mod driver;
mod event_loop;
mod executor;
mod gather;
mod group_error;
mod inline;
mod interrupt;
mod interval;
mod introspection;
mod passes;
mod run_error;
mod runner;
pub mod signal;
mod task_group;
mod thread_future;
mod timeout_scope;
mod wait;
mod wait_for;
#[cfg(unix)]
mod watch;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use as_completed::{
    AsCompleted, AsCompletedWithin, Completion, Completions, NextTask, NextTaskWithin, as_completed,
};
pub use builder::Builder;
pub use call_graph::{
    FrameCallGraphEntry, FutureCallGraph, InCallGraph, capture_call_graph, format_call_graph,
    print_call_graph,
};
pub use cancel::{CatchCancelled, catch_cancelled, raise_cancelled, try_finally};
pub use contextvars::{ContextVar, copy_context};
pub use current_loop::{get_event_loop, get_running_loop, new_event_loop, set_event_loop};
pub use event_loop::EventLoop;
pub use executor::{Executor, ThreadPoolExecutor, run_in_executor};
pub use gather::{
    Children, Gather, GatherAll, GatherAllFuture, GatherFuture, GatherRef, GatherWait, Starts, TryGather,
    TryGatherError, TryGatherFuture, gather, try_gather,
};
pub use group_error::{GroupError, GroupFailure};
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use introspection::{all_tasks, current_task};
pub use passes::Passes;
pub use run_error::RunError;
pub use runner::{Runner, run};
pub use signal::ctrl_c;
#[cfg(unix)]
pub use signal::{add_signal_handler, remove_signal_handler, signal};
pub use task_group::{GroupTask, TaskGroup, TaskGroupClosed, task_group};
pub use thread_future::{
    ThreadFuture, ThreadFutureError, WrappedFuture, run_coroutine_threadsafe, wrap_future,
};
pub use timeout_scope::{RescheduleError, TimeoutScope, timeout_at, timeout_scope, timeout_scope_at};
pub use wait::{
    ALL_COMPLETED, AllCompleted, FIRST_COMPLETED, FIRST_EXCEPTION, FirstCompleted, FirstException,
    ReturnWhen, Wait, Waiting, wait,
};
pub use wait_for::{WaitFor, wait_for};
#[cfg(unix)]
pub use watch::{WatchDescriptors, add_reader, add_writer, remove_reader, remove_writer};

pub use heist_core::Awaitable;
pub use heist_macros::{main, test};
#[cfg(unix)]
pub use heist_reactor::WatchHandle;
pub use heist_scheduler::{
    CallbackHandle, ExceptionContext, ExceptionHandler, ExecutorClosedError, LoopClosedError, Metrics,
    PanicPolicy, ShutdownExecutor, TaskInfo, TimerHandle, Work, WorkerMetrics, spawn_in as create_task_in,
};
pub use heist_scheduler::{
    CancelledError, Handle, IntoTask, ResultError, SharedFuture, SharedResult, SharedTask, Shield,
    ShieldFuture, Shieldable, Shielded, ShieldedTask, ShutdownReport, Start, Task, TaskBuilder, TaskError,
    TaskFactory, TaskFuture, TaskOptions, TaskRef, TaskWait, YieldNow, ensure_future, shield,
    spawn as create_task, spawn_blocking as to_thread, spawn_local, task, yield_now,
};
#[cfg(feature = "futures-io")]
pub use heist_streams::AsIo;
pub use heist_streams::fs;
#[cfg(unix)]
pub use heist_streams::transports::{
    StartSubprocess, SubprocessProtocol, SubprocessTransport, create_unix_connection, create_unix_server,
    subprocess_exec, subprocess_shell,
};
#[cfg(unix)]
pub use heist_streams::{AddrInfo, GetAddrInfo, GetNameInfo, SocketKind, getaddrinfo, getnameinfo};
pub use heist_streams::{
    ConnectError, Family, OpenConnection, OwnedSocket, StaggeredRace, ToAddress, open_connection,
    open_connection_on, staggered_race,
};
pub use heist_streams::{Feeder, Lines, ReuniteError};
pub use heist_streams::{
    IncompleteReadError, LimitOverrunError, ReadError, StreamAddr, StreamReader, StreamWriter, net,
};
pub use heist_streams::{
    Outcome, Server, ServerConnection, ServerReport, ServerSocket, Shutdown as ServerShutdown, StartServer,
    start_server, start_server_on,
};
#[cfg(unix)]
pub use heist_streams::{
    SendFile, SendfileNotAvailableError, SockSendFile, sendfile, sock_accept, sock_connect,
    sock_connect_unix, sock_recv, sock_recv_into, sock_recvfrom, sock_recvfrom_into, sock_sendall,
    sock_sendfile, sock_sendto,
};
pub use heist_streams::{open_unix_connection, start_unix_server};
#[cfg(unix)]
pub use heist_streams::{
    pipe::{self, connect_read_pipe, connect_write_pipe, pipe},
    process::{
        self, DEVNULL, PIPE, Process, ProcessLookupError, STDOUT, create_subprocess_exec,
        create_subprocess_shell,
    },
    stderr, stdin, stdout,
};
pub use heist_streams::{
    transports,
    transports::{
        BufferedProtocol, CreateConnection, CreateDatagramEndpoint, DatagramProtocol, DatagramSocket,
        DatagramTransport, Protocol, ProtocolError, ProtocolHandle, StreamProtocol, Transport,
        connect_accepted_socket, create_connection, create_datagram_endpoint, create_datagram_endpoint_on,
        create_server, create_server_on,
    },
};
pub use heist_sync::{
    AcquireLock, AcquireOwned, AcquirePermit, Barrier, BarrierWait, BoundedSemaphore, BrokenBarrierError,
    Condition, ConditionWait, HoldsLock, Lock, LockFuture, LockGuard, LockOwned, MixedLocksError,
    NoPartiesError, NotAcquiredError, OwnedLockGuard, OwnedPermit, Permit, ReleasedTooManyTimesError,
    Semaphore,
};
pub use heist_sync::{
    Event, EventWait, GetNowaitError, InvalidStateError, LifoQueue, PriorityQueue, PutNowaitError, Queue,
    QueueEmpty, QueueFull, QueueShutDown, QueueStatistics, TaskDoneError, create_future, future,
};
pub use heist_timer::{Sleep, SleepResult, Timeout, TimeoutError, sleep, timeout};

/// Channels and locks that asyncio has not, in the plain Rust shape; usable under any executor.
pub mod sync {
    pub use heist_sync::{
        BarrierStatistics, LockStatistics, Notified, Notify, OnceCell, OwnedReadGuard, OwnedWriteGuard, Read,
        ReadGuard, ReadOwned, RwLock, SemaphoreStatistics, WaitStatistics, Write, WriteGuard, WriteOwned,
    };
    pub use heist_sync::{broadcast, mpmc, mpsc, oneshot, queue, watch};
}
