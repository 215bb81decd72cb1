//! asyncio's Future: a result that somebody sets and many await.
//!
//! A lock around an outcome, a line of those who wait (`waitlist`), and a list of callbacks (`callbacks`). An error that
//! nobody has read when the last handle goes is reported, once: to the exception handler of the loop on which it was set,
//! else of the one where it is dropped, else to stderr.
//!
//! The name [`Future`] shadows the standard trait where it is imported, so it stays in this module.

mod callbacks;
mod describe;
mod forward;

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc as Shared;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::scope::Awaited;
use heist_core::services::{self, ExceptionContext, Services};
use heist_core::sync::{Arc, Mutex};
use pin_project_lite::pin_project;

use heist_core::{Awaitable, CancelledError};

use self::callbacks::Callbacks;
use self::forward::{Ended, Forward};
use crate::errors::InvalidStateError;
use crate::statistics::WaitStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

pub use heist_core::callback_id::CallbackId;

/// An error that was set on a future: shared, because many may read it.
///
/// ```
/// # use heist_sync::{create_future, future::Exception};
/// let future = create_future::<u32>();
/// future.set_exception("no answer")?;
/// let error: Exception = future.exception()?.expect("one was set");
/// assert_eq!(error.to_string(), "no answer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
#[track_caller]
pub fn create_future<T>() -> Future<T> {
    Future {
        cell: Arc::new(Mutex::new(Cell {
            outcome: None,
            waiters: WaitList::new(),
            extra: None,
            location: Location::caller(),
        })),
    }
}

/// A result that is set once and awaited by many. asyncio: `Future`.
///
/// A `Future` is a handle: clones share one result. It is awaited with `.await`, as itself or by reference, any number of
/// times, on any thread, under any executor.
///
/// ```
/// # use heist_sync::create_future;
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = pin!(future);
/// #     loop {
/// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
/// #             return output;
/// #         }
/// #     }
/// # }
/// # block_on(async {
/// let future = create_future();
/// future.set_result(7).unwrap();
/// assert_eq!((&future).await.unwrap(), 7);
/// assert_eq!(future.await.unwrap(), 7);
/// # });
/// ```
pub struct Future<T> {
    cell: Arc<Mutex<Cell<T>>>,
}

struct Cell<T> {
    outcome: Option<Outcome<T>>,
    waiters: WaitList,
    /// What most futures never have.
    extra: Option<Box<Extra<T>>>,
    location: &'static Location<'static>,
}

struct Extra<T> {
    callbacks: Callbacks<T>,
    /// An error was set and nobody has read it: whom to tell when it is dropped.
    unread: Option<Unread>,
    /// For the forwarders of those who wait.
    ended: Option<Shared<Ended>>,
}

impl<T> Cell<T> {
    fn extra(&mut self) -> &mut Extra<T> {
        self.extra
            .get_or_insert_with(|| Box::new(Extra { callbacks: Callbacks::new(), unread: None, ended: None }))
    }

    /// What tells a forwarder that the future is done; asked of a pending one.
    fn end(&mut self) -> Shared<Ended> {
        self.extra().ended.get_or_insert_default().clone()
    }

    /// Somebody knows of the error. What comes back may be the last to hold a loop's memory: it is to be dropped with no
    /// lock held.
    #[must_use = "drop it after the lock"]
    fn mark_read(&mut self) -> Option<Unread> {
        self.extra.as_mut()?.unread.take()
    }
}

/// The loop on whose worker an error was set, if it was one.
struct Unread(Option<Shared<dyn Services>>);

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        if let (Some(Unread(services)), Some(Outcome::Exception(error))) = (self.mark_read(), &self.outcome) {
            let context = ExceptionContext::new("the error of a future was never read")
                .with_exception(error.clone())
                .with_future(format!("Future created at {}", self.location))
                .with_source(self.location);
            services::report(services.or_else(services::current).as_deref(), &context);
        }
    }
}

#[derive(Clone)]
enum Outcome<T> {
    Value(T),
    Exception(Exception),
    Cancelled(CancelledError),
}

/// Why a future gave no value.
///
/// ```
/// # use heist_sync::{create_future, future::FutureError};
/// let future = create_future::<u32>();
/// assert!(matches!(future.result(), Err(FutureError::InvalidState(_))));
/// future.cancel();
/// assert!(matches!(future.result(), Err(FutureError::Cancelled(_))));
/// ```
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
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future();
    /// future.set_result(7)?;
    /// assert_eq!(future.result()?, 7);
    /// assert!(future.set_result(8).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_result(&self, value: T) -> Result<(), InvalidStateError> {
        self.complete(Outcome::Value(value))
    }

    /// As [`set_result`](Self::set_result), but does nothing, and drops the value, when the future was cancelled: for whoever
    /// completes it on behalf of a timer or of the system, when nobody may want it any more.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when the future is done otherwise.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future();
    /// future.cancel();
    /// assert!(future.set_result_unless_cancelled(7).is_ok());
    /// assert!(future.cancelled());
    /// ```
    pub fn set_result_unless_cancelled(&self, value: T) -> Result<(), InvalidStateError> {
        self.set_result(value).or_else(|error| if self.cancelled() { Ok(()) } else { Err(error) })
    }

    /// Sets an error as the outcome and wakes all who wait. asyncio: `set_exception`.
    ///
    /// # Errors
    ///
    /// [`InvalidStateError::AlreadyDone`] when the future is done.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future::<u32>();
    /// future.set_exception("no answer")?;
    /// assert_eq!(future.result().unwrap_err().to_string(), "no answer");
    /// # Ok::<(), heist_sync::InvalidStateError>(())
    /// ```
    pub fn set_exception(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), InvalidStateError> {
        self.complete(Outcome::Exception(Shared::from(error.into())))
    }

    /// Cancels the future and wakes all who wait; `false` when it was done already. asyncio: `cancel`.
    ///
    /// Who asks that of a failed future has seen it: its error is not reported as unread.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future::<u32>();
    /// assert!(future.cancel());
    /// assert!(!future.cancel());
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_by(CancelledError::default())
    }

    /// As [`cancel`](Self::cancel), with a message for those who wait. asyncio: `cancel(msg)`.
    ///
    /// ```
    /// # use heist_sync::{create_future, future::FutureError};
    /// let future = create_future::<u32>();
    /// future.cancel_with("too late");
    /// let Err(FutureError::Cancelled(error)) = future.result() else { panic!() };
    /// assert_eq!(error.message(), Some("too late"));
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.cancel_by(CancelledError::new(Some(message)))
    }

    /// Carries out what a wait was asked to pass on; counted as passed on, so also when the wait goes.
    #[cold]
    #[inline(never)]
    fn cancel_if_asked(&self, forward: &mut Forward) {
        if let Some(error) = forward.take_asked() {
            self.cancel_by(error);
        }
    }

    fn cancel_by(&self, error: CancelledError) -> bool {
        let cancelled = self.complete(Outcome::Cancelled(error)).is_ok();
        if !cancelled {
            let unread = self.cell.lock().mark_read();
            drop(unread);
        }
        cancelled
    }

    /// Whether there is a result, an error or a cancellation. asyncio: `done`.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future();
    /// assert!(!future.done());
    /// future.set_result(7)?;
    /// assert!(future.done());
    /// # Ok::<(), heist_sync::InvalidStateError>(())
    /// ```
    pub fn done(&self) -> bool {
        self.cell.lock().outcome.is_some()
    }

    /// How many wait for the result.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// # use std::{future::IntoFuture, pin::pin, task::{Context, Waker}};
    /// # use std::future::Future as _;
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let future = create_future::<i32>();
    /// let mut waits = pin!((&future).into_future());
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(future.statistics().waiting, 1);
    /// ```
    pub fn statistics(&self) -> WaitStatistics {
        WaitStatistics { waiting: self.cell.lock().waiters.waiting() }
    }

    /// Whether the future was cancelled. asyncio: `cancelled`.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future::<u32>();
    /// assert!(!future.cancelled());
    /// future.cancel();
    /// assert!(future.cancelled());
    /// ```
    pub fn cancelled(&self) -> bool {
        matches!(self.cell.lock().outcome, Some(Outcome::Cancelled(_)))
    }

    /// The outcome, without waiting. asyncio: `result`.
    ///
    /// # Errors
    ///
    /// [`FutureError`]: the error that was set, the cancellation, or [`InvalidStateError::NotDone`].
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future();
    /// assert!(future.result().is_err());
    /// future.set_result(7)?;
    /// assert_eq!(future.result()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn result(&self) -> Result<T, FutureError>
    where
        T: Clone,
    {
        let mut cell = self.cell.lock();
        // Dropped after the lock.
        let _unread = cell.mark_read();
        let outcome = match &cell.outcome {
            None => return Err(FutureError::InvalidState(InvalidStateError::NotDone)),
            // T's own `clone` runs with the lock held: it must not touch this future.
            Some(outcome) => outcome.clone(),
        };
        drop(cell);
        outcome.into_result()
    }

    /// The error that was set, `None` where there is a value, without waiting. asyncio: `exception`.
    ///
    /// # Errors
    ///
    /// [`FutureError`]: the cancellation, or [`InvalidStateError::NotDone`].
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future();
    /// assert!(future.exception().is_err());
    /// future.set_result(7)?;
    /// assert!(future.exception()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exception(&self) -> Result<Option<Exception>, FutureError> {
        let _unread;
        let mut cell = self.cell.lock();
        _unread = cell.mark_read();
        match &cell.outcome {
            None => Err(FutureError::InvalidState(InvalidStateError::NotDone)),
            Some(Outcome::Value(_)) => Ok(None),
            Some(Outcome::Exception(error)) => Ok(Some(error.clone())),
            Some(Outcome::Cancelled(error)) => Err(FutureError::Cancelled(error.clone())),
        }
    }

    /// What this is in the graph of who waits for whom. The same for all clones, as long as one of them lives.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let (one, other) = (create_future::<u32>(), create_future::<u32>());
    /// assert_eq!(one.awaited(), one.clone().awaited());
    /// assert_ne!(one.awaited(), other.awaited());
    /// ```
    pub fn awaited(&self) -> Awaited {
        self.cell.lock().end().awaited()
    }

    /// Waits for the outcome: what `.await` does, as a value.
    ///
    /// In a task of a loop the wait passes a cancellation of the task on to the future, which is cancelled for all who wait, and
    /// the task with it.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing; the future itself is not cancelled.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #             return output;
    /// #         }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let future = create_future();
    /// let waits = future.wait();
    /// future.set_result(7).unwrap();
    /// assert_eq!(waits.await.unwrap(), 7);
    /// # });
    /// ```
    pub fn wait(&self) -> Wait<T> {
        Wait { future: self.clone(), waiter: Waiter::new(), forward: Forward::new() }
    }

    #[inline]
    fn complete(&self, outcome: Outcome<T>) -> Result<(), InvalidStateError> {
        let mut batch = WakeBatch::new();
        let mut waits = Vec::new();
        let unread = matches!(outcome, Outcome::Exception(_)).then(|| Unread(services::current()));
        let has_callbacks;
        {
            let mut cell = self.cell.lock();
            if cell.outcome.is_some() {
                // The refused outcome is dropped with no lock held.
                drop(cell);
                return Err(InvalidStateError::AlreadyDone);
            }
            cell.outcome = Some(outcome);
            if unread.is_some() {
                cell.extra().unread = unread;
            }
            has_callbacks = cell.extra.as_mut().is_some_and(|extra| {
                if let Some(ended) = &extra.ended {
                    ended.set();
                }
                extra.callbacks.begin()
            });
            if has_callbacks {
                waits = callbacks::grant_all(&mut cell.waiters);
            } else {
                batch.grant_all(&mut cell.waiters);
            }
        }
        if has_callbacks {
            callbacks::deliver_in_order(self, waits);
            callbacks::deliver(self);
        } else {
            batch.wake();
        }
        Ok(())
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<T: Clone> IntoFuture for Future<T> {
    type Output = Result<T, FutureError>;
    type IntoFuture = Wait<T>;

    fn into_future(self) -> Wait<T> {
        Wait { future: self, waiter: Waiter::new(), forward: Forward::new() }
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
    ///
    /// ```
    /// # use heist_sync::{create_future, future::Wait};
    /// # let future = create_future::<u32>();
    /// let waits: Wait<u32> = future.wait();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Wait<T> {
        future: Future<T>,
        #[pin]
        waiter: Waiter,
        forward: Forward,
    }

    impl<T> PinnedDrop for Wait<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.forward.is_standing() {
                this.future.cancel_if_asked(this.forward);
            }
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
        if this.forward.is_standing() {
            if this.forward.is_raised() {
                return Poll::Pending;
            }
            this.future.cancel_if_asked(this.forward);
        }
        // What `turn` hands out is dropped after the lock.
        let (turn, _old, _unread);
        let outcome = {
            let mut cell = this.future.cell.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { cell.waiters.turn(this.waiter.as_mut(), cx.waker()) };
            _unread = cell.mark_read();
            match (&cell.outcome, turn) {
                // T's own `clone` runs with the lock held: it must not touch this future.
                (Some(outcome), _) => outcome.clone(),
                (None, Turn::Waiting) => {
                    let end = this.forward.asks_for_end().then(|| cell.end());
                    drop(cell);
                    this.forward.stand(cx, end);
                    return Poll::Pending;
                }
                (None, _) => {
                    let behind = cell.extra.as_ref().map_or(0, |extra| extra.callbacks.came());
                    // SAFETY: the waiter is idle, and leaves in `drop`.
                    unsafe { cell.waiters.enter_for(this.waiter, cx.waker().clone(), End::Back, behind) };
                    let end = this.forward.asks_for_end().then(|| cell.end());
                    drop(cell);
                    this.forward.stand(cx, end);
                    return Poll::Pending;
                }
            }
        };
        if this.forward.is_standing() && this.forward.ends(&outcome) {
            return Poll::Pending;
        }
        proceed.made_progress();
        Poll::Ready(outcome.into_result())
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
