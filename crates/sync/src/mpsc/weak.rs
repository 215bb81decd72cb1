//! A sender that does not keep its channel open.

use std::fmt;

use heist_core::sync::Arc;
use heist_core::sync::atomic::Ordering;

use super::sender::Sender;
use super::shared::Shared;

/// A handle on a channel that does not keep it open, from [`Sender::downgrade`].
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(1);
/// let weak = sender.downgrade();
/// weak.upgrade().expect("the sender is there").try_send(7).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.try_recv(), Ok(7));
/// assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
/// ```
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WeakSender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        // Relaxed: a figure.
        shared.weak.fetch_add(1, Ordering::Relaxed);
        Self { shared }
    }

    /// A sender, while there is still another one.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let weak = sender.downgrade();
    /// weak.upgrade().expect("the sender is there").try_send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.shared.try_add_sender().then(|| Sender { shared: self.shared.clone() })
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let weak = sender.downgrade();
    /// assert_eq!(weak.strong_count(), 1);
    /// drop(sender);
    /// assert_eq!(weak.strong_count(), 0);
    /// ```
    pub fn strong_count(&self) -> usize {
        self.shared.senders()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        // Relaxed: a figure.
        self.shared.weak.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").field("senders", &self.strong_count()).finish()
    }
}
