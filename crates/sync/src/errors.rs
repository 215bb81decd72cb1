//! Errors that more than one primitive gives.

use std::fmt;

/// The operation does not fit the state that the future is in. asyncio: `InvalidStateError`.
///
/// ```
/// # use heist_sync::{InvalidStateError, create_future};
/// let future = create_future();
/// assert_eq!(future.set_result(1), Ok(()));
/// assert_eq!(future.set_result(2), Err(InvalidStateError::AlreadyDone));
/// ```
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
