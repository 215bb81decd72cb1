//! The error of what was cancelled.

use std::fmt;
use std::sync::Arc;

use crate::scope::Raise;

/// What was awaited has been cancelled; asyncio's `CancelledError`.
///
/// ```
/// # use heist_core as heist;
/// let error = heist::CancelledError::new(Some("enough"));
/// assert_eq!(error.to_string(), "cancelled: enough");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelledError {
    message: Option<Arc<str>>,
}

impl CancelledError {
    /// A cancellation, perhaps with the message of who cancelled.
    ///
    /// ```
    /// # use heist_core as heist;
    /// use heist::CancelledError;
    ///
    /// assert_eq!(CancelledError::new(None).to_string(), "cancelled");
    /// assert_eq!(CancelledError::new(Some("too slow")).to_string(), "cancelled: too slow");
    /// ```
    pub fn new(message: Option<&str>) -> Self {
        Self { message: message.map(Arc::from) }
    }

    /// Goes on with the cancellation: Python's bare `raise` in an `except CancelledError`.
    ///
    /// The nearest scope around it ends with this error; without one, the task ends cancelled. The future never ends: what
    /// awaits it is dropped. Outside of a heist task it waits for ever.
    ///
    /// ```no_run
    /// # use heist_core as heist;
    /// # async fn tidy_up() {}
    /// async fn careful(error: heist::CancelledError) -> u32 {
    ///     tidy_up().await;
    ///     error.resume().await
    /// }
    /// ```
    pub async fn resume(self) -> ! {
        match Raise::new(self).await {}
    }

    /// What the one who cancelled had to say.
    ///
    /// ```
    /// # use heist_core as heist;
    /// let error = heist::CancelledError::new(Some("too slow"));
    /// assert_eq!(error.message(), Some("too slow"));
    /// ```
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for CancelledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            None => f.write_str("cancelled"),
            Some(message) => write!(f, "cancelled: {message}"),
        }
    }
}

impl std::error::Error for CancelledError {}
