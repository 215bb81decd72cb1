//! Waiting for tasks without taking their values; asyncio's `wait`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use heist_core::scope::{Awaited, Watch};
use heist_scheduler::Task;
use heist_timer::{Sleep, sleep};

/// When a [`wait`] ends. Later versions add asyncio's `FIRST_EXCEPTION`, which exists for tasks that can fail only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReturnWhen {
    /// When every task has ended.
    AllCompleted,
    /// When any task has ended.
    FirstCompleted,
}

/// Wait until every task has ended; asyncio's `ALL_COMPLETED`.
pub const ALL_COMPLETED: ReturnWhen = ReturnWhen::AllCompleted;
/// Wait until any task has ended; asyncio's `FIRST_COMPLETED`.
pub const FIRST_COMPLETED: ReturnWhen = ReturnWhen::FirstCompleted;

/// Waits for tasks and gives those that have ended and those that have not; asyncio's `wait`.
///
/// Nothing is cancelled, not even when the timeout passes. Both lists are in the order of the input.
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
/// # Cancel safety
///
/// Dropping the wait drops the handles: the tasks run on.
pub fn wait<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Wait<T> {
    Wait { tasks: tasks.into_iter().collect(), timeout: None, return_when: ALL_COMPLETED }
}

/// A [`wait`] before it begins.
#[must_use = "a wait begins when it is awaited"]
pub struct Wait<T> {
    tasks: Vec<Task<T>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("tasks", &self.tasks.len()).field("timeout", &self.timeout).finish()
    }
}

impl<T> Wait<T> {
    /// Ends the wait after this time at the latest; `None` waits without limit.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// When the wait ends: [`ALL_COMPLETED`] unless given.
    pub fn return_when(mut self, return_when: ReturnWhen) -> Self {
        self.return_when = return_when;
        self
    }
}

impl<T> IntoFuture for Wait<T> {
    type Output = (Vec<Task<T>>, Vec<Task<T>>);
    type IntoFuture = Waiting<T>;

    fn into_future(self) -> Waiting<T> {
        Waiting {
            tasks: self.tasks,
            ended: 0,
            limit: self.timeout.map(|limit| Box::pin(sleep(limit))),
            return_when: self.return_when,
            watch: Watch::new(),
        }
    }
}

/// The future of [`wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Waiting<T> {
    tasks: Vec<Task<T>>,
    /// The first so many tasks are known to have ended, where all are waited for.
    ended: usize,
    limit: Option<Pin<Box<Sleep>>>,
    return_when: ReturnWhen,
    /// For those who look at who waits for whom.
    watch: Watch,
}

impl<T> Unpin for Waiting<T> {}

impl<T> fmt::Debug for Waiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl<T> Waiting<T> {
    fn poll_tasks(&mut self, cx: &mut Context<'_>) -> bool {
        match self.return_when {
            // One after the other: each wake looks at one task, not at all of them.
            ReturnWhen::AllCompleted => {
                while let Some(task) = self.tasks.get_mut(self.ended) {
                    if task.poll_done(cx).is_pending() {
                        return false;
                    }
                    self.ended += 1;
                }
                true
            }
            ReturnWhen::FirstCompleted => {
                let mut any = self.tasks.is_empty();
                for task in &mut self.tasks {
                    any |= task.poll_done(cx).is_ready();
                }
                any
            }
        }
    }
}

impl<T> Future for Waiting<T> {
    type Output = (Vec<Task<T>>, Vec<Task<T>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let over = self.poll_tasks(cx)
            || self.limit.as_mut().is_some_and(|limit| limit.as_mut().poll(cx).is_ready());
        if !over {
            let Self { tasks, watch, .. } = &mut *self;
            watch.pending(|| Arc::new(tasks.iter().map(|task| Awaited::Task(task.id())).collect::<Vec<_>>()));
            return Poll::Pending;
        }
        self.watch.done();
        Poll::Ready(std::mem::take(&mut self.tasks).into_iter().partition(Task::done))
    }
}
