//! The half that receives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Arc;
use pin_project_lite::pin_project;

use super::ring::Ring;
use super::{RecvError, TryRecvError};
use crate::ChannelStatistics;
use crate::blocking::block_on;
use crate::waitlist::Waiter;

/// A receiving half of a [`channel`](super::channel): it sees every value that is sent while it is there.
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
    /// The position of the value that it sees next.
    position: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        let position = ring.add_receiver();
        Self { ring, position }
    }

    /// A new receiver of the same channel, which sees what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        Self::new(self.ring.clone())
    }

    /// How many values are there that this receiver has not seen.
    pub fn len(&self) -> usize {
        self.ring.unseen(self.position)
    }

    /// Whether this receiver has seen all there is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every sender is gone. Values may be left.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.ring.senders()
    }

    /// What the channel is at: values, both sides, and who waits.
    pub fn statistics(&self) -> ChannelStatistics {
        self.ring.statistics()
    }

    /// Whether `other` receives from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next value, waiting for one where there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] with how many values this receiver has missed because it fell behind;
    /// [`RecvError::Closed`] once every sender is gone and all has been received.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// # async fn f() {
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// for number in 1..=3 {
    ///     sender.send(number).unwrap();
    /// }
    /// assert_eq!(receiver.recv().await, Err(broadcast::RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv().await, Ok(2));
    /// # }
    /// ```
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, waiter: Waiter::new() }
    }

    /// Receives the next value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none now, none will come, or this receiver fell behind.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.ring.try_recv(&mut self.position).map(own)
    }

    /// As [`recv`](Self::recv), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

/// A value of one's own: the last who looks needs no clone.
fn own<T: Clone>(value: std::sync::Arc<T>) -> T {
    std::sync::Arc::unwrap_or_clone(value)
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.ring.remove_receiver(self.position);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}

pin_project! {
    /// The future of [`Receiver::recv`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Recv<'a, T> {
        receiver: &'a mut Receiver<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { this.receiver.ring.leave(this.waiter) };
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let this = self.project();
        let Receiver { ring, position } = &mut **this.receiver;
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        let received = ready!(unsafe { ring.poll_recv(position, this.waiter, cx) });
        proceed.made_progress();
        Poll::Ready(received.map(own))
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
