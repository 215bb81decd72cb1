//! Which task this is, and which there are.

use heist_scheduler::{Handle, TaskRef};

/// The handle of the running loop.
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub(crate) fn running_loop(asked: &str) -> Handle {
    match Handle::current() {
        Some(handle) => handle,
        None => panic!(
            "{asked} was called outside of a running event loop: call it from a future that `heist::run` runs"
        ),
    }
}

/// The task that is being polled; asyncio's `current_task`. `None` in a callback of the loop, which is no task's.
///
/// The main future of a run is a task, too.
///
/// ```
/// heist::run(async {
///     let task = heist::create_task(async { heist::current_task().unwrap().name() }).with_name("worker");
///     assert_eq!(&*task.await.unwrap(), "worker");
/// });
/// ```
///
/// # Panics
///
/// Outside of a running loop, also on the threads of `to_thread`. ([`Handle::current`] tells whether there is one.)
#[track_caller]
pub fn current_task() -> Option<TaskRef> {
    let task = heist_scheduler::current_task();
    if task.is_none() {
        running_loop("current_task");
    }
    task
}

/// Every task of the running loop that has not ended, the main future among them; asyncio's `all_tasks`.
///
/// [`Handle::all_tasks`] and the same of an [`EventLoop`](crate::EventLoop) ask a certain loop, also from other
/// threads and between runs.
///
/// ```
/// heist::run(async {
///     let _task = heist::create_task(std::future::pending::<()>()).with_name("waits");
///     let names: Vec<_> = heist::all_tasks().iter().map(|task| task.name()).collect();
///     assert!(names.iter().any(|name| &**name == "waits"));
/// });
/// ```
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub fn all_tasks() -> Vec<TaskRef> {
    running_loop("all_tasks").all_tasks()
}
