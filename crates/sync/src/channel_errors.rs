//! What can go wrong with a channel. Each error about a value that did not go in carries it back.

use std::error::Error;
use std::fmt;

/// One text for channels that are closed for good and for a broadcast, which a new receiver would open again.
const NO_RECEIVER: &str =
    "no receiver is left to take the value: end the sender, or keep a receiver while values are sent";

/// Nobody can receive any more; holds the value.
///
/// ```
/// use heist_sync::{broadcast, broadcast::SendError};
///
/// let (sender, receiver) = broadcast::channel(4);
/// drop(receiver);
/// assert_eq!(sender.send("lost"), Err(SendError("lost")));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_RECEIVER)
    }
}

impl<T> Error for SendError<T> {}

/// Why a `try_send` did not send; holds the value.
///
/// ```
/// use heist_sync::mpsc::{self, TrySendError};
///
/// let (sender, receiver) = mpsc::channel(1);
/// sender.try_send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// drop(receiver);
/// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrySendError<T> {
    /// There is no free slot, or those that are free are promised to senders that wait.
    Full(T),
    /// Nobody can receive any more.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    ///
    /// ```
    /// use heist_sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel(1);
    /// sender.try_send("first").unwrap();
    /// let kept = sender.try_send("second").unwrap_err().into_inner();
    /// assert_eq!(kept, "second");
    /// ```
    pub fn into_inner(self) -> T {
        let (Self::Full(value) | Self::Closed(value)) = self;
        value
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the channel is full: await send() to wait for a free slot",
            Self::Closed(_) => NO_RECEIVER,
        })
    }
}

impl<T> Error for TrySendError<T> {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

/// Why a `try_recv` gave no value.
///
/// ```
/// use heist_sync::mpsc::{self, TryRecvError};
///
/// let (sender, mut receiver) = mpsc::channel::<u32>(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// There is none now.
    Empty,
    /// There is none, and none will come.
    Disconnected,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the channel is empty: await recv() to wait for a value",
            Self::Disconnected => "the channel is closed and empty: no value will come",
        })
    }
}

impl Error for TryRecvError {}
