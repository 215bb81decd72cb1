//! Keeping a cancellation from what is awaited; asyncio's `shield`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_core::scope::{Awaited, Awaits, Watch};
use heist_core::{Awaitable, budget};

use super::error::TaskError;
use super::flatten::flatten;
use super::handle::Task;
use super::into_task::{IntoTask, Start};
use crate::scheduler::spawn;

/// Awaits something that runs on when the one who awaits it is cancelled; asyncio's `shield`.
///
/// A future becomes a task at the call; a task is taken as it is. To have the value also when the wait was cut short, shield
/// a borrow: `shield(&mut task)` waits and leaves the value in the task. What is shielded may also be a gather or a shared
/// task.
///
/// ```
/// # use heist_core::{Clock, driver::NoDriver};
/// # use heist_scheduler::{shield, spawn, yield_now};
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
/// # scheduler.block_on(async {
/// let inner = spawn(async {
///     yield_now().await;
///     yield_now().await;
/// });
/// let watched = inner.task_ref();
/// let outer = spawn(async { shield(inner).await });
/// yield_now().await;
/// outer.cancel();
/// assert!(outer.await.unwrap_err().is_cancelled());
/// while !watched.done() {
///     yield_now().await;
/// }
/// assert!(!watched.cancelled());
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// Awaiting it gives what awaiting the inner gives: also its [`TaskError`] where somebody cancelled the inner.
///
/// # Panics
///
/// Outside of a running loop, for a future.
///
/// # Cancel safety
///
/// One who awaits it and is cancelled ends cancelled at once; the inner runs on.
#[track_caller]
pub fn shield<A: Shieldable>(awaitable: A) -> Shield<A::Inner> {
    Shield { inner: awaitable.into_inner() }
}

/// What [`shield`] takes: a future, a task, a gather, a shared task; or a borrow of a task or a gather.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, shield, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let mut task = create_task(async { 7 });
/// shield(&mut task).await; // of a borrow: the value stays in the task
/// assert_eq!(*task.result().unwrap(), 7);
/// assert_eq!(shield(async { 8 }).await.unwrap(), 8);
/// # }).unwrap();
/// ```
pub trait Shieldable {
    /// What is waited for.
    type Inner: Shielded;

    /// Makes what is waited for; a future becomes a task.
    #[doc(hidden)]
    #[track_caller]
    fn into_inner(self) -> Self::Inner;
}

/// What a [`Shield`] waits for.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Shield, Shielded, shield};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// async fn unhurried<I: Shielded>(shield: Shield<I>) -> I::Output {
///     shield.await
/// }
///
/// assert_eq!(unhurried(shield(async { 7 })).await.unwrap(), 7);
/// # }).unwrap();
/// ```
pub trait Shielded {
    /// What awaiting the shield gives.
    type Output;

    #[doc(hidden)]
    fn is_done(&self) -> bool;

    /// Ready once it has ended. Forwards nothing.
    #[doc(hidden)]
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// What is awaited, for those who look.
    #[doc(hidden)]
    fn awaits(&self) -> Arc<dyn Awaits>;

    /// The wait is over before it has ended: its end wakes nobody.
    #[doc(hidden)]
    fn forget_waiter(&mut self);

    /// The outcome, once it has ended; called once.
    #[doc(hidden)]
    fn take(&mut self) -> Self::Output;
}

/// The owned task of a shield, until its outcome is taken.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Shield, ShieldedTask, shield, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shielded: Shield<ShieldedTask<u32>> = shield(create_task(async { 7 }));
/// assert_eq!(shielded.await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ShieldedTask<T>(Option<Start<T>>);

impl<T> ShieldedTask<T> {
    /// The task, if it runs.
    fn task(&self) -> Option<&Task<T>> {
        match &self.0 {
            Some(Start::Task(task)) => Some(task),
            _ => None,
        }
    }
}

impl<A: IntoTask> Shieldable for A {
    type Inner = ShieldedTask<A::Output>;

    fn into_inner(self) -> ShieldedTask<A::Output> {
        ShieldedTask(Some(self.start()))
    }
}

impl<T> Shielded for ShieldedTask<T> {
    type Output = Result<T, TaskError>;

    fn is_done(&self) -> bool {
        self.task().is_some_and(Task::done)
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Made outside of any loop: it begins here.
        let mut task = self.0.take().map(Start::into_task);
        let ended = task.as_mut().map_or(Poll::Ready(()), |task| task.poll_done(cx));
        self.0 = task.map(Start::Task);
        ended
    }

    fn awaits(&self) -> Arc<dyn Awaits> {
        Arc::new(self.task().iter().map(|task| Awaited::Task(task.id())).collect::<Vec<_>>())
    }

    fn forget_waiter(&mut self) {
        if let Some(task) = self.task() {
            task.disarm();
        }
    }

    fn take(&mut self) -> Self::Output {
        let task = self.0.take().expect("a shield gives its outcome once").into_task();
        task.into_outcome().unwrap_or_else(|_| Err(TaskError::refused("the task has not ended")))
    }
}

impl<'a, T> Shieldable for &'a mut Task<T> {
    type Inner = &'a mut Task<T>;

    fn into_inner(self) -> Self {
        self
    }
}

impl<T> Shielded for &mut Task<T> {
    type Output = ();

    fn is_done(&self) -> bool {
        self.done()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Task::poll_done(self, cx)
    }

    fn awaits(&self) -> Arc<dyn Awaits> {
        Arc::new(vec![Awaited::Task(self.id())])
    }

    fn forget_waiter(&mut self) {
        self.disarm();
    }

    fn take(&mut self) {}
}

/// Something that runs on when the one who awaits it is cancelled; see [`shield`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Shield, shield, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shielded: Shield<_> = shield(create_task(async { 7 }));
/// assert_eq!(shielded.await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "await a shield for the outcome of what it shields"]
pub struct Shield<I> {
    inner: I,
}

impl<I: Shielded> fmt::Debug for Shield<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("done", &self.inner.is_done()).finish()
    }
}

impl<I: Shielded> IntoFuture for Shield<I> {
    type Output = I::Output;
    type IntoFuture = ShieldFuture<I>;

    fn into_future(self) -> ShieldFuture<I> {
        ShieldFuture { inner: self.inner, waits: false, watch: Watch::new() }
    }
}

impl<I: Shielded> Awaitable for Shield<I> {
    fn is_done(&self) -> bool {
        self.inner.is_done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

/// A task that awaits the shield: to cancel it leaves the inner alone, and its failure is that of the inner.
impl<I, T> IntoTask for Shield<I>
where
    I: Shielded<Output = Result<T, TaskError>> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn into_task(self) -> Task<T> {
        spawn(flatten(self.into_future()))
    }

    fn start(self) -> Start<T> {
        Start::new(move || self.into_task())
    }
}

/// The future of a [`Shield`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, ShieldFuture, shield, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let future: ShieldFuture<_> = shield(create_task(async { 7 })).into_future();
/// assert_eq!(future.await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "futures do nothing unless awaited, but what is shielded runs"]
pub struct ShieldFuture<I: Shielded> {
    inner: I,
    waits: bool,
    watch: Watch,
}

impl<I: Shielded> Unpin for ShieldFuture<I> {}

impl<I: Shielded> fmt::Debug for ShieldFuture<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShieldFuture").field("done", &self.inner.is_done()).finish()
    }
}

impl<I: Shielded> Future for ShieldFuture<I> {
    type Output = I::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<I::Output> {
        let proceed = ready!(budget::poll_proceed(cx));
        self.waits = true;
        if self.inner.poll_done(cx).is_pending() {
            let this = &mut *self;
            this.watch.pending(|| this.inner.awaits());
            return Poll::Pending;
        }
        self.waits = false;
        self.watch.done();
        proceed.made_progress();
        Poll::Ready(self.inner.take())
    }
}

impl<I: Shielded> Drop for ShieldFuture<I> {
    fn drop(&mut self) {
        if self.waits {
            self.inner.forget_waiter();
        }
    }
}
