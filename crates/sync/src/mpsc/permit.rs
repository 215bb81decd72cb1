//! A slot that is claimed and holds no value yet.

use std::fmt;
use std::mem::{self, ManuallyDrop};

use super::sender::Sender;

/// A slot of a channel, from [`Sender::reserve`]; dropping it gives the slot back.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(1);
/// let permit: mpsc::Permit<'_, i32> = sender.try_reserve()?;
/// assert_eq!(sender.try_send(8), Err(mpsc::TrySendError::Full(8)));
/// permit.send(7);
/// assert_eq!(receiver.try_recv()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit holds a slot until it is used or dropped"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
}

impl<'a, T> Permit<'a, T> {
    /// The slot is claimed.
    pub(super) fn new(sender: &'a Sender<T>) -> Self {
        Self { sender }
    }

    /// Leaves the slot claimed, for another permit.
    pub(super) fn keep_slot(self) {
        mem::forget(self);
    }

    /// Sends the value. Where the receiver has gone since, the value is dropped.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// sender.try_reserve().unwrap().send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn send(self, value: T) {
        let sender = self.sender;
        self.keep_slot();
        sender.shared.send_reserved(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.sender.shared.unreserve();
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("sender", &self.sender).finish()
    }
}

/// A slot of a channel together with its sender, from [`Sender::reserve_owned`]; dropping it gives the slot back.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(1);
/// let permit: mpsc::OwnedPermit<i32> = sender.try_reserve_owned()?;
/// let thread = std::thread::spawn(move || drop(permit.send(7)));
/// assert_eq!(receiver.blocking_recv(), Some(7));
/// # thread.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit holds a slot until it is used or dropped"]
pub struct OwnedPermit<T> {
    /// Dropped, or moved out, together with the permit.
    sender: ManuallyDrop<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// The slot is claimed.
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender: ManuallyDrop::new(sender) }
    }

    /// The sender; the slot stays claimed.
    fn into_sender(self) -> Sender<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped or used again.
        unsafe { ManuallyDrop::take(&mut this.sender) }
    }

    /// Sends the value, and gives the sender back. Where the receiver has gone since, the value is dropped.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve_owned().unwrap();
    /// let sender = permit.send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # drop(sender);
    /// ```
    pub fn send(self, value: T) -> Sender<T> {
        let sender = self.into_sender();
        sender.shared.send_reserved(value);
        sender
    }

    /// Gives the slot back, and the sender.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let permit = sender.try_reserve_owned()?;
    /// let sender = permit.release();
    /// assert_eq!(sender.capacity(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn release(self) -> Sender<T> {
        let sender = self.into_sender();
        sender.shared.unreserve();
        sender
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        self.sender.shared.unreserve();
        // SAFETY: this is the permit's own drop, so the sender is not used again.
        unsafe { ManuallyDrop::drop(&mut self.sender) };
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &*self.sender).finish()
    }
}
