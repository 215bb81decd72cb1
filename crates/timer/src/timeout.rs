//! [`timeout`]: a limit on the time of a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::sleep::{Sleep, limit, sleep_until};

/// The time was up. asyncio: `TimeoutError`.
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

/// Gives `body` at most `delay`. asyncio: `timeout`, `wait_for`.
///
/// The body is polled first: a body that is ready at once, even with a zero delay, is never timed out, and no timer is
/// armed for it. When the time is up the body is dropped. A limit of a second or more costs no clock read; see [`limit`].
///
/// # Errors
///
/// [`TimeoutError`] when the time is up.
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
/// use heist_timer::{TimeoutError, timeout};
///
/// async fn patient() -> Result<(), TimeoutError> {
///     timeout(Duration::from_secs(5), pending()).await
/// }
/// # drop(patient());
/// ```
#[inline]
pub fn timeout<F: Future>(delay: Duration, body: F) -> Timeout<F> {
    Timeout { body: Some(body), sleep: limit(delay) }
}

/// As [`timeout`], until `deadline` in nanoseconds on the loop's clock. asyncio: `timeout_at`.
#[inline]
pub fn timeout_at<F: Future>(deadline: u64, body: F) -> Timeout<F> {
    Timeout { body: Some(body), sleep: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F> {
        #[pin]
        body: Option<F>,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The deadline, as [`Sleep::deadline`] gives it.
    pub fn deadline(&self) -> Option<u64> {
        self.sleep.deadline()
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimeoutError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            panic!("a Timeout was polled after it had ended");
        };
        if let Poll::Ready(output) = body.poll(cx) {
            this.body.set(None);
            return Poll::Ready(Ok(output));
        }
        // A sleep spends no budget, so a body that uses up every poll's is timed out all the same.
        ready!(Pin::new(this.sleep).poll(cx));
        this.body.set(None);
        Poll::Ready(Err(TimeoutError))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}
