//! The half that looks at the value.

use std::fmt;

use heist_core::sync::Arc;
use heist_core::sync::atomic::Ordering;

use super::RecvError;
use super::changed::Changed;
use super::shared::{Ref, Shared, Version, wake_all};
use crate::ChannelStatistics;

/// The half of a [`channel`](super::channel) that looks at the value. Clones have seen what the original has.
///
/// ```
/// # use heist_sync::watch;
/// let (sender, mut receiver) = watch::channel(1);
/// let second = receiver.clone();
/// sender.send(2).unwrap();
/// assert_eq!(*receiver.borrow_and_update(), 2);
/// assert_eq!((receiver.has_changed(), second.has_changed()), (Ok(false), Ok(true)));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: Version,
}

impl<T> Receiver<T> {
    /// The one receiver that is counted from the beginning.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let seen = shared.version();
        Self { shared, seen }
    }

    pub(super) fn subscribe(shared: &Arc<Shared<T>>) -> Self {
        shared.receivers.fetch_add(1, Ordering::Relaxed);
        Self::new(shared.clone())
    }

    /// Looks at the value; one that was unseen stays so.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.seen)
    }

    /// Looks at the value, which is seen from now on.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.borrow(self.seen);
        self.seen = value.version;
        value
    }

    /// Waits until there is a value that this receiver has not seen; it is seen from then on.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once every sender is gone and the last value has been seen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: the value stays unseen.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # async fn f() -> Result<(), watch::RecvError> {
    /// let (sender, mut receiver) = watch::channel(0);
    /// sender.send_replace(7);
    /// receiver.changed().await?;
    /// assert_eq!(*receiver.borrow(), 7);
    /// # Ok(()) }
    /// ```
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed::new(&self.shared, &mut self.seen)
    }

    /// Waits for a value that fits, and gives it, seen and locked for reading; one that is there already is given at once.
    ///
    /// `fits` runs with the value locked: it must not change it.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once every sender is gone and the last value does not fit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no value; those that did not fit are seen.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # async fn f() -> Result<(), watch::RecvError> {
    /// let (sender, mut receiver) = watch::channel(0);
    /// sender.send_replace(7);
    /// assert_eq!(*receiver.wait_for(|value| *value > 5).await?, 7);
    /// # Ok(()) }
    /// ```
    pub async fn wait_for(&mut self, mut fits: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        let Self { shared, seen } = self;
        loop {
            if let Some(value) = look_for(shared, seen, &mut fits) {
                return Ok(value);
            }
            Changed::new(shared, seen).await?;
        }
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once every sender is gone and the last value has been seen.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, receiver) = watch::channel(1);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// let late = sender.subscribe();
    /// drop(sender);
    /// assert_eq!(late.has_changed(), Err(watch::RecvError));
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let version = self.shared.version();
        match !version.is_same(self.seen) {
            false if version.ended() => Err(RecvError),
            changed => Ok(changed),
        }
    }

    /// Has the value of now count as unseen.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # let run = std::pin::pin!(async {
    /// let (_sender, mut receiver) = watch::channel("config");
    /// receiver.mark_changed();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// assert_eq!(receiver.changed().await, Ok(()));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.version().before();
    }

    /// Has the value of now count as seen.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.mark_unchanged();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (_sender, receiver) = watch::channel(1);
    /// let _second = receiver.clone();
    /// let now = receiver.statistics();
    /// assert_eq!((now.values, now.senders, now.receivers), (1, 1, 2));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.shared.statistics()
    }

    /// Whether `other` looks at the same value.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (_sender, receiver) = watch::channel(1);
    /// let (_other_sender, other) = watch::channel(1);
    /// assert!(receiver.same_channel(&receiver.clone()));
    /// assert!(!receiver.same_channel(&other));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// The value, seen, if it fits.
fn look_for<'a, T>(
    shared: &'a Shared<T>,
    seen: &mut Version,
    fits: &mut impl FnMut(&T) -> bool,
) -> Option<Ref<'a, T>> {
    let value = shared.borrow(*seen);
    *seen = value.version;
    fits(&value).then_some(value)
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let mut clone = Self::subscribe(&self.shared);
        clone.seen = self.seen;
        clone
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Release pairs with the Acquire of those who look at the count.
        if self.shared.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            wake_all(&self.shared.closing);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("value", &self.borrow())
            .field("has_changed", &self.has_changed())
            .finish_non_exhaustive()
    }
}
