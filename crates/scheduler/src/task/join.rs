//! Awaiting a task: the futures behind `task.await` and `(&mut task).await`.
//!
//! Both are forwarders: when the one who awaits is cancelled, the request goes to the awaited task, and the wait goes on
//! until that has ended. Ended cancelled, it passes on as a cancellation of the one who waits; with a value or a failure,
//! that is the answer. A task that somebody else cancelled gives its error as a value.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_core::scope::{Forwarder, raise};
use heist_core::{Awaitable, CancelledError, budget, context};

use super::error::TaskError;
use super::handle::{Registered, Task};
use super::header::Raw;
use super::state::{CANCEL, CANCELLED, COMPLETE};

/// One wait for a task.
#[derive(Debug, Default)]
enum Waiting {
    /// Not begun, or noted in the header of the one who waits.
    #[default]
    Alone,
    /// Where that header has no room: inside a scope, or beside another wait.
    Standing(Box<Forwarder>),
    /// The cancellation was passed on: the wait never ends.
    Raised,
    /// The task's value was given.
    Taken,
    /// Over, for a task that runs on: its handle is as it was.
    GivenUp,
}

impl Waiting {
    /// Ready once the task has ended, or never will for the one who waits.
    #[inline]
    fn poll<T>(&mut self, task: &Task<T>, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Raised = self {
            return Poll::Pending;
        }
        let raw = task.raw();
        let word = raw.header().word.load();
        if word & (COMPLETE | CANCEL) != 0 && (word & COMPLETE != 0 || raw.is_given_up()) {
            return Poll::Ready(());
        }
        match task.register(cx.waker(), matches!(self, Self::Alone)) {
            Registered::Complete => Poll::Ready(()),
            Registered::Linked => Poll::Pending,
            Registered::Waiting => {
                self.stand(task, cx);
                Poll::Pending
            }
        }
    }

    #[cold]
    fn stand<T>(&mut self, task: &Task<T>, cx: &Context<'_>) {
        if let Self::Alone = self {
            *self = Self::Standing(Box::default());
        }
        if let Self::Standing(forwarder) = self {
            forwarder.pending(cx, || Arc::new(task.task_ref()));
        }
    }

    /// The task has ended: passes the cancellation on if it came through here, and says so.
    #[inline]
    fn is_passed_on(&mut self, raw: Raw, error: impl FnOnce() -> CancelledError) -> bool {
        let forwarded = match self {
            Self::Standing(forwarder) => {
                let forwarded = forwarder.done();
                *self = Self::Alone;
                forwarded
            }
            _ => false,
        };
        if raw.header().word.load() & CANCELLED == 0 {
            return false;
        }
        self.pass_on(raw, forwarded, error)
    }

    #[cold]
    fn pass_on(&mut self, raw: Raw, forwarded: bool, error: impl FnOnce() -> CancelledError) -> bool {
        let alone = context::with(|context| context.and_then(|context| context.tree_if_any()))
            .is_some_and(|tree| tree.take_forwarded_alone(raw.header().id));
        let raised = (forwarded || alone) && raise(error());
        if raised {
            *self = Self::Raised;
        }
        raised
    }
}

/// What a task that awaits itself gets.
const SELF_AWAIT: &str = "the task awaits itself, which would never end: await it in another task";

fn is_self(raw: Raw) -> bool {
    let header = raw.0.as_ptr().cast_const().cast();
    context::with(|context| context.is_some_and(|context| context.current() == header))
}

/// The future of `task.await`: takes the task's value.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, TaskFuture, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let future: TaskFuture<u32> = create_task(async { 7 }).into_future();
/// assert_eq!(future.await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct TaskFuture<T> {
    /// A reference alone once the wait is [`Taken`](Waiting::Taken).
    task: ManuallyDrop<Task<T>>,
    waiting: Waiting,
}

impl<T> Unpin for TaskFuture<T> {}

impl<T> TaskFuture<T> {
    /// The task.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let future = create_task(async { 7 }).with_name("reader").into_future();
    /// assert_eq!(&*future.task().name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn task(&self) -> &Task<T> {
        &self.task
    }

    /// The output of the task, which is complete. Always inlined: the call costs more than it does.
    #[inline(always)]
    fn take(&mut self) -> Result<T, TaskError> {
        self.waiting = Waiting::Taken;
        Task::take(&self.task).unwrap_or_else(|| Err(TaskError::value_taken()))
    }

    /// As [`poll`](Future::poll), for a task that has not ended, or not so simply.
    #[inline(never)]
    fn poll_fully(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        if let Waiting::Taken | Waiting::GivenUp = self.waiting {
            panic!("a task was awaited after it had given its result");
        }
        if self.waiting.poll(&self.task, cx).is_pending() {
            if is_self(self.task.raw()) {
                return Poll::Ready(Err(TaskError::refused(SELF_AWAIT)));
            }
            return Poll::Pending;
        }
        // Not before: what is awaited shows also in a poll that has spent its budget.
        ready!(budget::poll_proceed(cx)).made_progress();
        let raw = self.task.raw();
        if !raw.is_complete() {
            // A closure on the blocking pool that was cancelled: nobody waits for it.
            self.waiting = Waiting::GivenUp;
            return Poll::Ready(Err(TaskError::cancelled(CancelledError::default())));
        }
        let error = || self.task.exception().ok().flatten().and_then(TaskError::as_cancelled).cloned();
        if self.waiting.is_passed_on(raw, || error().unwrap_or_default()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }
}

impl<T> Drop for TaskFuture<T> {
    #[inline]
    fn drop(&mut self) {
        if let Waiting::Taken = self.waiting {
            self.task.raw().release();
        } else {
            // SAFETY: dropped here alone, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.task) };
        }
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskFuture").field(&self.task).finish()
    }
}

impl<T> IntoFuture for Task<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = TaskFuture<T>;

    #[inline]
    fn into_future(self) -> TaskFuture<T> {
        TaskFuture { task: ManuallyDrop::new(self), waiting: Waiting::Alone }
    }
}

impl<T> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let word = this.task.raw().header().word.load();
        if word & (COMPLETE | CANCELLED) == COMPLETE && matches!(this.waiting, Waiting::Alone) {
            ready!(budget::poll_proceed(cx)).made_progress();
            return Poll::Ready(this.take());
        }
        this.poll_fully(cx)
    }
}

/// The future of `(&mut task).await`: waits, and leaves the value for [`Task::result`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, TaskWait, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let mut task = create_task(async { 7 });
/// let wait: TaskWait<'_, u32> = (&mut task).into_future();
/// wait.await;
/// assert_eq!(*task.result().unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct TaskWait<'a, T> {
    task: &'a mut Task<T>,
    waiting: Waiting,
}

impl<T> Unpin for TaskWait<'_, T> {}

impl<T> fmt::Debug for TaskWait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskWait").field(&self.task).finish()
    }
}

impl<'a, T> IntoFuture for &'a mut Task<T> {
    type Output = ();
    type IntoFuture = TaskWait<'a, T>;

    fn into_future(self) -> TaskWait<'a, T> {
        TaskWait { task: self, waiting: Waiting::default() }
    }
}

impl<T> Future for TaskWait<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Before the budget is asked for: what is awaited shows also in a poll that has spent it.
        if this.waiting.poll(this.task, cx).is_pending() {
            return if is_self(this.task.raw()) { Poll::Ready(()) } else { Poll::Pending };
        }
        ready!(budget::poll_proceed(cx)).made_progress();
        let error = || this.task.exception().ok().flatten().and_then(TaskError::as_cancelled).cloned();
        if this.waiting.is_passed_on(this.task.raw(), || error().unwrap_or_default()) {
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<T> Awaitable for Task<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

impl<T> Awaitable for &mut Task<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}
