//! The error of what was cancelled.

use std::fmt;
use std::sync::Arc;

/// What was awaited has been cancelled; asyncio's `CancelledError`.
///
/// ```
/// let error = heist_core::CancelledError::new(Some("enough"));
/// assert_eq!(error.to_string(), "cancelled: enough");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelledError {
    message: Option<Arc<str>>,
}

impl CancelledError {
    /// A cancellation, perhaps with the message of who cancelled.
    pub fn new(message: Option<&str>) -> Self {
        Self { message: message.map(Arc::from) }
    }

    /// What the one who cancelled had to say.
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
