//! [`timeout`]: a limit on the time of a future.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heist_core::CancelledError;
use heist_core::clock::NEVER;
use heist_core::scope::{Scope, raise};
use pin_project_lite::pin_project;

use crate::sleep::{Sleep, limit, sleep_until};

/// The time was up. asyncio: `TimeoutError`.
///
/// ```
/// # use heist_timer::TimeoutError;
/// let error = std::io::Error::from(TimeoutError);
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeoutError;

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has passed before the operation was done")
    }
}

impl std::error::Error for TimeoutError {}

impl From<TimeoutError> for std::io::Error {
    fn from(error: TimeoutError) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, error)
    }
}

/// Gives `body` at most `delay`; `None` sets no limit. asyncio: `timeout`.
///
/// For a limit that can be moved, and for a look at whether it has passed, there is `timeout_scope`.
///
/// When the time is up, the body is cancelled: parts of it that can answer (`catch_cancelled`, `try_finally`, groups) do,
/// tasks and futures that it awaits are cancelled, and all that is waited for. Where there is nothing of that kind, the
/// body is dropped at once. If it still ends with a value, that is the value.
///
/// The body is polled first: one that is ready at once, even with a zero delay, is never timed out, and no timer is
/// armed for it. A limit of a second or more costs no clock read; see [`limit`](crate::limit()).
///
/// # Errors
///
/// [`TimeoutError`] when the time was up and the body was cancelled for it. A cancellation of the task around is passed on,
/// not converted.
///
/// # Panics
///
/// The future panics when its body is pending at the first poll and there is no event loop around it.
///
/// # Cancel safety
///
/// Dropping the future drops the body.
///
/// ```
/// # use std::{future::pending, time::Duration};
/// # use heist_timer as heist;
/// use heist::{TimeoutError, timeout};
///
/// async fn patient() -> Result<(), TimeoutError> {
///     timeout(Duration::from_secs(5), pending()).await
/// }
/// # drop(patient());
/// ```
#[inline]
pub fn timeout<F: IntoFuture>(delay: impl Into<Option<Duration>>, body: F) -> Timeout<F::IntoFuture> {
    let sleep = limit(delay.into().unwrap_or(Duration::MAX));
    Timeout::new(body.into_future(), sleep)
}

/// As [`timeout`], until `deadline` in nanoseconds on the loop's clock; [`NEVER`] sets no limit. asyncio: `timeout_at`.
///
/// ```
/// # use heist_timer::timeout_at;
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
/// // The deadline has passed, but the body is ready at once.
/// assert_eq!(timeout_at(0, async { 42 }).await, Ok(42));
/// # });
/// ```
#[inline]
pub fn timeout_at<F: IntoFuture>(deadline: u64, body: F) -> Timeout<F::IntoFuture> {
    Timeout::new(body.into_future(), sleep_until(deadline))
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// ```
    /// # use std::{future::{Ready, ready}, time::Duration};
    /// # use heist_timer::{Timeout, timeout};
    /// let limited: Timeout<Ready<u32>> = timeout(Duration::from_secs(5), ready(42));
    /// # drop(limited);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F> {
        #[pin]
        body: Scope<F>,
        sleep: Sleep,
        // A cancellation from outside was passed on: this never ends.
        raised: bool,
    }
}

impl<F> Timeout<F> {
    fn new(body: F, sleep: Sleep) -> Self {
        Self { body: Scope::passing(body), sleep, raised: false }
    }

    /// The deadline, as [`Sleep::deadline`] gives it; `None` also where there is no limit.
    ///
    /// ```
    /// # use heist_timer::{timeout, timeout_at};
    /// assert_eq!(timeout_at(5, async {}).deadline(), Some(5));
    /// assert_eq!(timeout(None, async {}).deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<u64> {
        self.sleep.deadline().filter(|&deadline| deadline != NEVER)
    }

    /// The deadline in the loop's time, as [`deadline`](Self::deadline) has it. asyncio: `Timeout.when`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_timer::timeout_at;
    /// let limited = timeout_at(2_000_000_000, async {});
    /// assert_eq!(limited.when(), Some(Duration::from_secs(2)));
    /// ```
    pub fn when(&self) -> Option<Duration> {
        self.deadline().map(Duration::from_nanos)
    }

    /// Whether the time was up before the body had ended.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_timer::timeout;
    /// assert!(!timeout(Duration::from_secs(5), async {}).expired());
    /// ```
    pub fn expired(&self) -> bool {
        self.body.is_cancelled()
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimeoutError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // A deadline that has passed comes before a body that is ready by now, as in asyncio.
        if this.sleep.is_elapsed() {
            return expired(this.body, this.raised, cx);
        }
        match this.body.as_mut().poll_here(cx) {
            Poll::Ready(Ok(output)) => return Poll::Ready(Ok(output)),
            Poll::Ready(Err(error)) => {
                *this.raised = raise(error);
                return Poll::Pending;
            }
            Poll::Pending => {}
        }
        // A sleep spends no budget, so a body that uses up every poll's is timed out all the same.
        ready!(Pin::new(this.sleep).poll(cx));
        expired(this.body, this.raised, cx)
    }
}

/// The time is up: cancels the body, once, and polls it until it has ended.
#[cold]
fn expired<F: Future>(
    mut body: Pin<&mut Scope<F>>,
    raised: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, TimeoutError>> {
    if *raised {
        return Poll::Pending;
    }
    if !body.is_cancelled() {
        body.as_mut().cancel(&CancelledError::default());
    }
    match ready!(body.as_mut().poll(cx)) {
        Ok(output) => Poll::Ready(Ok(output)),
        Err(error) if body.asked_from_outside() => {
            *raised = raise(error);
            Poll::Pending
        }
        Err(_) => Poll::Ready(Err(TimeoutError)),
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}
