//! Results in the order in which tasks end; asyncio's `as_completed`.
//!
//! It stands on a [`Countdown`](heist_scheduler::Countdown): one that ends costs a step, and those that end in one go are
//! found in one poll. It is no forwarder: cancelling the one who waits leaves the tasks alone.

mod ends;
mod iter;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use heist_core::{budget, context};
use heist_scheduler::{IntoTask, Task, TaskError, start_each};
use heist_timer::{Sleep, TimeoutError, sleep_until};

use ends::Ends;
pub use iter::{Completion, Completions};

/// Gives the outcomes of tasks in the order in which they end; asyncio's `as_completed`.
///
/// Futures become tasks at the call; several handles of one [`SharedTask`](crate::SharedTask) count as one. Awaiting [`next`](AsCompleted::next) again and again gives one outcome after the other;
/// [`next_task`](AsCompleted::next_task) gives the very tasks. It is also a [`Stream`], and what a `for` loop goes through
/// gives one thing to await for each task, as in asyncio. Stopping and going on later loses nothing.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let tasks = [30, 10, 20].map(|ms| async move {
///         heist::sleep(Duration::from_millis(ms)).await;
///         ms
///     });
///     let mut results = heist::as_completed(tasks);
///     let mut order = Vec::new();
///     while let Some(result) = results.next().await {
///         order.push(result.unwrap());
///     }
///     assert_eq!(order, [10, 20, 30]);
/// });
/// ```
///
/// Outside of a running loop the futures wait: their tasks are made at the first poll, in a loop.
///
/// # Cancel safety
///
/// A wait for the next that is dropped or cancelled loses no outcome. The tasks run on, also when all of it is dropped.
#[track_caller]
pub fn as_completed<I>(tasks: I) -> AsCompleted<<I::Item as IntoTask>::Output>
where
    I: IntoIterator,
    I::Item: IntoTask,
{
    AsCompleted { ends: Ends::new(start_each(tasks)) }
}

/// The outcomes of tasks, as they end; see [`as_completed`].
///
/// ```
/// heist::run(async {
///     let mut results = heist::as_completed([heist::create_task(async { 1 })]);
///     assert_eq!(results.next().await.unwrap()?, 1);
///     Ok::<(), heist::TaskError>(())
/// })?;
/// # Ok::<(), heist::TaskError>(())
/// ```
#[must_use = "call `next` and await that"]
pub struct AsCompleted<T> {
    ends: Ends<T>,
}

impl<T> Unpin for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("tasks", &self.ends.len()).finish_non_exhaustive()
    }
}

impl<T> AsCompleted<T> {
    /// The outcome of the next task that ends; `None` when all were given.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut results = heist::as_completed([heist::create_task(async { 1 })]);
    ///     while let Some(result) = results.next().await {
    ///         assert_eq!(result?, 1);
    ///     }
    ///     Ok::<(), heist::TaskError>(())
    /// })?;
    /// # Ok::<(), heist::TaskError>(())
    /// ```
    pub async fn next(&mut self) -> Option<Result<T, TaskError>> {
        self.next_task().await.map(ends::outcome)
    }

    /// The next task that ends, itself: it gives its outcome at once. `None` when all were given.
    ///
    /// ```
    /// heist::run(async {
    ///     let tasks = ["a", "b"].map(|name| heist::create_task(async move { name }).with_name(name));
    ///     let mut results = heist::as_completed(tasks);
    ///     while let Some(task) = results.next_task().await {
    ///         assert_eq!(*task.result().unwrap(), &*task.name());
    ///     }
    /// });
    /// ```
    pub fn next_task(&mut self) -> NextTask<'_, T> {
        NextTask { ends: &mut self.ends }
    }

    /// How many tasks are yet to be given.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut results = heist::as_completed([heist::create_task(async { 1 })]);
    ///     assert_eq!(results.len(), 1);
    ///     results.next().await.unwrap()?;
    ///     assert_eq!(results.len(), 0);
    ///     Ok::<(), heist::TaskError>(())
    /// })?;
    /// # Ok::<(), heist::TaskError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether all were given.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut results = heist::as_completed([heist::create_task(async { 1 })]);
    ///     assert!(!results.is_empty());
    ///     results.next().await.unwrap()?;
    ///     assert!(results.is_empty());
    ///     Ok::<(), heist::TaskError>(())
    /// })?;
    /// # Ok::<(), heist::TaskError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks that were not given, ended or not, in the order of the input.
    ///
    /// # Panics
    ///
    /// Outside of a running loop, if there are futures that have not become tasks yet.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut results = heist::as_completed([heist::create_task(async { 1 }), heist::create_task(async { 1 })]);
    ///     results.next().await.unwrap()?;
    ///     assert_eq!(results.into_tasks().len(), 1);
    ///     Ok::<(), heist::TaskError>(())
    /// })?;
    /// # Ok::<(), heist::TaskError>(())
    /// ```
    pub fn into_tasks(self) -> Vec<Task<T>> {
        self.ends.into_tasks()
    }

    /// Gives what has ended within this time from now, and then a [`TimeoutError`], once; `None` sets no limit. The late ones
    /// run on.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let tasks = [1, 60_000].map(|ms| heist::sleep(Duration::from_millis(ms)));
    ///     let mut results = heist::as_completed(tasks).timeout(Duration::from_millis(50));
    ///     assert!(results.next().await.unwrap().is_ok());
    ///     assert_eq!(results.next().await.unwrap().unwrap_err(), heist::TimeoutError);
    ///     assert!(results.next().await.is_none());
    /// });
    /// ```
    pub fn timeout(self, limit: impl Into<Option<Duration>>) -> AsCompletedWithin<T> {
        let limit = limit.into().map(|limit| Box::pin(from_now(limit)));
        AsCompletedWithin { ends: self.ends, limit, expired: false }
    }
}

/// A sleep whose time begins now, where there is a loop to say what time it is.
fn from_now(limit: Duration) -> Sleep {
    match context::with(|context| context.map(|context| context.clock().now())) {
        Some(now) => sleep_until(now.saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))),
        None => Sleep::of(limit),
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = Result<T, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ends.poll_next(cx).map(|task| task.map(ends::outcome))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// The future of [`AsCompleted::next_task`].
///
/// ```
/// heist::run(async {
///     let mut results = heist::as_completed([async { 1 }]);
///     let waits: heist::NextTask<'_, u32> = results.next_task();
///     assert!(waits.await.is_some());
/// });
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct NextTask<'a, T> {
    ends: &'a mut Ends<T>,
}

impl<T> Future for NextTask<'_, T> {
    type Output = Option<Task<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.ends.poll_next(cx)
    }
}

/// The wait for the next one is over, also where it was given up.
impl<T> Drop for NextTask<'_, T> {
    fn drop(&mut self) {
        self.ends.pause();
    }
}

/// The outcomes of tasks, as they end, until a time has passed; see [`AsCompleted::timeout`].
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let mut results = heist::as_completed([async { 1 }]).timeout(Duration::from_secs(60));
///     while let Some(result) = results.next().await {
///         assert_eq!(result.expect("in time").unwrap(), 1);
///     }
/// });
/// ```
#[must_use = "call `next` and await that"]
pub struct AsCompletedWithin<T> {
    ends: Ends<T>,
    /// Gone when it is not wanted any more: an unused limit leaves no timer.
    limit: Option<Pin<Box<Sleep>>>,
    /// The error was given.
    expired: bool,
}

impl<T> Unpin for AsCompletedWithin<T> {}

impl<T> fmt::Debug for AsCompletedWithin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompletedWithin")
            .field("tasks", &self.ends.len())
            .field("expired", &self.expired)
            .finish_non_exhaustive()
    }
}

impl<T> AsCompletedWithin<T> {
    /// The outcome of the next task that ends; an error, once, when the time is up; then `None`, as when all were given.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut results = heist::as_completed([async { 1 }]).timeout(Duration::from_secs(60));
    ///     assert_eq!(results.next().await.unwrap().unwrap().unwrap(), 1);
    ///     assert!(results.next().await.is_none());
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<Result<Result<T, TaskError>, TimeoutError>> {
        self.next_task().await.map(|task| task.map(ends::outcome))
    }

    /// As [`next`](Self::next), with the task itself.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut results = heist::as_completed([async { 1 }]).timeout(Duration::from_secs(60));
    ///     let task = results.next_task().await.unwrap().expect("in time");
    ///     assert_eq!(*task.result().unwrap(), 1);
    /// });
    /// ```
    pub fn next_task(&mut self) -> NextTaskWithin<'_, T> {
        NextTaskWithin { within: self }
    }

    /// As [`AsCompleted::into_tasks`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut results = heist::as_completed([std::future::pending::<()>()]).timeout(Duration::from_millis(1));
    ///     assert_eq!(results.next().await.unwrap().unwrap_err(), heist::TimeoutError);
    ///     let late = results.into_tasks();
    ///     assert!(late[0].cancel());
    /// });
    /// ```
    pub fn into_tasks(self) -> Vec<Task<T>> {
        self.ends.into_tasks()
    }

    fn poll_next_task(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Task<T>, TimeoutError>>> {
        if self.expired {
            return Poll::Ready(None);
        }
        let ended = self.ends.poll_next(cx);
        if self.ends.all_ended() {
            self.limit = None;
        }
        if let Poll::Ready(task) = ended {
            return Poll::Ready(task.map(Ok));
        }
        let Some(limit) = &mut self.limit else { return Poll::Pending };
        ready!(limit.as_mut().poll(cx));
        self.limit = None;
        self.expired = true;
        self.ends.forget_waiter();
        Poll::Ready(Some(Err(TimeoutError)))
    }
}

impl<T> Stream for AsCompletedWithin<T> {
    type Item = Result<Result<T, TaskError>, TimeoutError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_task(cx).map(|task| task.map(|task| task.map(ends::outcome)))
    }
}

/// The future of [`AsCompletedWithin::next_task`].
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let mut results = heist::as_completed([async { 1 }]).timeout(Duration::from_secs(60));
///     let waits: heist::NextTaskWithin<'_, u32> = results.next_task();
///     assert!(waits.await.unwrap().is_ok());
/// });
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct NextTaskWithin<'a, T> {
    within: &'a mut AsCompletedWithin<T>,
}

impl<T> Future for NextTaskWithin<'_, T> {
    type Output = Option<Result<Task<T>, TimeoutError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.within.poll_next_task(cx)
    }
}

impl<T> Drop for NextTaskWithin<'_, T> {
    fn drop(&mut self) {
        self.within.ends.pause();
    }
}

impl<T> Ends<T> {
    /// As [`poll`](Self::poll), for one unit of the budget.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<T>>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let task = ready!(self.poll(cx));
        proceed.made_progress();
        Poll::Ready(task)
    }
}
