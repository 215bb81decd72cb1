//! A task that many await.
//!
//! The first of them to come takes the outcome out of the task, and each gets a clone. One wake of the task reaches them
//! all: what stands in its join slot is a list of their wakers.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use heist_core::scope::{Forwarder, raise};
use heist_core::sync::Mutex;
use heist_core::{Awaitable, budget};

use super::TaskRef;
use super::error::TaskError;
use super::handle::Task;
use super::into_task::{IntoTask, Start};
use crate::scheduler::spawn;

/// How a shared task ended.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, SharedResult, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shared = create_task(async { 7 }).shared();
/// let result: SharedResult<u32> = shared.await;
/// assert_eq!(result.unwrap(), 7);
/// # }).unwrap();
/// ```
pub type SharedResult<T> = Result<T, Arc<TaskError>>;

impl<T: Clone> Task<T> {
    /// A handle of which there may be many: each of them awaits the task, and gets a clone of its value. In asyncio every
    /// task is one.
    ///
    /// ```
    /// # use heist_scheduler::spawn as create_task;
    /// # use heist_core::{Clock, driver::NoDriver};
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(async { 7 }).shared();
    /// let again = shared.clone();
    /// assert_eq!((shared.await.unwrap(), again.await.unwrap()), (7, 7));
    /// # }).unwrap();
    /// ```
    pub fn shared(self) -> SharedTask<T> {
        let task_ref = self.task_ref();
        let state = Mutex::new(State::Running(self));
        SharedTask { shared: Arc::new(Shared { task_ref, state, waiters: Arc::default() }) }
    }
}

/// A handle of a task that may have many; see [`Task::shared`].
///
/// Awaiting it gives the value, or why there is none; any number of times.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, SharedTask, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shared: SharedTask<String> = create_task(async { "seven".to_owned() }).shared();
/// assert_eq!((&shared).await.unwrap(), "seven");
/// assert_eq!(shared.await.unwrap(), "seven");
/// # }).unwrap();
/// ```
///
/// # Cancel safety
///
/// One who awaits it and is cancelled cancels the task, for all who await it, as in asyncio; see
/// [`shield`](crate::shield). Where a wait is dropped for any other reason, the task runs on, also when it was the last
/// handle.
#[must_use = "dropping the last handle of a task lets the task run on; await one, or drop them on purpose"]
pub struct SharedTask<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    task_ref: TaskRef,
    state: Mutex<State<T>>,
    waiters: Arc<Waiters>,
}

enum State<T> {
    Running(Task<T>),
    Ended(SharedResult<T>),
    /// While one becomes the other.
    Between,
}

/// Those who await the task; what is in its join slot.
#[derive(Default)]
struct Waiters {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    wakers: Vec<(u64, Waker)>,
    next_key: u64,
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut self.list.lock().wakers);
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

impl Waiters {
    /// Puts a waker into the list, in the place of the one with that key.
    fn register(&self, key: &mut Option<u64>, waker: &Waker) {
        let mut list = self.list.lock();
        let found = key.and_then(|key| list.wakers.iter_mut().find(|(other, _)| *other == key));
        let before = match found {
            Some((_, before)) if before.will_wake(waker) => None,
            Some((_, before)) => Some(std::mem::replace(before, waker.clone())),
            None => {
                let new = list.next_key;
                list.next_key += 1;
                list.wakers.push((new, waker.clone()));
                *key = Some(new);
                None
            }
        };
        drop(list);
        // Another's waker may do anything when it is dropped.
        drop(before);
    }

    fn remove(&self, key: u64) {
        let mut list = self.list.lock();
        let at = list.wakers.iter().position(|(other, _)| *other == key);
        let waker = at.map(|at| list.wakers.swap_remove(at));
        drop(list);
        drop(waker);
    }
}

impl<T> Clone for SharedTask<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for SharedTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedTask").field(&self.shared.task_ref).finish()
    }
}

impl<T> SharedTask<T> {
    /// As [`Task::cancel`], for all who await it.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(std::future::pending::<()>()).shared();
    /// let other = shared.clone();
    /// assert!(shared.cancel());
    /// assert!(other.await.unwrap_err().is_cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancel(&self) -> bool {
        self.shared.task_ref.cancel()
    }

    /// As [`Task::cancel_with`].
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(std::future::pending::<()>()).shared();
    /// shared.cancel_with("no longer needed");
    /// let error = shared.await.unwrap_err();
    /// assert_eq!(error.as_cancelled().unwrap().message(), Some("no longer needed"));
    /// # }).unwrap();
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.shared.task_ref.cancel_with(message)
    }

    /// Whether the task has ended.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(async {}).shared();
    /// assert!(!shared.done());
    /// (&shared).await.unwrap();
    /// assert!(shared.done());
    /// # }).unwrap();
    /// ```
    pub fn done(&self) -> bool {
        self.shared.task_ref.done()
    }

    /// Whether the task has ended, cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(std::future::pending::<()>()).shared();
    /// shared.cancel();
    /// assert!((&shared).await.is_err());
    /// assert!(shared.cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancelled(&self) -> bool {
        self.shared.task_ref.cancelled()
    }

    /// A number that no other task of the process has; the same for all handles of the task.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(async {}).shared();
    /// assert_eq!(shared.id(), shared.clone().id());
    /// # }).unwrap();
    /// ```
    pub fn id(&self) -> u64 {
        self.shared.task_ref.id()
    }

    /// The task without its output.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(async {}).with_name("reader").shared();
    /// assert_eq!(&*shared.task_ref().name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn task_ref(&self) -> TaskRef {
        self.shared.task_ref.clone()
    }
}

impl<T: Clone> SharedTask<T> {
    /// How the task has ended, without waiting; `None` when it has not.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let shared = create_task(async { 7 }).shared();
    /// assert!(shared.outcome().is_none());
    /// (&shared).await.unwrap();
    /// assert_eq!(shared.outcome().unwrap().unwrap(), 7);
    /// # }).unwrap();
    /// ```
    pub fn outcome(&self) -> Option<SharedResult<T>> {
        self.shared.outcome()
    }
}

impl<T: Clone> Shared<T> {
    fn outcome(&self) -> Option<SharedResult<T>> {
        // T's own `clone` and the drop of its future have run, or run with the lock held: neither may await this task.
        let mut state = self.state.lock();
        if let State::Running(task) = &mut *state {
            if !task.done() {
                return None;
            }
            let State::Running(task) = std::mem::replace(&mut *state, State::Between) else { return None };
            let outcome =
                task.into_outcome().unwrap_or_else(|_| Err(TaskError::refused("the task has not ended")));
            *state = State::Ended(outcome.map_err(Arc::new));
        }
        match &*state {
            State::Ended(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    /// Ready with the outcome; else has the waker called once it is there.
    fn poll(&self, key: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<SharedResult<T>> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        self.waiters.register(key, cx.waker());
        // Into the join slot comes the list; a task that has ended meanwhile is found here.
        let all = Waker::from(self.waiters.clone());
        let ended = match &mut *self.state.lock() {
            State::Running(task) => task.poll_done(&mut Context::from_waker(&all)).is_ready(),
            _ => true,
        };
        match self.outcome().filter(|_| ended) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl<T: Clone> IntoFuture for SharedTask<T> {
    type Output = SharedResult<T>;
    type IntoFuture = SharedFuture<T>;

    fn into_future(self) -> SharedFuture<T> {
        SharedFuture { task: self, forwarder: Forwarder::new(), key: None, raised: false }
    }
}

impl<T: Clone> IntoFuture for &SharedTask<T> {
    type Output = SharedResult<T>;
    type IntoFuture = SharedFuture<T>;

    fn into_future(self) -> SharedFuture<T> {
        self.clone().into_future()
    }
}

impl<T: Clone> Awaitable for SharedTask<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

impl<T: Clone> Awaitable for &SharedTask<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

/// A task that awaits the shared one: its failure is that of the shared one, a panic as its text.
impl<T: Clone + Send + 'static> IntoTask for SharedTask<T> {
    type Output = T;

    fn into_task(self) -> Task<T> {
        spawn(flatten_shared(self.into_future()))
    }

    fn shared_id(&self) -> Option<u64> {
        Some(self.id())
    }

    fn start(self) -> Start<T> {
        Start::new(move || self.into_task())
    }
}

/// Ends as the task has ended whose outcome `future` gives.
async fn flatten_shared<T>(future: impl Future<Output = SharedResult<T>>) -> T {
    let error = match future.await {
        Ok(value) => return value,
        Err(error) => error,
    };
    if let Some(cancelled) = error.as_cancelled() {
        cancelled.clone().resume().await
    }
    // Without a second message: the panic hook has told of it.
    let text = error.panic_message().map_or_else(|| error.to_string(), str::to_owned);
    resume_unwind(Box::new(text))
}

/// The future of a [`SharedTask`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, SharedFuture, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let shared = create_task(async { 7 }).shared();
/// let future: SharedFuture<u32> = (&shared).into_future();
/// assert_eq!(future.await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SharedFuture<T> {
    task: SharedTask<T>,
    forwarder: Forwarder,
    /// The key in the list of those who await.
    key: Option<u64>,
    /// The cancellation was passed on: the wait never ends.
    raised: bool,
}

impl<T> Unpin for SharedFuture<T> {}

impl<T> fmt::Debug for SharedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedFuture").field(&self.task).finish()
    }
}

impl<T> SharedFuture<T> {
    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.task.shared.waiters.remove(key);
        }
    }
}

impl<T: Clone> Future for SharedFuture<T> {
    type Output = SharedResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SharedResult<T>> {
        let this = &mut *self;
        if this.raised {
            return Poll::Pending;
        }
        let proceed = ready!(budget::poll_proceed(cx));
        let Poll::Ready(outcome) = this.task.shared.poll(&mut this.key, cx) else {
            this.forwarder.pending(cx, || Arc::new(this.task.task_ref()));
            return Poll::Pending;
        };
        proceed.made_progress();
        this.leave();
        let forwarded = this.forwarder.done();
        if let (true, Some(error)) =
            (forwarded, outcome.as_ref().err().and_then(|error| error.as_cancelled()))
        {
            this.raised = raise(error.clone());
            if this.raised {
                return Poll::Pending;
            }
        }
        Poll::Ready(outcome)
    }
}

impl<T> Drop for SharedFuture<T> {
    fn drop(&mut self) {
        self.leave();
    }
}
