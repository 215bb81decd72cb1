//! [`SleepResult`]: a sleep that gives a value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::sleep::Sleep;

/// The future of [`Sleep::result`].
///
/// ```
/// # use std::time::Duration;
/// # use heist_timer::{SleepResult, sleep};
/// let waits: SleepResult<u32> = sleep(Duration::from_secs(1)).result(42);
/// # drop(waits);
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SleepResult<T> {
    sleep: Sleep,
    value: Option<T>,
}

// The value is only moved in and out.
impl<T> Unpin for SleepResult<T> {}

impl Sleep {
    /// Gives `value` when the sleep is over; asyncio's `sleep(delay, result)`.
    ///
    /// # Cancel safety
    ///
    /// As for the sleep; the value is dropped with the future.
    ///
    /// ```
    /// # use heist_timer as heist;
    /// # use std::time::Duration;
    /// async fn answer() -> u32 {
    ///     heist::sleep(Duration::from_secs(1)).result(42).await
    /// }
    /// # drop(answer());
    /// ```
    pub fn result<T>(self, value: T) -> SleepResult<T> {
        SleepResult { sleep: self, value: Some(value) }
    }
}

impl<T> Future for SleepResult<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        match self.value.take() {
            Some(value) => Poll::Ready(value),
            None => panic!("a sleep with a result was polled after it had given it"),
        }
    }
}

impl<T> fmt::Debug for SleepResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SleepResult").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}
