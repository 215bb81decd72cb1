//! A gather of futures that give a `Result`: the first `Err` ends it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::scope::{Forwarder, raise};
use heist_core::{Awaitable, budget};
use heist_scheduler::{IntoTask, Start, Task, TaskError, Wanted};

use super::{Gather, GatherRef, Stage, Starts, TryChildren};

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
pub fn try_gather<I, T, E>(futures: I) -> TryGather<Vec<Task<Result<T, E>>>>
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
    try_gather_started(tasks)
}

/// As [`try_gather`](fn@crate::try_gather), for futures with values of different types: as a tuple, with one type of error.
///
/// ```
/// use std::num::ParseIntError;
///
/// heist::run(async {
///     let parse = async |text: &'static str| text.parse::<u32>();
///     let (number, name) = heist::try_gather!(parse("7"), async { Ok("seven") }).await?;
///     assert_eq!((number, name), (7, "seven"));
///
///     let failed = heist::try_gather!(parse("seven"), async { Ok("seven") }).await.unwrap_err();
///     assert_eq!(failed.to_string(), "invalid digit found in string");
///     Ok::<(), heist::TryGatherError<ParseIntError>>(())
/// }).unwrap();
/// ```
///
/// The tasks start when the macro is evaluated; what it gives is a [`TryGather`]. Up to twelve futures or tasks.
#[macro_export]
macro_rules! try_gather {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::try_gather_started(($($crate::IntoTask::start($future),)+))
    };
}

/// What waits for tasks whose futures give a `Result`.
pub fn try_gather_started<S>(starts: S) -> TryGather<S::Children>
where
    S: Starts,
    S::Children: TryChildren,
{
    // Each end is looked at: a value may be an `Err`.
    TryGather { gather: Gather::with(starts, Wanted::Any) }
}

/// Why a [`try_gather`](fn@crate::try_gather) gave no values.
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

/// Also of a `Box<dyn Error>`, which is none itself: what is asked of `E` is what a message needs. So the error that `E` may
/// stand on is found by taking it out of [`Err`](Self::Err).
impl<E: fmt::Debug + fmt::Display> std::error::Error for TryGatherError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Err(_) => None,
            Self::Task(error) => Some(error),
        }
    }
}

/// Several tasks that are waited for until one fails; see [`try_gather`](fn@crate::try_gather). `C` is the list of tasks: a vector, or a tuple.
///
/// ```
/// heist::run(async {
///     let gather: heist::TryGather<Vec<heist::Task<Result<u32, String>>>> = heist::try_gather([async { Ok(1) }]);
///     assert_eq!(gather.await.unwrap(), [1]);
/// });
/// ```
#[must_use = "await it for its values; dropping it lets its tasks run on"]
pub struct TryGather<C: TryChildren> {
    gather: Gather<C>,
}

impl<C: TryChildren> fmt::Debug for TryGather<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGather").field(&self.gather).finish()
    }
}

impl<C: TryChildren> TryGather<C> {
    /// As [`Gather::cancel`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::try_gather([std::future::pending::<Result<(), String>>()]);
    ///     assert!(gather.cancel());
    ///     assert!(gather.await.is_err());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.gather.cancel()
    }

    /// As [`Gather::cancel_with`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::try_gather([std::future::pending::<Result<(), String>>()]);
    ///     assert!(gather.cancel_with("too late"));
    ///     let heist::TryGatherError::Task(error) = gather.await.unwrap_err() else { panic!() };
    ///     assert!(error.to_string().contains("too late"));
    /// });
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.gather.cancel_with(message)
    }

    /// Whether every task has ended.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::try_gather([std::future::pending::<Result<(), String>>()]);
    ///     assert!(!gather.done());
    /// });
    /// ```
    pub fn done(&self) -> bool {
        self.gather.done()
    }

    /// As [`Gather::cancelled`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::try_gather([async { Ok::<_, String>(1) }]);
    ///     assert!(!gather.cancelled());
    /// });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.gather.cancelled()
    }

    /// As [`Gather::gather_ref`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::try_gather([async { Ok::<_, String>(1) }]);
    ///     let asked = gather.gather_ref();
    ///     assert_eq!(gather.await.unwrap(), [1]);
    ///     assert!(asked.done() && !asked.cancelled());
    /// });
    /// ```
    pub fn gather_ref(&self) -> GatherRef {
        self.gather.gather_ref()
    }
}

impl<C: TryChildren> IntoFuture for TryGather<C> {
    type Output = Result<C::Oks, TryGatherError<C::Error>>;
    type IntoFuture = TryGatherFuture<C>;

    fn into_future(self) -> TryGatherFuture<C> {
        TryGatherFuture { gather: self.gather, forwarder: Forwarder::new(), raised: false }
    }
}

impl<C: TryChildren> Awaitable for TryGather<C> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

/// A task that awaits it.
impl<C> IntoTask for TryGather<C>
where
    C: TryChildren + Send + 'static,
    C::Starts: Send,
    C::Oks: Send + 'static,
    C::Error: Send + 'static,
{
    type Output = Result<C::Oks, TryGatherError<C::Error>>;

    fn into_task(self) -> Task<Self::Output> {
        crate::create_task(self.into_future())
    }

    fn start(self) -> Start<Self::Output> {
        Start::new(move || self.into_task())
    }
}

/// The future of a [`TryGather`].
///
/// ```
/// heist::run(async {
///     let waits: heist::TryGatherFuture<_> = heist::try_gather([async { Ok::<_, String>(1) }]).into_future();
///     assert_eq!(waits.await.unwrap(), [1]);
/// });
/// ```
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct TryGatherFuture<C: TryChildren> {
    gather: Gather<C>,
    forwarder: Forwarder,
    /// The cancellation was passed on: the wait never ends.
    raised: bool,
}

impl<C: TryChildren> Unpin for TryGatherFuture<C> {}

impl<C: TryChildren> fmt::Debug for TryGatherFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGatherFuture").field(&self.gather).finish()
    }
}

impl<C: TryChildren> TryGatherFuture<C> {
    /// Ready with the first that failed, or with `None` when every task has ended.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        while self.gather.poll_done(cx).is_ready() {
            let Stage::Running(tasks) = &self.gather.stage else { return Poll::Ready(None) };
            if self.gather.cancelled.is_some() {
                return Poll::Ready((0..tasks.count()).find(|&index| tasks.has_failed(index, false)));
            }
            // The count first: what it counts no more is given below.
            let left = self.gather.countdown.left();
            while let Some(ended) = self.gather.countdown.pop() {
                if tasks.has_failed(ended.index, true) {
                    return Poll::Ready(Some(ended.index));
                }
            }
            if left == 0 {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }
}

impl<C: TryChildren> Future for TryGatherFuture<C> {
    type Output = Result<C::Oks, TryGatherError<C::Error>>;

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
            return Poll::Ready(Err(this.gather.take_children().try_failure(index)));
        }
        let Some(error) = this.gather.cancelled.clone() else {
            return Poll::Ready(this.gather.take_children().oks());
        };
        if forwarded && raise(error.clone()) {
            this.raised = true;
            return Poll::Pending;
        }
        drop(this.gather.take_children());
        Poll::Ready(Err(TryGatherError::Task(TaskError::cancelled(error))))
    }
}
