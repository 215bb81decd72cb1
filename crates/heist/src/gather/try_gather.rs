//! A gather of futures that give a `Result`: the first `Err` ends it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::scope::{Forwarder, raise};
use heist_core::{Awaitable, budget};
use heist_scheduler::{IntoTask, Start, Task, TaskError, Wanted};

use super::{Gather, GatherRef, Stage};

type Tasks<T, E> = Vec<Task<Result<T, E>>>;

/// Starts a task for each future and gives the values of their `Ok`s in order; the first `Err`, panic or cancelled task ends
/// it at once, and the others go on, as with asyncio's `gather`, where every exception is an error.
///
/// ```
/// heist::run(async {
///     let numbers = heist::try_gather(["1", "2"].map(|text| async move { text.parse::<u32>() })).await;
///     assert_eq!(numbers.unwrap(), [1, 2]);
///
///     let numbers = heist::try_gather(["1", "two"].map(|text| async move { text.parse::<u32>() })).await;
///     let heist::TryGatherError::Err(error) = numbers.unwrap_err() else { panic!() };
///     assert_eq!(error.to_string(), "invalid digit found in string");
/// });
/// ```
///
/// # Errors
///
/// Awaiting it gives a [`TryGatherError`].
///
/// # Panics
///
/// As [`gather`](fn@crate::gather).
///
/// # Cancel safety
///
/// As [`gather`](fn@crate::gather).
#[track_caller]
pub fn try_gather<I, T, E>(futures: I) -> TryGather<T, E>
where
    I: IntoIterator,
    I::Item: IntoTask<Output = Result<T, E>>,
{
    // A loop, so that the tasks are made at the caller's place.
    let futures = futures.into_iter();
    let mut tasks = Vec::with_capacity(futures.size_hint().0);
    for future in futures {
        tasks.push(future.start());
    }
    // Each end is looked at: a value may be an `Err`.
    TryGather { gather: Gather::with(tasks, Wanted::Any) }
}

/// Why a [`try_gather`] gave no values.
///
/// ```
/// use heist::TryGatherError;
///
/// heist::run(async {
///     let ended = heist::try_gather([async { Err::<(), _>("no paper") }]).await;
///     assert!(matches!(ended, Err(TryGatherError::Err("no paper"))));
/// });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TryGatherError<E> {
    /// This task was the first to fail, by an error of its own.
    Err(E),
    /// This task was the first to fail, by a panic or because it was cancelled; or the whole was cancelled.
    Task(TaskError),
}

impl<E: fmt::Display> fmt::Display for TryGatherError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Err(error) => error.fmt(f),
            Self::Task(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TryGatherError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Err(error) => Some(error),
            Self::Task(error) => Some(error),
        }
    }
}

/// Several tasks that are waited for until one fails; see [`try_gather`].
#[must_use = "await it for its values; dropping it lets its tasks run on"]
pub struct TryGather<T, E> {
    gather: Gather<Tasks<T, E>>,
}

impl<T, E> fmt::Debug for TryGather<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGather").field(&self.gather).finish()
    }
}

impl<T, E> TryGather<T, E> {
    /// As [`Gather::cancel`].
    pub fn cancel(&self) -> bool {
        self.gather.cancel()
    }

    /// As [`Gather::cancel_with`].
    pub fn cancel_with(&self, message: &str) -> bool {
        self.gather.cancel_with(message)
    }

    /// Whether every task has ended.
    pub fn done(&self) -> bool {
        self.gather.done()
    }

    /// As [`Gather::cancelled`].
    pub fn cancelled(&self) -> bool {
        self.gather.cancelled()
    }

    /// As [`Gather::gather_ref`].
    pub fn gather_ref(&self) -> GatherRef {
        self.gather.gather_ref()
    }
}

impl<T, E> IntoFuture for TryGather<T, E> {
    type Output = Result<Vec<T>, TryGatherError<E>>;
    type IntoFuture = TryGatherFuture<T, E>;

    fn into_future(self) -> TryGatherFuture<T, E> {
        TryGatherFuture { gather: self.gather, forwarder: Forwarder::new(), raised: false }
    }
}

impl<T, E> Awaitable for TryGather<T, E> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

/// A task that awaits it.
impl<T: Send + 'static, E: Send + 'static> IntoTask for TryGather<T, E> {
    type Output = Result<Vec<T>, TryGatherError<E>>;

    fn into_task(self) -> Task<Self::Output> {
        crate::create_task(self.into_future())
    }

    fn start(self) -> Start<Self::Output> {
        Start::new(move || self.into_task())
    }
}

/// The future of a [`TryGather`].
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct TryGatherFuture<T, E> {
    gather: Gather<Tasks<T, E>>,
    forwarder: Forwarder,
    /// The cancellation was passed on: the wait never ends.
    raised: bool,
}

impl<T, E> Unpin for TryGatherFuture<T, E> {}

impl<T, E> fmt::Debug for TryGatherFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGatherFuture").field(&self.gather).finish()
    }
}

/// Whether a task has failed by an `Err` or a panic, or, `or_cancelled`, was cancelled.
fn has_failed<T, E>(task: &Task<Result<T, E>>, or_cancelled: bool) -> bool {
    match task.exception() {
        Ok(Some(error)) => or_cancelled || !error.is_cancelled(),
        Ok(None) => task.result().is_ok_and(Result::is_err),
        Err(_) => false,
    }
}

impl<T, E> TryGatherFuture<T, E> {
    /// Ready with the first that failed, or with `None` when every task has ended.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        while self.gather.poll_done(cx).is_ready() {
            let Stage::Running(tasks) = &self.gather.stage else { return Poll::Ready(None) };
            if self.gather.cancelled.is_some() {
                return Poll::Ready(tasks.iter().position(|task| has_failed(task, false)));
            }
            // The count first: what it counts no more is given below.
            let left = self.gather.countdown.left();
            while let Some(ended) = self.gather.countdown.pop() {
                if has_failed(&tasks[ended.index], true) {
                    return Poll::Ready(Some(ended.index));
                }
            }
            if left == 0 {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }

    fn failure(&mut self, index: usize) -> TryGatherError<E> {
        let mut tasks = self.gather.take_children();
        let failed = tasks.swap_remove(index);
        tasks.iter().for_each(Task::ignore_failure);
        match failed.into_outcome() {
            Ok(Ok(Err(error))) => TryGatherError::Err(error),
            Ok(Err(error)) => TryGatherError::Task(error),
            _ => TryGatherError::Task(TaskError::refused("the task has not failed")),
        }
    }

    fn values(&mut self) -> Result<Vec<T>, TryGatherError<E>> {
        let outcomes = self.gather.take_children().into_iter().map(super::children::outcome);
        outcomes
            .map(|outcome| match outcome {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(TryGatherError::Err(error)),
                Err(error) => Err(TryGatherError::Task(error)),
            })
            .collect()
    }
}

impl<T, E> Future for TryGatherFuture<T, E> {
    type Output = Result<Vec<T>, TryGatherError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.raised {
            return Poll::Pending;
        }
        let proceed = ready!(budget::poll_proceed(cx));
        let Poll::Ready(failed) = this.poll_end(cx) else {
            this.forwarder.pending(cx, || this.gather.countdown.requests().target());
            return Poll::Pending;
        };
        proceed.made_progress();
        let forwarded = this.forwarder.done();
        if let Some(index) = failed {
            return Poll::Ready(Err(this.failure(index)));
        }
        let Some(error) = this.gather.cancelled.clone() else { return Poll::Ready(this.values()) };
        if forwarded && raise(error.clone()) {
            this.raised = true;
            return Poll::Pending;
        }
        drop(this.gather.take_children());
        Poll::Ready(Err(TryGatherError::Task(TaskError::cancelled(error))))
    }
}
