//! What is asked of the loop that this thread is running.

use std::future::Future;
use std::panic::Location;

use heist_core::{context, vars};

use super::handle::Handle;
use crate::task::{Kind, Raw, Task, TaskRef};
use crate::worker::Worker;

/// Calls `f` with the worker that this thread is.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(&Worker) -> R) -> Option<R> {
    context::with(|context| {
        // SAFETY: this crate alone enters contexts, each the front of a worker.
        context.map(|context| f(unsafe { Worker::from_context(context) }))
    })
}

/// What to say to somebody who needs a loop and is in none.
#[cold]
#[track_caller]
pub(crate) fn no_loop(what: &str) -> ! {
    panic!("{what} was called outside of a running event loop: call it from a future that `heist::run` runs")
}

/// Creates a task on the running loop; asyncio's `create_task`.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(async { 6 * 7 });
/// assert_eq!(task.await.unwrap(), 42);
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_at(future, Location::caller())
}

/// As [`spawn`], at a place that is given.
#[track_caller]
#[inline]
pub(crate) fn spawn_at<F>(future: F, location: &'static Location<'static>) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match with_worker(|worker| worker.spawn(future, location)) {
        Some(task) => task,
        None => no_loop("create_task"),
    }
}

/// Creates a task on the running loop, in the very context that is given; asyncio's `create_task(..., context=context)`.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn_in as create_task_in};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_core::vars::{Context, ContextVar};
/// static REQUEST: ContextVar<u32> = ContextVar::new("request");
///
/// let context = Context::new();
/// create_task_in(&context, async { drop(REQUEST.set(7)) }).await.unwrap();
/// assert_eq!(context.get(&REQUEST), Some(7));
/// assert_eq!(REQUEST.get(), None);
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub fn spawn_in<F>(context: &vars::Context, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    match with_worker(|worker| worker.spawn_in(Kind::Task, future, location, Some(context.clone()))) {
        Some(task) => task,
        None => no_loop("create_task"),
    }
}

/// Creates a task of a future that is not Send, on a current-thread loop.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn_local};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let not_send = std::rc::Rc::new(42);
/// let task = spawn_local(async move { *not_send });
/// assert_eq!(task.await.unwrap(), 42);
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running current-thread loop.
#[track_caller]
pub fn spawn_local<F: Future + 'static>(future: F) -> Task<F::Output> {
    let location = Location::caller();
    let task = with_worker(|worker| {
        if !worker.shared().local {
            panic!(
                "spawn_local was called on a loop with several workers: a future that is not Send needs a \
                 current-thread loop (`Runner::builder().current_thread()`)"
            );
        }
        worker.spawn(future, location)
    });
    match task {
        Some(task) => task,
        None => no_loop("spawn_local"),
    }
}

/// Runs a closure on a thread of the running loop's blocking pool; asyncio's `to_thread`.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn_blocking as to_thread};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = to_thread(|| std::thread::current().name().map(str::to_owned));
/// println!("{:?}", task.await.unwrap());
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub fn spawn_blocking<F, R>(closure: F) -> Task<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match Handle::current() {
        Some(handle) => handle.to_thread(closure),
        None => no_loop("to_thread"),
    }
}

/// The task that is being polled; asyncio's `current_task`.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, current_task, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(async { current_task().unwrap().id() });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), id);
/// # }).unwrap();
/// ```
pub fn current_task() -> Option<TaskRef> {
    context::with(|context| {
        let header = context?.current().cast_mut().cast::<crate::task::Header>();
        let raw = Raw(std::ptr::NonNull::new(header)?);
        raw.acquire();
        // SAFETY: the reference was just counted.
        Some(unsafe { TaskRef::from_raw(raw) })
    })
}
