//! What becomes a task: a future is spawned, a task stays itself; asyncio's `ensure_future`.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::panic::Location;

use heist_core::context;

use super::handle::Task;
use crate::scheduler::{spawn, spawn_at};

/// What [`ensure_future`] takes, and all that waits for many: a future, which becomes a task, or a task, which stays
/// itself.
///
/// ```
/// # use heist_scheduler::{Config, IntoTask, LocalScheduler, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// async fn twice<A: IntoTask<Output = u32>>(awaitable: A) -> u32 {
///     2 * awaitable.into_task().await.unwrap()
/// }
///
/// assert_eq!(twice(async { 3 }).await, 6);
/// assert_eq!(twice(create_task(async { 4 })).await, 8);
/// # }).unwrap();
/// ```
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

    /// The id of the task, of which there may be more handles than this: what waits for many counts them as one.
    #[doc(hidden)]
    fn shared_id(&self) -> Option<u64> {
        None
    }

    /// The task; outside of a running loop, what will be one.
    #[track_caller]
    fn start(self) -> Start<Self::Output>;
}

/// A task, or, made outside of a running loop, what becomes one when it is first polled in one.
///
/// ```
/// # use heist_scheduler::{Config, IntoTask, LocalScheduler, Start};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let start: Start<u32> = async { 7 }.start();
/// assert!(start.is_task(), "inside a loop it runs already");
/// assert_eq!(start.into_task().await.unwrap(), 7);
/// # }).unwrap();
/// ```
pub enum Start<T> {
    /// It runs.
    Task(Task<T>),
    /// It is to be made in a loop.
    Later(Box<dyn FnOnce() -> Task<T> + Send>),
}

impl<T> fmt::Debug for Start<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => task.fmt(f),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

impl<T> Start<T> {
    /// What `make` gives, now or, outside of a running loop, later.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, Start, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let start = Start::new(|| create_task(async { 7 }));
    /// assert!(!start.is_task(), "no loop is running");
    /// assert_eq!(scheduler.block_on(async { start.into_task().await.unwrap() }).unwrap(), 7);
    /// ```
    pub fn new(make: impl FnOnce() -> Task<T> + Send + 'static) -> Self {
        match context::with(|context| context.is_some()) {
            true => Self::Task(make()),
            false => Self::Later(Box::new(make)),
        }
    }

    /// Whether it runs.
    ///
    /// ```
    /// # use heist_scheduler::IntoTask;
    /// let start = async { 7 }.start();
    /// assert!(!start.is_task(), "no loop is running");
    /// ```
    pub fn is_task(&self) -> bool {
        matches!(self, Self::Task(_))
    }

    /// The task.
    ///
    /// ```
    /// # use heist_scheduler::{Config, IntoTask, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// let start = async { 7 }.start();
    /// let value = scheduler.block_on(async { start.into_task().await.unwrap() });
    /// assert_eq!(value.unwrap(), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a running loop, if there is none yet.
    pub fn into_task(self) -> Task<T> {
        match self {
            Self::Task(task) => task,
            Self::Later(make) => make(),
        }
    }
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

    #[inline]
    fn start(self) -> Start<F::Output> {
        let location = Location::caller();
        if context::with(|context| context.is_some()) {
            return Start::Task(spawn_at(self, location));
        }
        Start::Later(Box::new(move || spawn_at(self, location)))
    }
}

impl<T> IntoTask for Task<T> {
    type Output = T;

    #[inline]
    fn into_task(self) -> Task<T> {
        self
    }

    #[inline]
    fn start(self) -> Start<T> {
        Start::Task(self)
    }
}

/// As many starts as there are different tasks: of several handles of one task the first counts.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, start_each, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shared = create_task(async { 7 }).shared();
/// let starts = start_each([shared.clone(), shared]);
/// assert_eq!(starts.len(), 1, "two handles of one task");
/// # }).unwrap();
/// ```
#[track_caller]
pub fn start_each<I>(items: I) -> Vec<Start<<I::Item as IntoTask>::Output>>
where
    I: IntoIterator,
    I::Item: IntoTask,
{
    // A loop, so that the tasks are made at the caller's place.
    let items = items.into_iter();
    let mut starts = Vec::with_capacity(items.size_hint().0);
    let mut seen = HashSet::new();
    for item in items {
        if item.shared_id().is_none_or(|id| seen.insert(id)) {
            starts.push(item.start());
        }
    }
    starts
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
