//! The half that sends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_core::sync::Arc;
use heist_core::sync::atomic::Ordering;
use pin_project_lite::pin_project;

use super::{Counted, SendError, TrySendError};
use crate::blocking::block_on;
use crate::queue::{Fifo, Put, PutNowaitError};
use crate::waitlist::Waiter;

/// A sending half of a channel. Clones send into the same channel.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::bounded(4);
/// let second = sender.clone();
/// sender.try_send(1).unwrap();
/// second.try_send(2).unwrap();
/// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
/// ```
pub struct Sender<T> {
    pub(super) counted: Arc<Counted<T>>,
}

impl<T> Sender<T> {
    /// The sender is counted.
    pub(super) fn new(counted: Arc<Counted<T>>) -> Self {
        Self { counted }
    }

    /// Sends a value, waiting for a free slot where the channel is full. Senders are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, once the channel is closed or every receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has not sent, and a slot that it was promised goes to the next sender.
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpmc::bounded(1);
    /// assert_eq!(sender.send(7).await, Ok(()));
    /// assert_eq!(receiver.recv().await, Ok(7));
    /// drop(receiver);
    /// assert_eq!(sender.send(8).await, Err(mpmc::SendError(8)));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture { put: Put::new(&self.counted.queue, value, Waiter::new()) }
    }

    /// Sends a value if there is a free slot.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, when the channel is full or closed.
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// let (sender, receiver) = mpmc::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(mpmc::TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(mpmc::TrySendError::Closed(3)));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.counted.queue.put_nowait(value).map_err(|error| match error {
            PutNowaitError::Full(error) => TrySendError::Full(error.0),
            PutNowaitError::ShutDown(error) => TrySendError::Closed(error.0),
        })
    }

    /// As [`send`](Self::send), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// let (sender, receiver) = mpmc::bounded(1);
    /// let thread = std::thread::spawn(move || (0..3).try_for_each(|number| sender.blocking_send(number)));
    /// let all: Vec<i32> = std::iter::from_fn(|| receiver.blocking_recv().ok()).collect();
    /// assert_eq!(all, [0, 1, 2]);
    /// # thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.counted.senders.fetch_add(1, Ordering::Relaxed);
        Self { counted: self.counted.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.counted.remove_sender();
    }
}

pin_project! {
    /// The future of [`Sender::send`].
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpmc::bounded(1);
    /// let sending: mpmc::SendFuture<'_, i32> = sender.send(7);
    /// assert!(receiver.is_empty());
    /// assert_eq!(sending.await, Ok(()));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct SendFuture<'a, T> {
        #[pin]
        put: Put<'a, T, Fifo>,
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().put.poll(cx).map(|put| put.map_err(|error| SendError(error.0)))
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").finish_non_exhaustive()
    }
}
