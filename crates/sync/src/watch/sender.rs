//! The half that changes the value.

use std::fmt;
use std::mem;

use heist_core::sync::Arc;
use heist_core::sync::atomic::Ordering;

use super::SendError;
use super::changed::Closed;
use super::receiver::Receiver;
use super::shared::{Ref, Shared};
use crate::ChannelStatistics;

/// The half of a [`channel`](super::channel) that changes the value. Clones change the same one.
///
/// ```
/// # use heist_sync::watch;
/// let (sender, receiver) = watch::channel(0);
/// let second = sender.clone();
/// sender.send_modify(|value| *value += 1);
/// second.send_modify(|value| *value += 1);
/// assert_eq!(*receiver.borrow(), 2);
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// The one sender that is counted from the beginning.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Replaces the value and wakes those who wait for a change.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the new value, where there is no receiver: the old one stays. [`send_replace`](Self::send_replace)
    /// does not mind.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// assert_eq!(sender.send(2), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(3), Err(watch::SendError(3)));
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Replaces the value, whether or not somebody looks, and gives the old one.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// drop(receiver);
    /// assert_eq!(sender.send_replace(2), 1);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn send_replace(&self, value: T) -> T {
        self.shared.modify(|old| (true, mem::replace(old, value)))
    }

    /// Changes the value in place, whether or not somebody looks, and wakes those who wait.
    ///
    /// `change` runs with the value locked: it must not look at this channel.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(vec!["a"]);
    /// sender.send_modify(|list| list.push("b"));
    /// assert_eq!(*receiver.borrow(), ["a", "b"]);
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// ```
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.shared.modify(|value| (true, change(value)));
    }

    /// Changes the value in place; `change` says whether that counts as a change, which is given back.
    ///
    /// `change` runs with the value locked: it must not look at this channel.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// let raise = |to: i32| sender.send_if_modified(|value| to > std::mem::replace(value, to.max(*value)));
    /// assert_eq!((raise(0), receiver.has_changed()), (false, Ok(false)));
    /// assert_eq!((raise(5), receiver.has_changed()), (true, Ok(true)));
    /// ```
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        self.shared.modify(|value| {
            let changed = change(value);
            (changed, changed)
        })
    }

    /// Looks at the value.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, _receiver) = watch::channel(1);
    /// assert_eq!(*sender.borrow(), 1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.shared.version())
    }

    /// A new receiver, which has seen the value of now.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, _) = watch::channel(1);
    /// sender.send_replace(2);
    /// let receiver = sender.subscribe();
    /// assert_eq!((*receiver.borrow(), receiver.has_changed()), (2, Ok(false)));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::subscribe(&self.shared)
    }

    /// Waits until there is no receiver; ready at once where there is none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = watch::channel(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// assert_eq!(sender.receiver_count(), 0);
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(&self.shared)
    }

    /// Whether there is no receiver.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// How many receivers there are.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// let second = sender.subscribe();
    /// assert_eq!(sender.receiver_count(), 2);
    /// drop((receiver, second));
    /// assert_eq!(sender.receiver_count(), 0);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Ordering::Acquire)
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, _receiver) = watch::channel(1);
    /// let second = sender.clone();
    /// assert_eq!(sender.sender_count(), 2);
    /// drop(second);
    /// assert_eq!(sender.sender_count(), 1);
    /// ```
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed)
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// drop(receiver);
    /// let now = sender.statistics();
    /// assert_eq!((now.values, now.senders, now.receivers), (1, 1, 0));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.shared.statistics()
    }

    /// Whether `other` changes the same value.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, _receiver) = watch::channel(1);
    /// assert!(sender.same_channel(&sender.clone()));
    /// assert!(!sender.same_channel(&watch::channel(1).0));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: the last one passes on what all before it did.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.end();
        }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        super::channel(T::default()).0
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("value", &self.borrow())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}
