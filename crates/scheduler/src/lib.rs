//! The scheduler of the heist async runtime: tasks, run queues, workers, sleep and wake, a blocking pool, a watchdog.
//!
//! It knows I/O and time only through [`heist_core::Driver`]. Two flavours share everything but the queue and the way a
//! state word is changed: [`Scheduler`], whose workers steal from one another, and [`LocalScheduler`], which runs
//! everything on one thread, in order, without atomic read-modify-writes of its own.
//!
//! Programs use the crate `heist`, which gives a scheduler its I/O and time, and has what is for them at its root: mostly under
//! the same names, [`spawn`] as `create_task` and [`spawn_blocking`] as `to_thread`.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@task`] | the task cell, its state word, handles |
//! | `heap` | pages of cells: allocator and registry |
//! | `queue`, `inject` | where tasks wait for a worker |
//! | `worker` | what a worker does, turn by turn |
//! | `idle`, `park` | who sleeps, and how they are woken |
//! | `watchdog` | help for a worker that stands still inside one poll |
//! | `blocking`, `line` | threads for work that blocks, and how a job meets one |
//! | `executor` | threads for closures that are no part of a loop |
//! | `all_tasks` | every task of a loop, asked for on any thread |
//! | `interrupt` | how a signal handler ends a run |
//! | `callbacks`, `timed` | `call_soon`, `call_later`, the exception handler |
//! | `metrics` | what a loop counts of itself |
//! | `panics`, `debug` | what a panic does, what debug mode warns of |
//! | `stop` | how a run is ended from inside or outside |
//! | `wrap` | what the program has called around a thread's work |
//! | `scheduler` | building, running, closing |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod all_tasks;
mod blocking;
mod blocking_future;
mod callbacks;
mod config;
mod debug;
mod executor;
mod heap;
mod idle;
mod inject;
mod interrupt;
mod line;
mod metrics;
mod panics;
mod park;
mod queue;
mod scheduler;
mod shared;
mod slack;
mod stop;
pub mod task;
mod timed;
mod timer_handle;
mod trace;
mod watchdog;
mod worker;
mod wrap;
mod yielding;

pub use callbacks::ExceptionHandler;
pub use config::{Config, ThreadHook};
pub use executor::{ExecutorClosedError, ShutdownExecutor, ThreadPool, Work};
pub use heist_core::services::{CallbackHandle, ExceptionContext, LoopClosedError, TaskInfo};
pub use interrupt::Interrupter;
pub use metrics::{Metrics, WorkerMetrics};
pub use panics::PanicPolicy;
pub use scheduler::{
    Handle, LocalScheduler, Passes, RunError, Scheduler, ShutdownReport, current_task, refuse_nested, spawn,
    spawn_blocking, spawn_in, spawn_local,
};
pub use task::{
    Body, CancelledError, Countdown, Ended, IntoTask, Request, Requests, ResultError, SharedFuture,
    SharedResult, SharedTask, Shield, ShieldFuture, Shieldable, Shielded, ShieldedTask, Start, Task,
    TaskBuilder, TaskError, TaskFactory, TaskFuture, TaskOptions, TaskRef, TaskWait, Wanted, ensure_future,
    flatten, shield, start_each, task,
};
pub use timer_handle::TimerHandle;
pub use trace::warn;
pub use wrap::Wrappers;
pub use yielding::{YieldNow, yield_now};

#[cfg(all(test, heist_loom))]
mod models;
