//! What becomes a task: a future is spawned, a task stays itself; asyncio's `ensure_future`.

use std::future::Future;

use super::handle::Task;
use crate::scheduler::spawn;

/// What [`ensure_future`] takes, and all that waits for many: a future, which becomes a task, or a task, which stays
/// itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become a task",
    label = "not a task, and not a future that is `Send + 'static`",
    note = "give a `Task`, or a future that is `Send + 'static`; on a current-thread loop `spawn_local` makes a task of any \
            other future"
)]
pub trait IntoTask {
    /// What the task gives.
    type Output;

    /// The task.
    ///
    /// # Panics
    ///
    /// Outside of a running loop, for what is no task yet.
    #[track_caller]
    fn into_task(self) -> Task<Self::Output>;
}

impl<F> IntoTask for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    #[inline]
    fn into_task(self) -> Task<F::Output> {
        spawn(self)
    }
}

impl<T> IntoTask for Task<T> {
    type Output = T;

    #[inline]
    fn into_task(self) -> Task<T> {
        self
    }
}

/// Makes a task of a future; a task stays the very one that it is. asyncio's `ensure_future`.
///
/// ```
/// # use heist_core::{Clock, driver::NoDriver};
/// # use heist_scheduler::{ensure_future, spawn};
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
/// # scheduler.block_on(async {
/// let task = spawn(async { 1 });
/// let id = task.id();
/// assert_eq!(ensure_future(task).id(), id);
/// assert_eq!(ensure_future(async { 2 }).await.unwrap(), 2);
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running loop, for what is no task yet.
#[track_caller]
pub fn ensure_future<A: IntoTask>(awaitable: A) -> Task<A::Output> {
    awaitable.into_task()
}
