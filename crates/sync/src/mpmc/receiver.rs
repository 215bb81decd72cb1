//! The half that receives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use heist_core::sync::Arc;
use heist_core::sync::atomic::Ordering;
use pin_project_lite::pin_project;

use super::{Counted, RecvError, TryRecvError};
use crate::blocking::block_on;
use crate::queue::{Fifo, Get, GetNowaitError, Items};

/// A receiving half of a channel. Each value goes to one of the clones.
pub struct Receiver<T> {
    pub(super) counted: Arc<Counted<T>>,
}

impl<T> Receiver<T> {
    /// The receiver is counted.
    pub(super) fn new(counted: Arc<Counted<T>>) -> Self {
        Self { counted }
    }

    /// Receives the next value, waiting for one where there is none. Receivers are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once the channel is closed, or every sender is gone, and no value is left.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing; a turn that it had goes to the next receiver.
    pub fn recv(&self) -> Recv<'_, T> {
        Recv { get: Get::new(&self.counted.queue) }
    }

    /// The values as a stream, which ends when the channel does.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Self::recv).
    pub fn stream(&self) -> Values<'_, T> {
        Values { items: Items::new(&self.counted.queue) }
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none now, or none will come.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.counted.queue.get_nowait().map_err(|error| match error {
            GetNowaitError::Empty(_) => TryRecvError::Empty,
            GetNowaitError::ShutDown(_) => TryRecvError::Disconnected,
        })
    }

    /// As [`recv`](Self::recv), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn blocking_recv(&self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.counted.receivers.fetch_add(1, Ordering::Relaxed);
        Self { counted: self.counted.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.counted.remove_receiver();
    }
}

pin_project! {
    /// The future of [`Receiver::recv`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Recv<'a, T> {
        #[pin]
        get: Get<'a, T, Fifo>,
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().get.poll(cx).map(|got| got.map_err(|_shut_down| RecvError))
    }
}

pin_project! {
    /// The stream of [`Receiver::stream`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Values<'a, T> {
        #[pin]
        items: Items<'a, T, Fifo>,
    }
}

impl<T> Stream for Values<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().items.poll_next(cx)
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Values<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}
