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
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(4);
/// let threads = [1, 2].map(|number| {
///     let sender = sender.clone();
///     std::thread::spawn(move || sender.blocking_send(number))
/// });
/// assert_eq!(receiver.blocking_recv().zip(receiver.blocking_recv()).map(|(a, b)| a + b), Some(3));
/// # threads.map(|thread| thread.join().unwrap().unwrap());
/// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(mpsc::TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(mpsc::TrySendError::Closed(3)));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(value)
    }

    /// As [`send`](Self::send), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, once the receiver is closed or gone.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || (0..3).try_for_each(|number| sender.blocking_send(number)));
    /// let all: Vec<i32> = std::iter::from_fn(|| receiver.blocking_recv()).collect();
    /// assert_eq!(all, [0, 1, 2]);
    /// # thread.join().unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_reserve().is_err());
    /// permit.send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.clone().reserve_owned().await.unwrap();
    /// assert_eq!(sender.capacity(), 0);
    /// permit.send(7);
    /// assert_eq!(receiver.recv().await, Some(7));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.reserve().await?.keep_slot();
        Ok(OwnedPermit::new(self))
    }

    /// As [`try_reserve`](Self::try_reserve), with a permit that owns the sender.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the sender, when the channel is full or closed.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// let error = sender.try_reserve_owned().unwrap_err();
    /// assert!(matches!(error, mpsc::TrySendError::Full(_)));
    /// assert!(error.into_inner().same_channel(&permit.release()));
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpsc::channel::<i32>(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, waiter: Waiter::new() }
    }

    /// Whether the receiver is closed or gone, so that sending fails.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel::<i32>(1);
    /// assert!(!sender.is_closed());
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many values could be sent now without waiting.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(sender.capacity(), 3);
    /// receiver.try_recv().unwrap();
    /// assert_eq!(sender.capacity(), 4);
    /// ```
    pub fn capacity(&self) -> usize {
        self.shared.free()
    }

    /// How many values the channel holds at most.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(sender.max_capacity(), 4);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Whether `other` sends into the same channel.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let (other, _other_receiver) = mpsc::channel(1);
    /// assert!(sender.same_channel(&sender.clone()));
    /// assert!(!sender.same_channel(&other));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A handle that does not keep the channel open.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel::<i32>(1);
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(self.shared.clone())
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let second = sender.clone();
    /// let _weak = sender.downgrade();
    /// assert_eq!(second.strong_count(), 2);
    /// ```
    pub fn strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(4);
    /// let permit = sender.try_reserve().unwrap();
    /// let now = sender.statistics();
    /// assert_eq!((now.values, now.capacity, now.closed), (1, Some(4), false));
    /// # drop(permit);
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.shared.statistics()
    }

    /// How many weak senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, _receiver) = mpsc::channel::<i32>(1);
    /// let weak = sender.downgrade();
    /// assert_eq!(sender.weak_count(), 1);
    /// drop(weak);
    /// assert_eq!(sender.weak_count(), 0);
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, _receiver) = mpsc::channel(1);
    /// let sending: mpsc::SendFuture<'_, i32> = sender.send(7);
    /// assert_eq!(sending.await, Ok(()));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, _receiver) = mpsc::channel(1);
    /// let reserving: mpsc::Reserve<'_, i32> = sender.reserve();
    /// assert!(reserving.await.is_ok());
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpsc::channel(1);
    /// drop(receiver);
    /// let closed: mpsc::Closed<'_, i32> = sender.closed();
    /// closed.await;
    /// assert!(sender.is_closed());
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
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
