//! The half that receives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Arc;
use pin_project_lite::pin_project;

use super::place::Place;
use super::ring::Ring;
use super::{RecvError, TryRecvError};
use crate::ChannelStatistics;
use crate::blocking::block_on;
use crate::waitlist::Waiter;

/// A receiving half of a [`channel`](super::channel): it sees every value that is sent while it is there.
///
/// ```
/// # use heist_sync::broadcast;
/// let (sender, mut early) = broadcast::channel(4);
/// sender.send(1).unwrap();
/// let mut late = sender.subscribe();
/// sender.send(2).unwrap();
/// assert_eq!((early.try_recv(), early.try_recv()), (Ok(1), Ok(2)));
/// assert_eq!(late.try_recv(), Ok(2));
/// ```
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
    place: Place<T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        let place = ring.add_receiver();
        Self { ring, place }
    }

    /// A new receiver of the same channel, which sees what is sent from now on.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, first) = broadcast::channel(4);
    /// sender.send(1).unwrap();
    /// let mut second = first.resubscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!((first.len(), second.len()), (2, 1));
    /// assert_eq!(second.try_recv(), Ok(2));
    /// ```
    pub fn resubscribe(&self) -> Self {
        Self::new(self.ring.clone())
    }

    /// How many values are there that this receiver has not seen.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send("a").unwrap();
    /// sender.send("b").unwrap();
    /// assert_eq!(receiver.len(), 2);
    /// receiver.try_recv().unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.ring.unseen(&self.place)
    }

    /// Whether this receiver has seen all there is.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// assert!(!receiver.is_empty());
    /// receiver.try_recv().unwrap();
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every sender is gone. Values may be left.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// assert!(!receiver.is_closed());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, receiver) = broadcast::channel::<i32>(4);
    /// let second = sender.clone();
    /// assert_eq!(receiver.sender_strong_count(), 2);
    /// drop((sender, second));
    /// assert_eq!(receiver.sender_strong_count(), 0);
    /// ```
    pub fn sender_strong_count(&self) -> usize {
        self.ring.senders()
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// let now = receiver.statistics();
    /// assert_eq!((now.values, now.senders, now.receivers), (1, 1, 1));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        self.ring.statistics()
    }

    /// Whether `other` receives from the same channel.
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (_sender, receiver) = broadcast::channel::<i32>(4);
    /// let (_other_sender, other) = broadcast::channel(4);
    /// assert!(receiver.same_channel(&receiver.resubscribe()));
    /// assert!(!receiver.same_channel(&other));
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.ring.try_recv(&mut self.place)
    }

    /// As [`recv`](Self::recv), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// let thread = std::thread::spawn(move || sender.send(7));
    /// assert_eq!(receiver.blocking_recv(), Ok(7));
    /// assert_eq!(receiver.blocking_recv(), Err(broadcast::RecvError::Closed));
    /// # thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.ring.remove_receiver(&mut self.place);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}

pin_project! {
    /// The future of [`Receiver::recv`].
    ///
    /// ```
    /// # use heist_sync::broadcast;
    /// # let run = std::pin::pin!(async {
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// let receiving: broadcast::Recv<'_, i32> = receiver.recv();
    /// assert_eq!(receiving.await, Ok(7));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Recv<'a, T> {
        receiver: &'a mut Receiver<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.waiter.as_mut().entered() {
                // SAFETY: only `poll` below has put the waiter into a list.
                unsafe { this.receiver.ring.leave(this.waiter) };
            }
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        let Receiver { ring, place } = &mut **this.receiver;
        let is_new = !this.waiter.as_mut().entered();
        let received = match is_new.then(|| ring.see(place)).flatten() {
            Some(value) => Ok(value),
            // SAFETY: the waiter enters no other list, and leaves in `drop`.
            None => ready!(unsafe { ring.poll_recv(place, this.waiter, cx) }),
        };
        proceed.made_progress();
        Poll::Ready(received)
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
