//! The sending half of a bounded channel, and the futures that it gives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_core::sync::Arc;
use pin_project_lite::pin_project;

use super::permit::{OwnedPermit, Permit};
use super::shared::Shared;
use super::weak::WeakSender;
use super::{SendError, TrySendError};
use crate::ChannelStatistics;
use crate::blocking::block_on;
use crate::waitlist::Waiter;

/// The sending half of a [`channel`](super::channel). Clones send into the same channel.
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, waiting for a free slot where the channel is full. Senders are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, once the receiver is closed or gone.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has not sent, and a slot that it was promised goes to the next sender. The
    /// value is dropped with it: where it must not be, [`reserve`](Self::reserve) first.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # async fn f() -> Result<(), mpsc::SendError<i32>> {
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// sender.send(7).await?;
    /// assert_eq!(receiver.recv().await, Some(7));
    /// # Ok(()) }
    /// ```
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture { shared: &self.shared, value: Some(value), waiter: Waiter::new() }
    }

    /// Sends a value if there is a free slot that no sender waits for.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, when the channel is full or closed.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(value)
    }

    /// As [`send`](Self::send), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, once the receiver is closed or gone.
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(value)) => block_on(self.send(value)),
            Err(TrySendError::Closed(value)) => Err(SendError(value)),
        }
    }

    /// Claims a slot, waiting for one where the channel is full; [`Permit::send`] then cannot fail.
    ///
    /// # Errors
    ///
    /// [`SendError`] once the receiver is closed or gone.
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Self::send).
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # async fn f() -> Result<(), mpsc::SendError<()>> {
    /// # let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.reserve().await?;
    /// permit.send(7);
    /// assert_eq!(receiver.recv().await, Some(7));
    /// # Ok(()) }
    /// ```
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve { sender: self, waiter: Waiter::new() }
    }

    /// Claims a slot if there is a free one that no sender waits for.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] when the channel is full or closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.shared.try_reserve()?;
        Ok(Permit::new(self))
    }

    /// As [`reserve`](Self::reserve), with a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// [`SendError`] once the receiver is closed or gone.
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Self::send); the sender is dropped.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.reserve().await?.keep_slot();
        Ok(OwnedPermit::new(self))
    }

    /// As [`try_reserve`](Self::try_reserve), with a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the sender, when the channel is full or closed.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.shared.try_reserve() {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Waits until the receiver is closed or gone; ready at once where it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, waiter: Waiter::new() }
    }

    /// Whether the receiver is closed or gone, so that sending fails.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many values could be sent now without waiting.
    pub fn capacity(&self) -> usize {
        self.shared.free()
    }

    /// How many values the channel holds at most.
    pub fn max_capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Whether `other` sends into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(self.shared.clone())
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// What the channel is at: values, both sides, and who waits.
    pub fn statistics(&self) -> ChannelStatistics {
        self.shared.statistics()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.weak.load(heist_core::sync::atomic::Ordering::Relaxed)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.add_sender();
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("senders", &self.strong_count())
            .field("waiting_senders", &self.shared.waiting_senders())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::send`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct SendFuture<'a, T> {
        shared: &'a Shared<T>,
        value: Option<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for SendFuture<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { this.shared.leave(this.waiter) };
        }
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(this.value.is_some(), "a SendFuture was polled after it had ended");
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        let sent = unsafe { this.shared.poll_send(this.waiter, cx, this.value) };
        // A value that is still here was not sent.
        sent.map(|_| this.value.take().map_or(Ok(()), |value| Err(SendError(value))))
    }
}

pin_project! {
    /// The future of [`Sender::reserve`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Reserve<'a, T> {
        sender: &'a Sender<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Reserve<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { this.sender.shared.leave(this.waiter) };
        }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        let claimed = unsafe { this.sender.shared.poll_send(this.waiter, cx, &mut None) };
        claimed.map(|claimed| match claimed {
            Ok(()) => Ok(Permit::new(this.sender)),
            Err(()) => Err(SendError(())),
        })
    }
}

pin_project! {
    /// The future of [`Sender::closed`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Closed<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Closed<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { this.shared.leave_closing(this.waiter) };
        }
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        unsafe { this.shared.poll_closed(this.waiter, cx) }
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").field("ended", &self.value.is_none()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Reserve<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}
