//! asyncio's Future: a result that somebody sets and many await.
//!
//! The name [`Future`] shadows the standard trait where it is imported, so it stays in this module.

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc as Shared;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Arc, Mutex};
use pin_project_lite::pin_project;

use heist_core::{Awaitable, CancelledError};

use crate::errors::InvalidStateError;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// An error that was set on a future: shared, because many may read it.
pub type Exception = Shared<dyn Error + Send + Sync>;

/// Makes a future that has no result yet. asyncio: `loop.create_future()`.
///
/// ```
/// # use heist_sync::create_future;
/// let future = create_future();
/// let setter = future.clone();
/// setter.set_result("1")?;
/// assert_eq!(future.result()?, "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_future<T>() -> Future<T> {
    Future { cell: Arc::new(Mutex::new(Cell { outcome: None, waiters: WaitList::new() })) }
}

/// A result that is set once and awaited by many. asyncio: `Future`.
///
/// A `Future` is a handle: clones share one result. It is awaited with `.await`, as itself or by reference, any number of
/// times, on any thread, under any executor.
pub struct Future<T> {
    cell: Arc<Mutex<Cell<T>>>,
}

struct Cell<T> {
    outcome: Option<Outcome<T>>,
    waiters: WaitList,
}

#[derive(Clone)]
enum Outcome<T> {
    Value(T),
    Exception(Exception),
    Cancelled(CancelledError),
}

/// Why a future gave no value.
#[derive(Clone)]
#[non_exhaustive]
pub enum FutureError {
    /// It was cancelled.
    Cancelled(CancelledError),
    /// [`Future::set_exception`] was called with this error.
    Exception(Exception),
    /// It has no result yet; never from an await.
    InvalidState(InvalidStateError),
}

impl fmt::Debug for FutureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(error) => f.debug_tuple("Cancelled").field(error).finish(),
            Self::Exception(error) => f.debug_tuple("Exception").field(error).finish(),
            Self::InvalidState(error) => f.debug_tuple("InvalidState").field(error).finish(),
        }
    }
}

impl fmt::Display for FutureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(error) => error.fmt(f),
            Self::Exception(error) => error.fmt(f),
            Self::InvalidState(error) => error.fmt(f),
        }
    }
}

impl Error for FutureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled(error) => Some(error),
            Self::Exception(error) => Some(error.as_ref()),
            Self::InvalidState(error) => Some(error),
        }
    }
}

impl<T> Outcome<T> {
    fn into_result(self) -> Result<T, FutureError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Exception(error) => Err(FutureError::Exception(error)),
            Self::Cancelled(error) => Err(FutureError::Cancelled(error)),
        }
    }
}

impl<T> Future<T> {
    /// Sets the value and wakes all who wait. asyncio: `set_result`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when the future is done; the value is dropped.
    pub fn set_result(&self, value: T) -> Result<(), InvalidStateError> {
        self.complete(Outcome::Value(value))
    }

    /// Sets an error as the outcome and wakes all who wait. asyncio: `set_exception`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when the future is done.
    pub fn set_exception(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), InvalidStateError> {
        self.complete(Outcome::Exception(Shared::from(error.into())))
    }

    /// Cancels the future and wakes all who wait; `false` when it was done already. asyncio: `cancel`.
    pub fn cancel(&self) -> bool {
        self.complete(Outcome::Cancelled(CancelledError::default())).is_ok()
    }

    /// As [`cancel`](Self::cancel), with a message for those who wait. asyncio: `cancel(msg)`.
    pub fn cancel_with(&self, message: &str) -> bool {
        self.complete(Outcome::Cancelled(CancelledError::new(Some(message)))).is_ok()
    }

    /// Whether there is a result, an error or a cancellation. asyncio: `done`.
    pub fn done(&self) -> bool {
        self.cell.lock().outcome.is_some()
    }

    /// Whether the future was cancelled. asyncio: `cancelled`.
    pub fn cancelled(&self) -> bool {
        matches!(self.cell.lock().outcome, Some(Outcome::Cancelled(_)))
    }

    /// The outcome, without waiting. asyncio: `result`.
    ///
    /// # Errors
    ///
    /// [`FutureError`]: the error that was set, the cancellation, or [`InvalidStateError::NotDone`].
    pub fn result(&self) -> Result<T, FutureError>
    where
        T: Clone,
    {
        match &self.cell.lock().outcome {
            None => Err(FutureError::InvalidState(InvalidStateError::NotDone)),
            // T's own `clone` runs with the lock held: it must not touch this future.
            Some(outcome) => outcome.clone().into_result(),
        }
    }

    /// The error that was set, `None` where there is a value, without waiting. asyncio: `exception`.
    ///
    /// # Errors
    ///
    /// [`FutureError`]: the cancellation, or [`InvalidStateError::NotDone`].
    pub fn exception(&self) -> Result<Option<Exception>, FutureError> {
        match &self.cell.lock().outcome {
            None => Err(FutureError::InvalidState(InvalidStateError::NotDone)),
            Some(Outcome::Value(_)) => Ok(None),
            Some(Outcome::Exception(error)) => Ok(Some(error.clone())),
            Some(Outcome::Cancelled(error)) => Err(FutureError::Cancelled(error.clone())),
        }
    }

    /// Waits for the outcome: what `.await` does, as a value.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing; the future itself is not cancelled.
    pub fn wait(&self) -> Wait<T> {
        Wait { future: self.clone(), waiter: Waiter::new() }
    }

    fn complete(&self, outcome: Outcome<T>) -> Result<(), InvalidStateError> {
        let mut batch = WakeBatch::new();
        {
            let mut cell = self.cell.lock();
            if cell.outcome.is_some() {
                // The refused outcome is dropped with no lock held.
                drop(cell);
                return Err(InvalidStateError::AlreadyDone);
            }
            cell.outcome = Some(outcome);
            batch.grant_all(&mut cell.waiters);
        }
        batch.wake();
        Ok(())
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.cell.lock().outcome {
            None => "pending",
            Some(Outcome::Value(_)) => "finished",
            Some(Outcome::Exception(_)) => "failed",
            Some(Outcome::Cancelled(_)) => "cancelled",
        };
        f.debug_struct("Future").field("state", &state).finish()
    }
}

impl<T: Clone> IntoFuture for Future<T> {
    type Output = Result<T, FutureError>;
    type IntoFuture = Wait<T>;

    fn into_future(self) -> Wait<T> {
        Wait { future: self, waiter: Waiter::new() }
    }
}

impl<T: Clone> IntoFuture for &Future<T> {
    type Output = Result<T, FutureError>;
    type IntoFuture = Wait<T>;

    fn into_future(self) -> Wait<T> {
        self.wait()
    }
}

pin_project! {
    /// Waits for the outcome of a [`Future`]; made by `.await` or [`Future::wait`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Wait<T> {
        future: Future<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Wait<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.waiter.as_mut().entered() {
                // SAFETY: the waiter entered this list, if any; the lock is held. All waiters are granted at once, so a
                // turn needs no passing on.
                let left = unsafe { this.future.cell.lock().waiters.leave(this.waiter) };
                drop(left.waker);
            }
        }
    }
}

impl<T: Clone> std::future::Future for Wait<T> {
    type Output = Result<T, FutureError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let outcome = {
            let mut cell = this.future.cell.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { cell.waiters.turn(this.waiter.as_mut(), cx.waker()) };
            match (&cell.outcome, turn) {
                // T's own `clone` runs with the lock held: it must not touch this future.
                (Some(outcome), _) => outcome.clone(),
                (None, Turn::Waiting) => return Poll::Pending,
                (None, _) => {
                    // SAFETY: the waiter is idle, and leaves in `drop`.
                    unsafe { cell.waiters.enter(this.waiter, cx.waker(), End::Back) };
                    return Poll::Pending;
                }
            }
        };
        proceed.made_progress();
        Poll::Ready(outcome.into_result())
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("future", &self.future).finish_non_exhaustive()
    }
}

impl<T: Clone> Awaitable for Future<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}

impl<T: Clone> Awaitable for &Future<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn is_bare(&self) -> bool {
        false
    }
}
