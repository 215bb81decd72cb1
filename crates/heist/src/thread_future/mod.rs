//! A result on its way between threads and loops; Python's `concurrent.futures.Future`.
//!
//! Vocabulary:
//!
//! * a [`ThreadFuture`] is the thread side: it is waited for by blocking, and completed by any thread;
//! * a [`WrappedFuture`] is the loop's side of one: it is awaited, and cancelling it cancels the thread side, if that has
//!   not begun;
//! * [`run_coroutine_threadsafe`] goes the other way: a thread waits for what a loop computes.

mod submitted;
mod wrapped;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use heist_core::patience::{LONGEST_WAIT, Waits};
use heist_core::services::report;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::{Condvar, Mutex, MutexGuard};
use heist_core::{CancelledError, ExceptionContext};
use heist_scheduler::TaskError;
use heist_sync::InvalidStateError;

pub(crate) use submitted::Promise;
pub use submitted::run_coroutine_threadsafe;
pub use wrapped::{WrappedFuture, wrap_future};

type DoneCallback<T> = Box<dyn FnOnce(&ThreadFuture<T>) + Send>;

/// What a thread waits for; Python's `concurrent.futures.Future`.
///
/// A handle: clones are the same future. The value is taken by the first who asks for it.
///
/// ```
/// let pool = heist::ThreadPoolExecutor::new(2);
/// let future = pool.submit(|| 6 * 7)?;
/// assert_eq!(future.result()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThreadFuture<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    done: Condvar,
    /// That it has ended, for a thread that waits awake. Relaxed: who sees it comes by the lock.
    hint: AtomicBool,
}

struct State<T> {
    stage: Stage<T>,
    cancelled: bool,
    callbacks: Vec<DoneCallback<T>>,
    /// Threads inside the wait for a notification.
    asleep: usize,
    /// Wrappers that wait, with their numbers.
    wakers: Vec<(usize, Waker)>,
}

enum Stage<T> {
    Pending,
    Running,
    Done(Result<T, TaskError>),
    /// The outcome was handed out.
    Taken,
}

impl<T> Stage<T> {
    fn is_done(&self) -> bool {
        matches!(self, Stage::Done(_) | Stage::Taken)
    }
}

/// Why [`ThreadFuture::result_timeout`] gave no value.
///
/// ```
/// use std::time::Duration;
/// use heist::{ThreadFuture, ThreadFutureError};
///
/// let nobody_sets_it = ThreadFuture::<u32>::new();
/// let ended = nobody_sets_it.result_timeout(Duration::from_millis(1));
/// assert!(matches!(ended, Err(ThreadFutureError::Timeout)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ThreadFutureError {
    /// The limit passed; the future goes on. asyncio: `TimeoutError`.
    Timeout,
    /// It has ended without a value.
    Failed(TaskError),
}

impl fmt::Display for ThreadFutureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("there was no result within the limit: wait longer, or cancel"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ThreadFutureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Timeout => None,
            Self::Failed(error) => Some(error),
        }
    }
}

const TAKEN: &str = "the result was taken before: the first who asks gets it";

impl<T> ThreadFuture<T> {
    /// A future that is pending. For executors; others get theirs from [`submit`](crate::ThreadPoolExecutor::submit) or
    /// [`run_coroutine_threadsafe`].
    ///
    /// ```
    /// let future = heist::ThreadFuture::new();
    /// future.set_result(42)?;
    /// assert_eq!(future.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Self {
        let (callbacks, wakers) = (Vec::new(), Vec::new());
        let state = State { stage: Stage::Pending, cancelled: false, callbacks, asleep: 0, wakers };
        let (state, done, hint) = (Mutex::new(state), Condvar::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { state, done, hint }) }
    }

    /// Blocks until there is a result, and takes it. Python: `result()`.
    ///
    /// Not for a thread that runs a loop: the loop would stand still. There, await [`wrap_future`].
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 42)?;
    /// assert_eq!(future.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TaskError`]: it was cancelled, its code panicked, or the result was taken before.
    pub fn result(&self) -> Result<T, TaskError> {
        take(&mut self.shared.wait(None))
    }

    /// As [`result`](Self::result), blocking for `limit` at most. Python: `result(timeout)`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 42)?;
    /// assert_eq!(future.result_timeout(std::time::Duration::from_secs(60))?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ThreadFutureError::Timeout`] when the limit passes: the future is as it was; else as [`result`](Self::result).
    pub fn result_timeout(&self, limit: Duration) -> Result<T, ThreadFutureError> {
        let mut state = self.shared.wait(Some(limit));
        if !state.stage.is_done() {
            return Err(ThreadFutureError::Timeout);
        }
        take(&mut state).map_err(ThreadFutureError::Failed)
    }

    /// Blocks until it has ended, and gives the text of what went wrong, if anything did. Leaves the result in place.
    /// Python: `exception()`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 42)?;
    /// assert_eq!(future.exception(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exception(&self) -> Option<String> {
        match &self.shared.wait(None).stage {
            Stage::Done(Err(error)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Cancels it, unless its code is running or has ended; `true` when it is cancelled now. Python: `cancel`.
    ///
    /// The future of [`run_coroutine_threadsafe`] can be cancelled until it has ended, and cancels its task.
    ///
    /// ```
    /// let future = heist::ThreadFuture::<u32>::new();
    /// assert!(future.cancel());
    /// assert!(future.result().is_err());
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_because(&CancelledError::default())
    }

    fn cancel_because(&self, error: &CancelledError) -> bool {
        {
            let mut state = self.shared.state.lock();
            match state.stage {
                Stage::Pending => {
                    state.stage = Stage::Done(Err(TaskError::cancelled(error.clone())));
                    state.cancelled = true;
                }
                _ => return state.cancelled,
            }
        }
        self.tell();
        true
    }

    /// Whether it was cancelled. Python: `cancelled`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::<u32>::new();
    /// assert!(!future.cancelled());
    /// future.cancel();
    /// assert!(future.cancelled());
    /// ```
    pub fn cancelled(&self) -> bool {
        self.shared.state.lock().cancelled
    }

    /// Whether its code is running now. Python: `running`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::<u32>::new();
    /// assert!(!future.running());
    /// future.set_running_or_notify_cancel();
    /// assert!(future.running());
    /// ```
    pub fn running(&self) -> bool {
        matches!(self.shared.state.lock().stage, Stage::Running)
    }

    /// Whether it has ended, one way or another. Python: `done`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::new();
    /// assert!(!future.done());
    /// future.set_result(42)?;
    /// assert!(future.done());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn done(&self) -> bool {
        self.shared.state.lock().stage.is_done()
    }

    /// Says, before its code begins, that it does; `false` when it was cancelled, and its code must not run. For executors.
    /// Python: `set_running_or_notify_cancel`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::<u32>::new();
    /// assert!(future.set_running_or_notify_cancel());
    /// assert!(!future.cancel(), "its code is running");
    /// ```
    pub fn set_running_or_notify_cancel(&self) -> bool {
        let mut state = self.shared.state.lock();
        if let Stage::Pending = state.stage {
            state.stage = Stage::Running;
        }
        matches!(state.stage, Stage::Running)
    }

    /// Completes it with a value. For executors. Python: `set_result`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when it has ended; the value is dropped.
    ///
    /// ```
    /// let future = heist::ThreadFuture::new();
    /// future.set_result(42)?;
    /// assert!(future.set_result(43).is_err());
    /// assert_eq!(future.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_result(&self, value: T) -> Result<(), InvalidStateError> {
        self.complete(Ok(value))
    }

    /// Completes it with an error. For executors. Python: `set_exception`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when it has ended.
    ///
    /// ```
    /// let failed = heist::run(async { heist::create_task(async { panic!("on fire") }).await.unwrap_err() });
    /// let future = heist::ThreadFuture::<u32>::new();
    /// future.set_exception(failed)?;
    /// assert!(future.exception().unwrap().contains("on fire"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_exception(&self, error: TaskError) -> Result<(), InvalidStateError> {
        self.complete(Err(error))
    }

    fn complete(&self, outcome: Result<T, TaskError>) -> Result<(), InvalidStateError> {
        {
            let mut state = self.shared.state.lock();
            if state.stage.is_done() {
                // The refused outcome is dropped with no lock held.
                drop(state);
                return Err(InvalidStateError::AlreadyDone);
            }
            state.cancelled = outcome.as_ref().is_err_and(TaskError::is_cancelled);
            state.stage = Stage::Done(outcome);
        }
        self.tell();
        Ok(())
    }

    /// Wakes all who wait for a future that has just ended, and calls its callbacks.
    fn tell(&self) {
        self.shared.hint.store(true, Ordering::Relaxed);
        let (callbacks, wakers, asleep) = {
            let mut state = self.shared.state.lock();
            (std::mem::take(&mut state.callbacks), std::mem::take(&mut state.wakers), state.asleep)
        };
        if asleep > 0 {
            self.shared.done.notify_all();
        }
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
        callbacks.into_iter().for_each(|callback| self.call(callback));
    }

    /// Calls a callback; a panic in it is reported, and the next is called.
    fn call(&self, callback: DoneCallback<T>) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(self))) {
            let context = ExceptionContext::new("a callback of a thread future failed").with_panic(&*payload);
            report(heist_core::services::current().as_deref(), &context);
        }
    }

    /// Has `callback` called with this future when it has ended: by the thread that completes or cancels it, or here if it
    /// has ended. Python: `add_done_callback`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 42)?;
    /// future.add_done_callback(|future| println!("{}", future.done()));
    /// assert_eq!(future.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&ThreadFuture<T>) + Send + 'static) {
        let callback: DoneCallback<T> = Box::new(callback);
        let mut state = self.shared.state.lock();
        if state.stage.is_done() {
            drop(state);
            self.call(callback);
        } else {
            state.callbacks.push(callback);
        }
    }

    /// Ready with the outcome, which is taken; `number` tells who asks from other wrappers.
    fn poll_result(&self, number: usize, cx: &Context<'_>) -> Poll<Result<T, TaskError>> {
        let mut state = self.shared.state.lock();
        if state.stage.is_done() {
            return Poll::Ready(take(&mut state));
        }
        let waker = cx.waker().clone();
        let before = match state.wakers.iter_mut().find(|(of, _)| *of == number) {
            Some((_, place)) => Some(std::mem::replace(place, waker)),
            None => {
                state.wakers.push((number, waker));
                None
            }
        };
        drop(state);
        drop(before);
        Poll::Pending
    }

    fn forget_waker(&self, number: usize) {
        let mut state = self.shared.state.lock();
        let place = state.wakers.iter().position(|(of, _)| *of == number);
        let waker = place.map(|place| state.wakers.swap_remove(place));
        drop(state);
        drop(waker);
    }
}

impl<T> Shared<T> {
    /// Blocks until it has ended, or `limit` has passed. A thread whose waits were short of late stays awake first
    /// (`heist_core::patience`).
    fn wait(&self, limit: Option<Duration>) -> MutexGuard<'_, State<T>> {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        Waits::of_thread(|waits| {
            let is_long = limit.is_none_or(|limit| limit > LONGEST_WAIT);
            if is_long && !self.hint.load(Ordering::Relaxed) && waits.may_wait() {
                waits.look_out(|| self.hint.load(Ordering::Relaxed));
            }
            let mut state = self.state.lock();
            if state.stage.is_done() {
                return state;
            }
            state.asleep += 1;
            let (mut state, _) = waits.timed(|| self.sleep(state, end));
            state.asleep -= 1;
            state
        })
    }

    /// Whether the time ran out stands beside.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        end: Option<Instant>,
    ) -> (MutexGuard<'a, State<T>>, bool) {
        while !state.stage.is_done() {
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.done.wait(state),
                Some(Duration::ZERO) => return (state, true),
                Some(left) => self.done.wait_timeout(state, left).0,
            };
        }
        (state, false)
    }
}

/// The outcome, if nobody has taken it.
fn take<T>(state: &mut State<T>) -> Result<T, TaskError> {
    match std::mem::replace(&mut state.stage, Stage::Taken) {
        Stage::Done(outcome) => outcome,
        _ => Err(TaskError::refused(TAKEN)),
    }
}

impl<T> Default for ThreadFuture<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for ThreadFuture<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for ThreadFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let stage = match state.stage {
            Stage::Pending => "pending",
            Stage::Running => "running",
            _ if state.cancelled => "cancelled",
            Stage::Done(_) | Stage::Taken => "finished",
        };
        f.debug_struct("ThreadFuture").field("state", &stage).finish()
    }
}
