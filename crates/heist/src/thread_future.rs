//! A result on its way between threads and loops; Python's `concurrent.futures.Future`.
//!
//! Vocabulary:
//!
//! * a [`ThreadFuture`] is the thread side: it is waited for by blocking, and completed by any thread;
//! * a [`WrappedFuture`] is the loop's side of one: it is awaited, and cancelling it cancels the thread side, if that has
//!   not begun;
//! * [`run_coroutine_threadsafe`] goes the other way: a thread waits for what a loop computes.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use heist_core::scope::{Forwarder, raise};
use heist_core::services::report;
use heist_core::sync::{Condvar, Mutex};
use heist_core::{CancelledError, ExceptionContext};
use heist_scheduler::{Handle, TaskError};
use heist_sync::InvalidStateError;

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
}

struct State<T> {
    stage: Stage<T>,
    cancelled: bool,
    callbacks: Vec<DoneCallback<T>>,
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

const CLOSED: &str = "the event loop is closed and runs nothing any more: make a new one";
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
        let state =
            State { stage: Stage::Pending, cancelled: false, callbacks: Vec::new(), wakers: Vec::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), done: Condvar::new() }) }
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
        let mut state = self.shared.state.lock();
        while !state.stage.is_done() {
            state = self.shared.done.wait(state);
        }
        take(&mut state)
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
        let end = Instant::now().checked_add(limit);
        let mut state = self.shared.state.lock();
        while !state.stage.is_done() {
            state = match end {
                None => self.shared.done.wait(state),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(ThreadFutureError::Timeout);
                    }
                    self.shared.done.wait_timeout(state, left).0
                }
            };
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
        let mut state = self.shared.state.lock();
        while !state.stage.is_done() {
            state = self.shared.done.wait(state);
        }
        match &state.stage {
            Stage::Done(Err(error)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Cancels it, unless its code is running or has ended; `true` when it is cancelled now. Python: `cancel`.
    ///
    /// The future of [`run_coroutine_threadsafe`] can be cancelled until it has ended, and cancels its task.
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
    pub fn cancelled(&self) -> bool {
        self.shared.state.lock().cancelled
    }

    /// Whether its code is running now. Python: `running`.
    pub fn running(&self) -> bool {
        matches!(self.shared.state.lock().stage, Stage::Running)
    }

    /// Whether it has ended, one way or another. Python: `done`.
    pub fn done(&self) -> bool {
        self.shared.state.lock().stage.is_done()
    }

    /// Says, before its code begins, that it does; `false` when it was cancelled, and its code must not run. For executors.
    /// Python: `set_running_or_notify_cancel`.
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
    pub fn set_result(&self, value: T) -> Result<(), InvalidStateError> {
        self.complete(Ok(value))
    }

    /// Completes it with an error. For executors. Python: `set_exception`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when it has ended.
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
        self.shared.done.notify_all();
        let (callbacks, wakers) = {
            let mut state = self.shared.state.lock();
            (std::mem::take(&mut state.callbacks), std::mem::take(&mut state.wakers))
        };
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

// ---- awaiting a thread's result ---------------------------------------------------------------------------------------

/// Makes a thread's future awaitable; asyncio's `wrap_future`.
///
/// Awaiting it takes the result. Cancelling it, or the task that awaits it, cancels the thread's future if its code has not
/// begun; the code itself is never interrupted. When the thread's future is cancelled, so is this.
///
/// ```
/// let pool = heist::ThreadPoolExecutor::new(1);
/// let future = pool.submit(|| 7)?;
/// assert_eq!(heist::run(heist::wrap_future(&future))?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// What [`ThreadFuture::result`] gives.
///
/// # Cancel safety
///
/// Dropping it leaves the thread's future as it is, its result in place.
pub fn wrap_future<T: Send + 'static>(future: &ThreadFuture<T>) -> WrappedFuture<T> {
    let own = Own { cancelled: Mutex::new(None), thread: future.clone() };
    WrappedFuture { own: Arc::new(own), forwarder: Forwarder::new(), raised: false }
}

/// The future of [`wrap_future`] and of [`run_in_executor`](crate::run_in_executor).
#[must_use = "the work has begun; await this for its result"]
pub struct WrappedFuture<T: Send + 'static> {
    own: Arc<Own<T>>,
    forwarder: Forwarder,
    /// The cancellation was passed on to the task: this never ends.
    raised: bool,
}

/// What a wrapper has of its own: it may be cancelled where the thread's future is not.
struct Own<T> {
    cancelled: Mutex<Option<CancelledError>>,
    thread: ThreadFuture<T>,
}

impl<T> Own<T> {
    /// Its own number, for the list of wakers.
    fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn poll_cancelled(&self) -> Poll<Result<T, TaskError>> {
        match &*self.cancelled.lock() {
            Some(error) => Poll::Ready(Err(TaskError::cancelled(error.clone()))),
            None => Poll::Pending,
        }
    }

    fn cancel(&self, error: &CancelledError) -> bool {
        {
            let mut cancelled = self.cancelled.lock();
            if cancelled.is_some() {
                return false;
            }
            *cancelled = Some(error.clone());
        }
        if !self.thread.cancel_because(error) {
            // It runs on, or has ended: who waits here is told apart from it.
            let waker = {
                let state = self.thread.shared.state.lock();
                state.wakers.iter().find(|(of, _)| *of == self.number()).map(|(_, waker)| waker.clone())
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        true
    }
}

impl<T: Send + 'static> heist_core::scope::CancelTarget for Own<T> {
    fn cancel(&self, error: &CancelledError) -> bool {
        Own::cancel(self, error)
    }
}

impl<T: Send + 'static> WrappedFuture<T> {
    /// Cancels it: awaiting gives a cancellation. The thread's future is cancelled too if its code has not begun; a result that
    /// is there stays there. `false` when it was cancelled before. asyncio: `cancel`.
    pub fn cancel(&self) -> bool {
        self.own.cancel(&CancelledError::default())
    }

    /// Whether it, or the thread's future, was cancelled. asyncio: `cancelled`.
    pub fn cancelled(&self) -> bool {
        self.own.cancelled.lock().is_some() || self.own.thread.cancelled()
    }

    /// Whether awaiting it would not suspend. asyncio: `done`.
    pub fn done(&self) -> bool {
        self.own.cancelled.lock().is_some() || self.own.thread.done()
    }

    /// The thread's future.
    pub fn thread_future(&self) -> &ThreadFuture<T> {
        &self.own.thread
    }
}

impl<T: Send + 'static> Future for WrappedFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.raised {
            return Poll::Pending;
        }
        let number = this.own.number();
        // A wrapper that is cancelled takes nothing. And once more after the waker is in its place: whoever cancels from
        // then on finds it.
        let mut polled = this.own.poll_cancelled();
        if polled.is_pending() {
            polled = this.own.thread.poll_result(number, cx);
        }
        if polled.is_pending() {
            polled = this.own.poll_cancelled();
        }
        let Poll::Ready(outcome) = polled else {
            let own = &this.own;
            this.forwarder.pending(cx, || own.clone());
            return Poll::Pending;
        };
        let forwarded = this.forwarder.done();
        match outcome {
            Err(error) if forwarded && error.is_cancelled() => {
                let error = error.into_cancelled().unwrap_or_default();
                if raise(error.clone()) {
                    this.raised = true;
                    return Poll::Pending;
                }
                Poll::Ready(Err(TaskError::cancelled(error)))
            }
            outcome => Poll::Ready(outcome),
        }
    }
}

impl<T: Send + 'static> Drop for WrappedFuture<T> {
    fn drop(&mut self) {
        self.own.thread.forget_waker(self.own.number());
    }
}

impl<T: Send + 'static> fmt::Debug for WrappedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedFuture").field("thread", &self.own.thread).finish_non_exhaustive()
    }
}

// ---- waiting for a loop's result -------------------------------------------------------------------------------------

/// Has the loop of `handle` run `future` as a task, and gives a future that a plain thread can wait for; asyncio's
/// `run_coroutine_threadsafe`.
///
/// Cancelling what it gives cancels the task; a task that is cancelled in the loop cancels it.
///
/// ```
/// heist::run(async {
///     let handle = heist::Handle::current().unwrap();
///     let thread = heist::to_thread(move || {
///         let future = heist::run_coroutine_threadsafe(async { 6 * 7 }, &handle);
///         future.result().unwrap()
///     });
///     assert_eq!(thread.await.unwrap(), 42);
/// });
/// ```
///
/// # Errors
///
/// What it gives fails when the loop is closed, or when `future`'s conversion into a future panics (which is reported to the
/// loop's exception handler, too).
#[track_caller]
pub fn run_coroutine_threadsafe<F>(future: F, handle: &Handle) -> ThreadFuture<F::Output>
where
    F: IntoFuture + Send + 'static,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    let result = ThreadFuture::new();
    let promise = Promise(result.clone());
    let inside = handle.clone();
    if handle.is_closed() {
        promise.complete(Err(TaskError::refused(CLOSED)));
        return result;
    }
    // A loop that is closed before it comes to the callback drops it, and the promise cancels.
    let _ = handle.call_soon_threadsafe(move || {
        if promise.0.done() {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| future.into_future())) {
            Ok(future) => begin(future, promise, &inside),
            Err(payload) => {
                let context = ExceptionContext::new("a task for another thread could not be created");
                inside.call_exception_handler(&context.with_panic(&*payload).with_source(location));
                promise.complete(Err(TaskError::panicked(payload)));
            }
        }
    });
    result
}

/// Creates the task, in the loop, and ties both ends together.
fn begin<F>(future: F, promise: Promise<F::Output>, handle: &Handle)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let result = promise.0.clone();
    let task = handle.create_task(async move {
        let promise = promise;
        let mut future = pin!(future);
        let outcome = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(TaskError::panicked(payload))),
        });
        promise.complete(outcome.await);
    });
    let task = task.task_ref();
    result.add_done_callback(move |result| {
        if result.cancelled() {
            task.cancel();
        }
    });
}

/// The right to complete a thread's future: one that is dropped unused cancels it.
pub(crate) struct Promise<T>(pub(crate) ThreadFuture<T>);

impl<T> Promise<T> {
    pub(crate) fn complete(&self, outcome: Result<T, TaskError>) {
        // Done already: it was cancelled, and nobody wants the outcome.
        let _ = self.0.complete(outcome);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let _ = self.0.complete(Err(TaskError::cancelled(CancelledError::default())));
    }
}
