//! Waiting for one thing for so long; asyncio's `wait_for`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heist_core::scope::{Scope, raise};
use heist_core::{Awaitable, CancelledError, Unawaited, budget};
use heist_timer::{Timeout, TimeoutError, timeout};
use pin_project_lite::pin_project;

/// Waits for a task or a future, for at most `limit`; `None` waits without limit. asyncio: `wait_for`.
///
/// When the time is up, what is waited for is cancelled, and its clean-up waited for, however long that takes. If it ends
/// with a value all the same, that is the value. A limit of zero takes the value of what has ended already; it cancels a
/// task that has not, and a future does not even begin.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let answer = heist::wait_for(async { 42 }, Duration::from_secs(1)).await;
///     assert_eq!(answer, Ok(42));
///     let task = heist::create_task(std::future::pending::<()>());
///     assert!(heist::wait_for(task, Duration::from_millis(1)).await.is_err());
/// });
/// ```
///
/// # Errors
///
/// [`TimeoutError`] when the time was up, and what was waited for ended cancelled for it. The error of a task that ended
/// otherwise is inside of `Ok`, with its value.
///
/// # Panics
///
/// As [`timeout`](heist_timer::timeout()).
///
/// # Cancel safety
///
/// One who is cancelled here cancels the task that is waited for, and waits for its end. Where the wait is dropped for any
/// other reason, a task runs on.
#[track_caller]
pub fn wait_for<A: Awaitable>(awaitable: A, limit: impl Into<Option<Duration>>) -> WaitFor<A::IntoFuture> {
    let way = match limit.into() {
        None => Way::Unlimited { future: awaitable.into_future() },
        Some(Duration::ZERO) if awaitable.is_done() => Way::Unlimited { future: awaitable.into_future() },
        Some(Duration::ZERO) if awaitable.is_bare() => Way::Refused,
        Some(Duration::ZERO) => {
            Way::Now { future: Scope::passing(awaitable.into_future()), begun: false, raised: false }
        }
        Some(limit) => Way::Limited { future: timeout(limit, awaitable) },
    };
    WaitFor { way, made: Unawaited::here() }
}

pin_project! {
    /// The future of [`wait_for`].
    ///
    /// ```
    /// use std::{future::{Ready, ready}, time::Duration};
    ///
    /// heist::run(async {
    ///     let waits: heist::WaitFor<Ready<u32>> = heist::wait_for(ready(42), Duration::from_secs(5));
    ///     assert_eq!(waits.await, Ok(42));
    /// });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitFor<F> {
        #[pin]
        way: Way<F>,
        made: Unawaited,
    }
}

pin_project! {
    #[project = WayProjected]
    enum Way<F> {
        // No limit, or there already.
        Unlimited { #[pin] future: F },
        Limited { #[pin] future: Timeout<F> },
        // The time is up, but something runs that is to be cancelled.
        Now { #[pin] future: Scope<F>, begun: bool, raised: bool },
        // The time is up, and nothing has begun.
        Refused,
    }
}

impl<F> fmt::Debug for WaitFor<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = match &self.way {
            Way::Unlimited { .. } => None,
            Way::Limited { future } => future.when(),
            Way::Now { .. } | Way::Refused => Some(Duration::ZERO),
        };
        f.debug_struct("WaitFor").field("until", &limit).finish_non_exhaustive()
    }
}

impl<F: Future> Future for WaitFor<F> {
    type Output = Result<F::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.made.polled();
        match this.way.project() {
            WayProjected::Unlimited { future } => future.poll(cx).map(Ok),
            WayProjected::Limited { future } => future.poll(cx),
            WayProjected::Now { future, begun, raised } => poll_now(future, begun, raised, cx),
            WayProjected::Refused => Poll::Ready(Err(TimeoutError)),
        }
    }
}

/// Cancels at once, and waits for the end.
fn poll_now<F: Future>(
    mut future: Pin<&mut Scope<F>>,
    begun: &mut bool,
    raised: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, TimeoutError>> {
    if *raised {
        return Poll::Pending;
    }
    if !*begun {
        // Without budget the await would not yet say whom it awaits, and there were nobody to cancel.
        let _ = ready!(budget::poll_proceed(cx));
        *begun = true;
        if let Poll::Ready(Ok(value)) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        if !future.is_over() {
            future.as_mut().cancel(&CancelledError::default());
        }
    }
    if future.is_over() {
        return Poll::Ready(Err(TimeoutError));
    }
    match ready!(future.as_mut().poll(cx)) {
        Ok(value) => Poll::Ready(Ok(value)),
        Err(error) if future.asked_from_outside() => {
            *raised = raise(error);
            Poll::Pending
        }
        Err(_) => Poll::Ready(Err(TimeoutError)),
    }
}
