//! What a receiver is told instead of a value.

use std::error::Error;
use std::fmt;

/// Why `recv` gave no value.
///
/// ```
/// # use heist_sync::broadcast;
/// let (sender, mut receiver) = broadcast::channel(1);
/// sender.send("old").unwrap();
/// sender.send("new").unwrap();
/// drop(sender);
/// assert_eq!(receiver.blocking_recv(), Err(broadcast::RecvError::Lagged(1)));
/// assert_eq!(receiver.blocking_recv(), Ok("new"));
/// assert_eq!(receiver.blocking_recv(), Err(broadcast::RecvError::Closed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecvError {
    /// Every sender is gone, and what they sent has been received.
    Closed,
    /// The receiver fell behind, and this many values are lost to it. The next call gives the oldest that is there.
    Lagged(u64),
}

/// Why `try_recv` gave no value.
///
/// ```
/// # use heist_sync::broadcast;
/// let (sender, mut receiver) = broadcast::channel::<i32>(1);
/// assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Closed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// There is none now.
    Empty,
    /// Every sender is gone, and what they sent has been received.
    Closed,
    /// The receiver fell behind, and this many values are lost to it. The next call gives the oldest that is there.
    Lagged(u64),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
            RecvError::Lagged(missed) => Self::Lagged(missed),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TryRecvError::from(*self).fmt(f)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no new value: await recv() to wait for one"),
            Self::Closed => f.write_str("no value will come: every sender is gone"),
            Self::Lagged(missed) => {
                write!(
                    f,
                    "the receiver fell behind by {missed} values: receive faster, or give a larger capacity"
                )
            }
        }
    }
}

impl Error for RecvError {}

impl Error for TryRecvError {}
