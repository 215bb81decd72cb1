//! The senders of a channel without limit.

use std::fmt;

use super::sender::{Closed, Sender};
use super::weak::WeakSender;
use super::{SendError, TrySendError};
use crate::ChannelStatistics;

/// The sending half of an [`unbounded_channel`](super::unbounded_channel). Clones send into the same channel.
pub struct UnboundedSender<T> {
    sender: Sender<T>,
}

impl<T> UnboundedSender<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender }
    }

    /// Sends a value; never waits.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, once the receiver is closed or gone.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.sender.try_send(value).map_err(|error| SendError(TrySendError::into_inner(error)))
    }

    /// Waits until the receiver is closed or gone; ready at once where it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> Closed<'_, T> {
        self.sender.closed()
    }

    /// Whether the receiver is closed or gone, so that sending fails.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether `other` sends into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender.same_channel(&other.sender)
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { weak: self.sender.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.sender.strong_count()
    }

    /// What the channel is at: values, both sides, and who waits.
    pub fn statistics(&self) -> ChannelStatistics {
        self.sender.statistics()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.sender.weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedSender").field(&self.sender).finish()
    }
}

/// A handle on an unbounded channel that does not keep it open, from [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    weak: WeakSender<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, while there is still another one.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.weak.upgrade().map(UnboundedSender::new)
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.weak.strong_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { weak: self.weak.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakUnboundedSender").field(&self.weak).finish()
    }
}
