//! Errors that more than one primitive gives.

use std::fmt;
use std::sync::Arc;

/// What was awaited has been cancelled. asyncio: `CancelledError`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

/// The operation does not fit the state that the future is in. asyncio: `InvalidStateError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidStateError {
    /// There is no result yet: await the future, or ask `done()` first.
    NotDone,
    /// The future has its result, or is cancelled, already: it can be completed only once.
    AlreadyDone,
}

impl fmt::Display for InvalidStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDone => "the future has no result yet: await it, or ask done() first",
            Self::AlreadyDone => "the future is done already: a result can be set only once",
        })
    }
}

impl std::error::Error for InvalidStateError {}
