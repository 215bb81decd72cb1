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
use crate::waitlist::Waiter;

/// A receiving half of a channel. Each value goes to one of the clones.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::bounded(8);
/// let crew = [receiver.clone(), receiver].map(|receiver| {
///     std::thread::spawn(move || std::iter::from_fn(|| receiver.blocking_recv().ok()).sum::<i32>())
/// });
/// (1..=10).try_for_each(|job| sender.blocking_send(job)).unwrap();
/// drop(sender);
/// assert_eq!(crew.map(|worker| worker.join().unwrap()).iter().sum::<i32>(), 55);
/// ```
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
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpmc::bounded(1);
    /// sender.send(7).await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Ok(7));
    /// assert_eq!(receiver.recv().await, Err(mpmc::RecvError));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn recv(&self) -> Recv<'_, T> {
        Recv { get: Get::new(&self.counted.queue, Waiter::new()) }
    }

    /// The values as a stream, which ends when the channel does.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Self::recv).
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # use futures_core::Stream;
    /// # use std::task::{Context, Poll, Waker};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (sender, receiver) = mpmc::bounded(1);
    /// sender.try_send(7).unwrap();
    /// drop(sender);
    /// let mut values = std::pin::pin!(receiver.stream());
    /// assert_eq!(values.as_mut().poll_next(&mut cx), Poll::Ready(Some(7)));
    /// assert_eq!(values.as_mut().poll_next(&mut cx), Poll::Ready(None));
    /// ```
    pub fn stream(&self) -> Values<'_, T> {
        Values { items: Items::new(&self.counted.queue) }
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none now, or none will come.
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// let (sender, receiver) = mpmc::bounded(1);
    /// assert_eq!(receiver.try_recv(), Err(mpmc::TryRecvError::Empty));
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(mpmc::TryRecvError::Disconnected));
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// let (sender, receiver) = mpmc::bounded(1);
    /// let thread = std::thread::spawn(move || sender.blocking_send(7));
    /// assert_eq!(receiver.blocking_recv(), Ok(7));
    /// assert_eq!(receiver.blocking_recv(), Err(mpmc::RecvError));
    /// # thread.join().unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = mpmc::bounded(1);
    /// sender.try_send(7).unwrap();
    /// let receiving: mpmc::Recv<'_, i32> = receiver.recv();
    /// assert_eq!(receiving.await, Ok(7));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::mpmc;
    /// # use futures_core::Stream;
    /// # use std::task::{Context, Poll, Waker};
    /// let (sender, receiver) = mpmc::bounded(1);
    /// let mut values: std::pin::Pin<&mut mpmc::Values<'_, i32>> = std::pin::pin!(receiver.stream());
    /// assert!(values.as_mut().poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
    /// # drop(sender);
    /// ```
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
