//! The senders of a channel without limit.

use std::fmt;

use super::sender::{Closed, Sender};
use super::weak::WeakSender;
use super::{SendError, TrySendError};
use crate::ChannelStatistics;

/// The sending half of an [`unbounded_channel`](super::unbounded_channel). Clones send into the same channel.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver): (mpsc::UnboundedSender<i32>, _) = mpsc::unbounded_channel();
/// (0..1000).try_for_each(|number| sender.send(number))?;
/// assert_eq!(receiver.len(), 1000);
/// assert_eq!(receiver.try_recv()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// assert_eq!(sender.send(7), Ok(()));
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(receiver);
    /// assert_eq!(sender.send(8), Err(mpsc::SendError(8)));
    /// ```
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.sender.try_send(value).map_err(|error| SendError(TrySendError::into_inner(error)))
    }

    /// Waits until the receiver is closed or gone; ready at once where it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpsc::unbounded_channel::<i32>();
    /// drop(receiver);
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        self.sender.closed()
    }

    /// Whether the receiver is closed or gone, so that sending fails.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::unbounded_channel::<i32>();
    /// assert!(!sender.is_closed());
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether `other` sends into the same channel.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::unbounded_channel::<i32>();
    /// let (other, _other_receiver) = mpsc::unbounded_channel();
    /// assert!(sender.same_channel(&sender.clone()));
    /// assert!(!sender.same_channel(&other));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender.same_channel(&other.sender)
    }

    /// A handle that does not keep the channel open.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::unbounded_channel::<i32>();
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { weak: self.sender.downgrade() }
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::unbounded_channel::<i32>();
    /// let second = sender.clone();
    /// assert_eq!(second.strong_count(), 2);
    /// drop(second);
    /// assert_eq!(sender.strong_count(), 1);
    /// ```
    pub fn strong_count(&self) -> usize {
        self.sender.strong_count()
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::unbounded_channel();
    /// sender.send(7).unwrap();
    /// let now = sender.statistics();
    /// assert_eq!((now.values, now.capacity, now.senders), (1, None, 1));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.sender.statistics()
    }

    /// How many weak senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::unbounded_channel::<i32>();
    /// let weak = sender.downgrade();
    /// assert_eq!(sender.weak_count(), 1);
    /// drop(weak);
    /// assert_eq!(sender.weak_count(), 0);
    /// ```
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
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// let weak: mpsc::WeakUnboundedSender<i32> = sender.downgrade();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
/// ```
pub struct WeakUnboundedSender<T> {
    weak: WeakSender<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, while there is still another one.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// let weak = sender.downgrade();
    /// weak.upgrade().expect("the sender is there").send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.weak.upgrade().map(UnboundedSender::new)
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::unbounded_channel::<i32>();
    /// let weak = sender.downgrade();
    /// assert_eq!(weak.strong_count(), 1);
    /// drop(sender);
    /// assert_eq!(weak.strong_count(), 0);
    /// ```
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
