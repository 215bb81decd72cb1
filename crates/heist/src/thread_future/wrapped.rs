//! [`wrap_future`]: awaiting a thread's result.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::CancelledError;
use heist_core::scope::{Forwarder, raise};
use heist_core::sync::Mutex;
use heist_scheduler::TaskError;

use super::ThreadFuture;

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
///
/// ```
/// heist::run(async {
///     let future = heist::ThreadFuture::new();
///     let wrapped: heist::WrappedFuture<u32> = heist::wrap_future(&future);
///     std::thread::spawn(move || future.set_result(42));
///     assert_eq!(wrapped.await.unwrap(), 42);
/// });
/// ```
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
    ///
    /// ```
    /// heist::run(async {
    ///     let future = heist::ThreadFuture::<u32>::new();
    ///     let wrapped = heist::wrap_future(&future);
    ///     assert!(wrapped.cancel());
    ///     assert!(wrapped.await.unwrap_err().is_cancelled() && future.cancelled());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.own.cancel(&CancelledError::default())
    }

    /// Whether it, or the thread's future, was cancelled. asyncio: `cancelled`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::<u32>::new();
    /// let wrapped = heist::wrap_future(&future);
    /// assert!(!wrapped.cancelled());
    /// future.cancel();
    /// assert!(wrapped.cancelled());
    /// ```
    pub fn cancelled(&self) -> bool {
        self.own.cancelled.lock().is_some() || self.own.thread.cancelled()
    }

    /// Whether awaiting it would not suspend. asyncio: `done`.
    ///
    /// ```
    /// let future = heist::ThreadFuture::new();
    /// let wrapped = heist::wrap_future(&future);
    /// assert!(!wrapped.done());
    /// future.set_result(42)?;
    /// assert!(wrapped.done());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn done(&self) -> bool {
        self.own.cancelled.lock().is_some() || self.own.thread.done()
    }

    /// The thread's future.
    ///
    /// ```
    /// let wrapped = heist::wrap_future(&heist::ThreadFuture::new());
    /// wrapped.thread_future().set_result(42)?;
    /// assert!(wrapped.done());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
