//! The half that sends.

use std::fmt;

use heist_core::sync::Arc;

use super::SendError;
use super::receiver::Receiver;
use super::ring::Ring;
use crate::ChannelStatistics;

/// The sending half of a [`channel`](super::channel). Clones send into the same channel.
///
/// ```
/// # use heist_sync::broadcast;
/// let (sender, mut receiver) = broadcast::channel(4);
/// let second = sender.clone();
/// sender.send("a").unwrap();
/// second.send("b").unwrap();
/// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok("a"), Ok("b")));
/// ```
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Sender<T> {
    /// The sender that a new ring counts.
    pub(super) fn alone(ring: Arc<Ring<T>>) -> Self {
        Self { ring }
    }

    /// A channel whose ring keeps at most `capacity` values, with no receiver yet.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let sender = broadcast::Sender::new(4);
    /// assert_eq!(sender.receiver_count(), 0);
    /// let mut receiver = sender.subscribe();
    /// assert_eq!(sender.send(7), Ok(1));
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn new(capacity: usize) -> Self {
        super::channel(capacity).0
    }

    /// Sends a value to every receiver; never waits. Gives how many receivers there are.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, where there is no receiver. One may [`subscribe`](Self::subscribe) later.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, receiver) = broadcast::channel(4);
    /// let second = sender.subscribe();
    /// assert_eq!(sender.send(7), Ok(2));
    /// drop((receiver, second));
    /// assert_eq!(sender.send(8), Err(broadcast::SendError(8)));
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.ring.send(value)
    }

    /// A new receiver, which sees what is sent from now on.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, _receiver) = broadcast::channel(4);
    /// sender.send("before").unwrap();
    /// let mut late = sender.subscribe();
    /// sender.send("after").unwrap();
    /// assert_eq!(late.try_recv(), Ok("after"));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.ring.clone())
    }

    /// How many receivers there are.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, receiver) = broadcast::channel::<i32>(4);
    /// assert_eq!(sender.receiver_count(), 1);
    /// drop(receiver);
    /// assert_eq!(sender.receiver_count(), 0);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.ring.receivers()
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, _receiver) = broadcast::channel::<i32>(4);
    /// let second = sender.clone();
    /// assert_eq!(sender.strong_count(), 2);
    /// drop(second);
    /// assert_eq!(sender.strong_count(), 1);
    /// ```
    pub fn strong_count(&self) -> usize {
        self.ring.senders()
    }

    /// How many values are in the ring: those that a receiver has yet to see.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send("a").unwrap();
    /// sender.send("b").unwrap();
    /// assert_eq!(sender.len(), 2);
    /// receiver.try_recv().unwrap();
    /// assert_eq!(sender.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether every value has been seen by every receiver.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut first) = broadcast::channel(4);
    /// let mut second = sender.subscribe();
    /// sender.send(7).unwrap();
    /// first.try_recv().unwrap();
    /// assert!(!sender.is_empty());
    /// second.try_recv().unwrap();
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, _receiver) = broadcast::channel::<i32>(4);
    /// let _second = sender.subscribe();
    /// let now = sender.statistics();
    /// assert_eq!((now.values, now.capacity, now.receivers), (0, Some(4), 2));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.ring.statistics()
    }

    /// Whether `other` sends into the same channel.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, _receiver) = broadcast::channel::<i32>(4);
    /// assert!(sender.same_channel(&sender.clone()));
    /// assert!(!sender.same_channel(&broadcast::Sender::new(4)));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.ring.add_sender();
        Self { ring: self.ring.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.ring.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.ring.capacity)
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish()
    }
}
