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
//! # Where to begin
//!
//! An `async fn` gives a future, which does nothing until it is awaited. [`macro@main`] or [`run`] starts an event loop and
//! has it run one. [`create_task`] makes a *task* of a future: it runs by itself from then on, on any core, and awaiting
//! the [`Task`] gives its value.
//!
//! ```
//! # fn main() -> Result<(), heist::TaskError> {
//! heist::run(async {
//!     let answer = heist::create_task(async { 6 * 7 });
//!     assert_eq!(answer.await?, 42);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! What a task holds across an `.await` is `Send`, and it borrows nothing, since it may move between threads and outlive its
//! creator. On the current-thread flavour ([`Builder::current_thread`]) it need not be `Send`.
//!
//! # What there is
//!
//! | to | use |
//! |---|---|
//! | start a program | [`macro@main`], [`run`], [`Runner`], [`EventLoop`], [`macro@test`] |
//! | start work | [`create_task`], [`task()`], [`task_group()`], [`spawn_local`] |
//! | wait for several | [`gather!`](macro@gather), [`gather()`], [`try_gather`](fn@try_gather), [`wait()`], [`as_completed()`], [`race!`], [`join!`] |
//! | stop work | [`Task::cancel`], [`catch_cancelled`], [`try_finally`], [`shield`] |
//! | sleep, and set limits | [`sleep`], [`interval()`], [`timeout`], [`timeout_scope()`], [`wait_for()`] |
//! | share | [`Lock`], [`Semaphore`], [`Event`], [`Condition`], [`Barrier`], [`Queue`]; channels and more in [`sync`] |
//! | promise | [`create_future`], [`future::Future`] |
//! | talk over the network | [`open_connection`], [`start_server`], [`StreamReader`], [`StreamWriter`]; sockets in [`net`] |
//! | run what blocks | [`to_thread`], [`run_in_executor`], [`ThreadPoolExecutor`]; files in [`fs`] |
//! | come in from other threads | [`Handle`], [`run_coroutine_threadsafe`] |
//! | run programs, hear signals | [`create_subprocess_exec`], [`process`], [`mod@signal`], [`ctrl_c`] |
//! | look inside | [`all_tasks`], [`print_call_graph`], [`Handle::metrics`], [`Builder::debug`], [`coroutine()`] |
//!
//! Everything that asyncio has stands at the root, under asyncio's name; each item says which that is. [`future::Future`] is
//! asyncio's Future; the standard trait keeps its own name. What asyncio has not is in modules.
//!
//! # What runs through all of it
//!
//! * *Errors are values.* Awaiting a [`Task`] gives `Result<T, TaskError>`: it may have been cancelled, or have panicked. A
//!   `Result` that the task returns is inside, hence two `?` at times: `task.await??`.
//! * *A cancel is a request*, not a drop: it is delivered where the task waits, and the task may clean up, with awaits. What it
//!   awaits is cancelled first.
//! * *A dropped handle* lets its task run on. What is left at the end of [`run`] is cancelled, and waited for.
//! * *Keyword arguments are methods*, called before the `.await`: `wait(tasks).timeout(limit).await`.
//! * *Times* are [`Duration`](std::time::Duration)s; deadlines are times on the loop's clock, [`Handle::time`].
//!
//! # Features
//!
//! | feature | on by default | what it adds |
//! |---|---|---|
//! | `futures-io` | yes | the read and write traits of the crate `futures-io`, on streams and sockets |
//! | `tokio-compat` | no | `Builder::tokio_compat` and the module `tokio_compat`: libraries that need tokio |
//! | `tokio-io` | no | tokio's read and write traits, on the same; nothing of its runtime |
//! | `hyper` | no | what hyper asks of a runtime: its traits on streams, [`hyper::Timer`], [`hyper::Executor`] |
//! | `serve` | no | HTTP servers for routers of axum and services of tower: [`serve()`] |
//! | `tls` | no | TLS by rustls for clients and servers: the module `tls` |
//! | `hyper` | no | what hyper asks of a runtime: its traits on streams, `hyper::Timer`, `hyper::Executor` |
//! | `serve` | no | HTTP servers for routers of axum and services of tower: `serve` |
//! | `tracing` | no | what tasks and workers do, as events of the crate `tracing` |
//! | `hickory` | no | names looked up by hickory, without a thread: the module `hickory` |
//! | `metrics` | no | what the loop counts, for exporters of the crate `metrics`: the module `metrics_exporter` |
//! | `pyo3` | no | Python's asyncio and this loop await each other: the module `pyo3` |
//! | `quinn` | no | QUIC by quinn: the module `quinn` |
//!
//! # Variables of the environment
//!
//! | variable | says |
//! |---|---|
//! | `HEIST_WORKERS` | how many workers a loop has, where the program does not say |
//! | `HEIST_DEBUG` | `1` turns on debug mode: warnings of what is slow, or left open |
//!
//! The guide, a cookbook, and tables for those who come from asyncio or tokio are in `docs/` of the repository.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod as_completed;
mod builder;
mod call_graph;
mod cancel;
pub mod contextvars;
mod coroutine;
mod current_loop;
mod defaults;
mod driver;
mod event_loop;
mod executor;
mod gather;
mod group_error;
#[cfg(feature = "hickory")]
pub mod hickory;
#[cfg(feature = "hyper")]
pub mod hyper;
mod inline;
mod interrupt;
mod interval;
mod introspection;
#[cfg(feature = "metrics")]
pub mod metrics_exporter;
mod passes;
#[cfg(any(feature = "hickory", feature = "quinn"))]
mod polled_udp;
#[cfg(feature = "pyo3")]
pub mod pyo3;
#[cfg(feature = "quinn")]
pub mod quinn;
mod run_error;
mod runner;
#[cfg(feature = "serve")]
pub mod serve;
pub mod signal;
mod task_group;
mod thread_future;
mod timeout_scope;
#[cfg(feature = "tokio-compat")]
pub mod tokio_compat;
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
pub use coroutine::{Coroutine, coroutine};
pub use current_loop::{get_event_loop, get_running_loop, new_event_loop, set_event_loop};
pub use event_loop::EventLoop;
pub use executor::{Executor, ThreadPoolExecutor, run_in_executor};
pub use gather::{
    Children, Gather, GatherAll, GatherAllFuture, GatherFuture, GatherRef, GatherWait, Starts, TryChildren,
    TryGather, TryGatherError, TryGatherFuture, gather, try_gather,
};
pub use group_error::{GroupError, GroupFailure};
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use introspection::{all_tasks, current_task};
pub use passes::Passes;
pub use run_error::RunError;
pub use runner::{Runner, run};
#[cfg(feature = "serve")]
pub use serve::serve;
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

pub use heist_core::{Awaitable, scope::Awaited};
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
    spawn as create_task, spawn_blocking as to_thread, spawn_local, yield_now,
};
// The function alone: by its shorter path it would come with the module of that name.
pub use heist_scheduler::task::task;
pub use heist_streams::fs;
#[cfg(feature = "tls")]
pub use heist_streams::tls;
#[cfg(unix)]
pub use heist_streams::transports::{
    StartSubprocess, SubprocessProtocol, SubprocessTransport, create_unix_connection, create_unix_server,
    subprocess_exec, subprocess_shell,
};
#[cfg(unix)]
pub use heist_streams::{AddrInfo, GetAddrInfo, GetNameInfo, SocketKind, getaddrinfo, getnameinfo};
pub use heist_streams::{AsIo, StreamPair};
pub use heist_streams::{
    ConnectError, Family, OpenConnection, OwnedSocket, Resolve, Resolving, StaggeredRace, ToAddress,
    open_connection, open_connection_on, staggered_race,
};
pub use heist_streams::{Feeder, Lines, ReuniteError};
pub use heist_streams::{
    IncompleteReadError, LimitOverrunError, ReadError, StreamAddr, StreamReader, StreamWriter, net,
};
pub use heist_streams::{
    Outcome, Server, ServerConnection, ServerReport, ServerShutdown, ServerSocket, StartServer, start_server,
    start_server_on,
};
#[cfg(unix)]
pub use heist_streams::{
    SendFile, SendfileNotAvailableError, SockSendFile, sendfile, sock_accept, sock_connect,
    sock_connect_unix, sock_recv, sock_recv_into, sock_recvfrom, sock_recvfrom_into, sock_sendall,
    sock_sendfile, sock_sendto,
};
pub use heist_streams::{TransportSocket, open_unix_connection, start_unix_server};
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
        BarrierStatistics, ChannelStatistics, LockStatistics, Notified, Notify, NotifyStatistics, OnceCell,
        OwnedReadGuard, OwnedWriteGuard, Read, ReadGuard, ReadOwned, RwLock, SemaphoreStatistics,
        WaitStatistics, Write, WriteGuard, WriteOwned,
    };
    pub use heist_sync::{broadcast, mpmc, mpsc, oneshot, queue, watch};
}
