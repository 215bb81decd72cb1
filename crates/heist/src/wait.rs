//! Waiting for tasks without taking their values; asyncio's `wait`.
//!
//! It stands on a [`Countdown`]: however many tasks there are, one that ends costs a step, and the one who waits is polled
//! when the condition holds. (With [`FIRST_EXCEPTION`] it is polled for each batch of ends, to look at their values.) It is
//! no forwarder: cancelling the one who waits leaves the tasks alone.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heist_core::scope::Watch;
use heist_core::{Unawaited, budget, context};
use heist_scheduler::{Countdown, IntoTask, Start, Task, Wanted, start_each};
use heist_timer::Sleep;

/// When a [`wait`] ends: [`ALL_COMPLETED`], [`FIRST_COMPLETED`] or [`FIRST_EXCEPTION`].
///
/// ```
/// use heist::{ReturnWhen, Task, wait};
///
/// /// Waits as the caller says.
/// async fn settle<W: ReturnWhen<u32>>(tasks: Vec<Task<u32>>, when: W) -> usize {
///     let (done, _pending) = wait(tasks).return_when(when).await;
///     done.len()
/// }
///
/// heist::run(async {
///     let tasks = vec![heist::create_task(async { 1 }), heist::create_task(async { 2 })];
///     assert_eq!(settle(tasks, heist::ALL_COMPLETED).await, 2);
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no condition for a wait for tasks that give a `{T}`",
    note = "`ALL_COMPLETED` and `FIRST_COMPLETED` are for all tasks, `FIRST_EXCEPTION` is for tasks that give a `Result`"
)]
pub trait ReturnWhen<T>: sealed::Sealed {
    #[doc(hidden)]
    const WANTED: Wanted;

    /// Whether the end of this task ends the wait.
    #[doc(hidden)]
    fn ends(task: &Task<T>) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::AllCompleted {}
    impl Sealed for super::FirstCompleted {}
    impl Sealed for super::FirstException {}
}

/// See [`ALL_COMPLETED`].
///
/// ```
/// heist::run(async {
///     let tasks = [1, 2].map(|number| heist::create_task(async move { number }));
///     let (done, pending) = heist::wait(tasks).return_when(heist::ALL_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (2, 0));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllCompleted;

/// See [`FIRST_COMPLETED`].
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let tasks = [0, 3600].map(|seconds| heist::create_task(heist::sleep(Duration::from_secs(seconds))));
///     let (done, pending) = heist::wait(tasks).return_when(heist::FIRST_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstCompleted;

/// See [`FIRST_EXCEPTION`].
///
/// ```
/// heist::run(async {
///     let fails = heist::create_task(async { Err::<(), _>("no paper") });
///     let waits = heist::create_task(std::future::pending());
///     let (done, pending) = heist::wait([fails, waits]).return_when(heist::FIRST_EXCEPTION).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstException;

/// Wait until every task has ended; asyncio's `ALL_COMPLETED`.
///
/// ```
/// # heist::run(async {
/// let tasks = [1, 2].map(|number| heist::create_task(async move { number }));
/// let (done, _) = heist::wait(tasks).return_when(heist::ALL_COMPLETED).await;
/// assert_eq!(done.len(), 2);
/// # });
/// ```
pub const ALL_COMPLETED: AllCompleted = AllCompleted;
/// Wait until any task has ended; asyncio's `FIRST_COMPLETED`.
///
/// ```
/// # heist::run(async {
/// let tasks = [heist::create_task(async {}), heist::create_task(std::future::pending())];
/// let (done, pending) = heist::wait(tasks).return_when(heist::FIRST_COMPLETED).await;
/// assert_eq!((done.len(), pending.len()), (1, 1));
/// # });
/// ```
pub const FIRST_COMPLETED: FirstCompleted = FirstCompleted;
/// Wait until any task has failed, or every task has ended; asyncio's `FIRST_EXCEPTION`. A task fails by an `Err` or a
/// panic, and not by being cancelled.
///
/// It is there for tasks that give a `Result`:
///
/// ```compile_fail
/// # heist::run(async {
/// let tasks = [heist::create_task(async { 1 })];
/// heist::wait(tasks).return_when(heist::FIRST_EXCEPTION).await;
/// # });
/// ```
pub const FIRST_EXCEPTION: FirstException = FirstException;

impl<T> ReturnWhen<T> for AllCompleted {
    const WANTED: Wanted = Wanted::All;

    fn ends(_: &Task<T>) -> bool {
        false
    }
}

impl<T> ReturnWhen<T> for FirstCompleted {
    const WANTED: Wanted = Wanted::Any;

    fn ends(_: &Task<T>) -> bool {
        true
    }
}

impl<T, E> ReturnWhen<Result<T, E>> for FirstException {
    const WANTED: Wanted = Wanted::Any;

    fn ends(task: &Task<Result<T, E>>) -> bool {
        match task.exception() {
            Ok(Some(error)) => !error.is_cancelled(),
            _ => task.result().is_ok_and(Result::is_err),
        }
    }
}

/// Waits for tasks and gives those that have ended and those that have not; asyncio's `wait`.
///
/// Futures become tasks at the call; tasks are taken as they are, and come back as they are. Several handles of one
/// [`SharedTask`](crate::SharedTask) count as one. Nothing is cancelled, not even
/// when the timeout passes, and no failure comes out here: it is in the task. Both lists are in the order of the input, and
/// what has ended by the time of the return is in the first, whatever ended the wait.
///
/// No tasks give two empty lists at once. (asyncio has a ValueError there, as for an unknown condition, which here does not
/// compile. A list that is empty some day is no mistake of the program, and the answer is the same as for tasks that have
/// all ended.)
///
/// ```
/// heist::run(async {
///     let tasks = (1..=2).map(|n: u64| heist::create_task(async move { n }));
///     let (done, pending) = heist::wait(tasks).return_when(heist::ALL_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (2, 0));
///     for task in done {
///         println!("{}", task.await.unwrap());
///     }
/// });
/// ```
///
/// Outside of a running loop the futures wait: their tasks are made when the wait is first polled, in a loop.
///
/// # Cancel safety
///
/// Dropping the wait drops the handles: the tasks run on. A request for cancellation ends the wait, and is not passed on.
#[track_caller]
pub fn wait<I>(tasks: I) -> Wait<<I::Item as IntoTask>::Output>
where
    I: IntoIterator,
    I::Item: IntoTask,
{
    Wait { tasks: start_each(tasks), timeout: None, made: Unawaited::here(), return_when: PhantomData }
}

/// A [`wait`] before it begins.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let tasks = [0, 3600].map(|seconds| heist::create_task(heist::sleep(Duration::from_secs(seconds))));
///     let (done, pending) = heist::wait(tasks).return_when(heist::FIRST_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
/// });
/// ```
#[must_use = "a wait begins when it is awaited"]
pub struct Wait<T, R = AllCompleted> {
    tasks: Vec<Start<T>>,
    timeout: Option<Duration>,
    made: Unawaited,
    return_when: PhantomData<R>,
}

impl<T, R> fmt::Debug for Wait<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("tasks", &self.tasks.len()).field("timeout", &self.timeout).finish()
    }
}

impl<T, R> Wait<T, R> {
    /// Ends the wait after this time at the latest; `None` waits without limit.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let tasks = [0, 3600].map(|seconds| heist::create_task(heist::sleep(Duration::from_secs(seconds))));
    ///     let (done, pending) = heist::wait(tasks).timeout(Duration::from_millis(5)).await;
    ///     assert_eq!((done.len(), pending.len()), (1, 1));
    /// });
    /// ```
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// When the wait ends: [`ALL_COMPLETED`] unless given.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let tasks = [0, 3600].map(|seconds| heist::create_task(heist::sleep(Duration::from_secs(seconds))));
    ///     let (done, pending) = heist::wait(tasks).return_when(heist::FIRST_COMPLETED).await;
    ///     assert_eq!((done.len(), pending.len()), (1, 1));
    /// });
    /// ```
    pub fn return_when<W: ReturnWhen<T>>(self, return_when: W) -> Wait<T, W> {
        let _ = return_when;
        Wait { tasks: self.tasks, timeout: self.timeout, made: self.made, return_when: PhantomData }
    }
}

impl<T, R: ReturnWhen<T>> IntoFuture for Wait<T, R> {
    type Output = (Vec<Task<T>>, Vec<Task<T>>);
    type IntoFuture = Waiting<T, R>;

    fn into_future(self) -> Waiting<T, R> {
        Waiting {
            countdown: Countdown::new(self.tasks.len(), R::WANTED),
            starts: self.tasks,
            tasks: Vec::new(),
            limit: self.timeout.map(|limit| Box::pin(Sleep::of(limit))),
            expired: false,
            made: self.made,
            watch: Watch::new(),
            return_when: PhantomData,
        }
    }
}

/// The future of [`wait`].
///
/// ```
/// heist::run(async {
///     let waits: heist::Waiting<u32> = heist::wait([heist::create_task(async { 1 })]).into_future();
///     let (done, _pending) = waits.await;
///     assert_eq!(done.len(), 1);
/// });
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct Waiting<T, R = AllCompleted> {
    /// What is waited for, until the first poll.
    starts: Vec<Start<T>>,
    tasks: Vec<Task<T>>,
    countdown: Countdown,
    limit: Option<Pin<Box<Sleep>>>,
    /// The time is up, and those that end in this very moment get their turn.
    expired: bool,
    made: Unawaited,
    watch: Watch,
    return_when: PhantomData<R>,
}

impl<T, R> Unpin for Waiting<T, R> {}

impl<T, R> fmt::Debug for Waiting<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl<T, R: ReturnWhen<T>> Waiting<T, R> {
    /// In the first poll: makes the tasks that could not be made before, for want of a loop, and watches all of them.
    fn begin(&mut self) {
        self.tasks = std::mem::take(&mut self.starts).into_iter().map(Start::into_task).collect();
        for task in &self.tasks {
            self.countdown.add(task);
        }
    }

    fn poll_tasks(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.countdown.poll(cx));
            while let Some(ended) = self.countdown.pop() {
                if R::ends(&self.tasks[ended.index]) {
                    return Poll::Ready(());
                }
            }
            if self.countdown.left() == 0 {
                return Poll::Ready(());
            }
        }
    }

    /// Ready one turn after the time was up, so that a task that ends in the same moment is among those that have ended.
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.expired {
            return Poll::Ready(());
        }
        let Some(limit) = &mut self.limit else { return Poll::Pending };
        ready!(limit.as_mut().poll(cx));
        self.expired = true;
        context::with(|context| match context {
            Some(context) => context.yield_now(cx.waker()),
            None => cx.waker().wake_by_ref(),
        });
        Poll::Pending
    }
}

impl<T, R: ReturnWhen<T>> Future for Waiting<T, R> {
    type Output = (Vec<Task<T>>, Vec<Task<T>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.made.polled();
        let proceed = ready!(budget::poll_proceed(cx));
        if !self.starts.is_empty() {
            self.begin();
        }
        if self.poll_tasks(cx).is_pending() && self.poll_limit(cx).is_pending() {
            let this = &mut *self;
            this.watch.pending(|| this.countdown.awaits());
            return Poll::Pending;
        }
        proceed.made_progress();
        self.watch.done();
        self.countdown.forget_waiter();
        Poll::Ready(std::mem::take(&mut self.tasks).into_iter().partition(Task::done))
    }
}
