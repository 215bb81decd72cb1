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

/// A sending half of a channel. Clones send into the same channel.
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
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture { put: Put::new(&self.counted.queue, value) }
    }

    /// Sends a value if there is a free slot.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value, when the channel is full or closed.
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
