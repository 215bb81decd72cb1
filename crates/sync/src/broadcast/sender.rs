//! The half that sends.

use std::fmt;

use heist_core::sync::Arc;

use super::SendError;
use super::receiver::Receiver;
use super::ring::Ring;
use crate::ChannelStatistics;

/// The sending half of a [`channel`](super::channel). Clones send into the same channel.
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Sender<T> {
    /// The sender that a new ring counts.
    pub(super) fn alone(ring: Arc<Ring<T>>) -> Self {
        Self { ring }
    }

    /// A channel whose ring keeps at most `capacity` values, with no receiver yet.
    pub fn new(capacity: usize) -> Self {
        super::channel(capacity).0
    }

    /// Sends a value to every receiver; never waits. Gives how many receivers there are.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, where there is no receiver. One may [`subscribe`](Self::subscribe) later.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.ring.send(value)
    }

    /// A new receiver, which sees what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.ring.clone())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.ring.receivers()
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.ring.senders()
    }

    /// How many values are in the ring: those that a receiver has yet to see.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether every value has been seen by every receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the channel is at: values, both sides, and who waits.
    pub fn statistics(&self) -> ChannelStatistics {
        self.ring.statistics()
    }

    /// Whether `other` sends into the same channel.
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
