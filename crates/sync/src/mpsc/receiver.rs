//! The receiving half of a channel.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use heist_core::budget::poll_proceed;
use heist_core::sync::Arc;

use super::TryRecvError;
use super::shared::{Fetch, Shared};
use crate::ChannelStatistics;
use crate::blocking::block_on;

/// The receiving half of a [`channel`](super::channel) or an [`unbounded_channel`](super::unbounded_channel).
///
/// It is a `Stream` of the values. Dropping it closes the channel and drops what is in it.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(4);
/// sender.try_send("a")?;
/// sender.try_send("b")?;
/// drop(sender);
/// let all: Vec<_> = std::iter::from_fn(|| receiver.blocking_recv()).collect();
/// assert_eq!(all, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// What has been fetched and not handed out yet. Each value in it keeps its slot.
    batch: VecDeque<T>,
}

/// The receiving half of an [`unbounded_channel`](super::unbounded_channel): the same type.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver): (_, mpsc::UnboundedReceiver<i32>) = mpsc::unbounded_channel();
/// sender.send(7)?;
/// assert_eq!(receiver.try_recv()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type UnboundedReceiver<T> = Receiver<T>;

// SAFETY: through a shared reference values are counted, never reached.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, batch: VecDeque::new() }
    }

    /// Receives the next value, waiting for one where there is none; `None` once the channel is closed, or every sender is
    /// gone, and no value is left. A permit that is out at a closed channel may still bring a value, and is waited for.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # async fn f() {
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(7).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some(7));
    /// assert_eq!(receiver.recv().await, None);
    /// # }
    /// ```
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, waits: false }
    }

    /// Receives as many values as there are, at most `limit`, into `buffer`; waits for the first. Gives how many: none only
    /// where the limit is zero or the channel has ended.
    ///
    /// # Cancel safety
    ///
    /// As for [`recv`](Self::recv).
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # let run = std::pin::pin!(async {
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// (1..=3).try_for_each(|number| sender.send(number)).unwrap();
    /// let mut numbers = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut numbers, 2).await, 2);
    /// assert_eq!(numbers, [1, 2]);
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    pub fn recv_many<'a>(&'a mut self, buffer: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany { receiver: self, buffer, limit, waits: false }
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none now, or none will come.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.next(None) {
            Fetch::Some(value) => Ok(value),
            Fetch::None => Err(TryRecvError::Empty),
            Fetch::End => Err(TryRecvError::Disconnected),
        }
    }

    /// As [`recv`](Self::recv), blocking the thread: for code outside of tasks.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || sender.blocking_send(7));
    /// assert_eq!(receiver.blocking_recv(), Some(7));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// # thread.join().unwrap().unwrap();
    /// ```
    pub fn blocking_recv(&mut self) -> Option<T> {
        match self.try_recv() {
            Ok(value) => Some(value),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => block_on(self.recv()),
        }
    }

    /// As [`recv_many`](Self::recv_many), blocking the thread: for code outside of tasks.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send("a").unwrap();
    /// sender.send("b").unwrap();
    /// let mut words = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut words, 10), 2);
    /// assert_eq!(words, ["a", "b"]);
    /// ```
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }

    /// Polls for the next value: for futures that are written by hand.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # use std::task::{Context, Poll, Waker};
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert_eq!(receiver.poll_recv(&mut cx), Poll::Pending);
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.poll_recv(&mut cx), Poll::Ready(Some(7)));
    /// ```
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let proceed = ready!(poll_proceed(cx));
        let value = match self.next(Some(cx.waker())) {
            Fetch::Some(value) => Some(value),
            Fetch::None => return Poll::Pending,
            Fetch::End => None,
        };
        proceed.made_progress();
        Poll::Ready(value)
    }

    /// Polls for as many values as there are, at most `limit`, and puts them into `buffer`: see
    /// [`recv_many`](Self::recv_many).
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// # use std::task::{Context, Poll, Waker};
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// let (mut cx, mut numbers) = (Context::from_waker(Waker::noop()), Vec::new());
    /// assert_eq!(receiver.poll_recv_many(&mut cx, &mut numbers, 8), Poll::Pending);
    /// (1..=3).try_for_each(|number| sender.send(number)).unwrap();
    /// assert_eq!(receiver.poll_recv_many(&mut cx, &mut numbers, 8), Poll::Ready(3));
    /// assert_eq!(numbers, [1, 2, 3]);
    /// ```
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(self.poll_recv(cx)) else { return Poll::Ready(0) };
        buffer.push(first);
        let mut count = 1;
        while count < limit {
            let Fetch::Some(value) = self.next(None) else { break };
            buffer.push(value);
            let more = self.batch.len().min(limit - count - 1);
            buffer.extend(self.batch.drain(..more));
            if more > 0 {
                self.shared.release(more);
            }
            count += 1 + more;
        }
        Poll::Ready(count)
    }

    /// The next value: that in the hand (which is empty while there is a batch), of the batch, or from the channel. With a
    /// waker, and nothing there, waits.
    #[inline]
    fn next(&mut self, waker: Option<&Waker>) -> Fetch<T> {
        if let Some(value) = self.shared.take_from_hand() {
            return Fetch::Some(value);
        }
        match self.batch.pop_front() {
            Some(value) => {
                self.shared.release(1);
                Fetch::Some(value)
            }
            None => self.shared.fetch(&mut self.batch, waker),
        }
    }

    /// Lets no more values in: senders fail from now on, those that wait too. What is there can still be received.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert_eq!(sender.try_send(2), Err(mpsc::TrySendError::Closed(2)));
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    /// ```
    pub fn close(&mut self) {
        self.shared.close(false);
    }

    /// Whether the channel is closed, or every sender is gone.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel::<i32>(1);
    /// assert!(!receiver.is_closed());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.senders() == 0 || self.shared.is_closed()
    }

    /// How many values are in the channel.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// sender.try_send("a")?;
    /// sender.try_send("b")?;
    /// assert_eq!(receiver.len(), 2);
    /// receiver.try_recv()?;
    /// assert_eq!(receiver.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn len(&self) -> usize {
        self.batch.len() + self.shared.queued()
    }

    /// Whether there is no value in the channel.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel(1);
    /// assert!(receiver.is_empty());
    /// sender.try_send(7).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values could be sent now without waiting; `usize::MAX` where there is no limit.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.capacity(), 3);
    /// let (_sender, receiver) = mpsc::unbounded_channel::<i32>();
    /// assert_eq!(receiver.capacity(), usize::MAX);
    /// ```
    pub fn capacity(&self) -> usize {
        self.shared.free()
    }

    /// How many values the channel holds at most; `usize::MAX` where there is no limit.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.max_capacity(), 4);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.shared.capacity
    }

    /// How many senders there are.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel::<i32>(1);
    /// let second = sender.clone();
    /// assert_eq!(receiver.sender_strong_count(), 2);
    /// drop((sender, second));
    /// assert_eq!(receiver.sender_strong_count(), 0);
    /// ```
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders()
    }

    /// What the channel is at: values, both sides, and who waits.
    ///
    /// ```
    /// # use heist_sync::mpsc;
    /// let (sender, receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// let now = receiver.statistics();
    /// assert_eq!((now.values, now.capacity, now.senders), (1, Some(4), 1));
    /// ```
    pub fn statistics(&self) -> ChannelStatistics {
        ChannelStatistics { values: self.len(), ..self.shared.statistics() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.close(true);
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("senders", &self.sender_strong_count())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// The future of [`Receiver::recv`].
///
/// ```
/// # use heist_sync::mpsc;
/// # let run = std::pin::pin!(async {
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send(7).unwrap();
/// let receiving: mpsc::Recv<'_, i32> = receiver.recv();
/// assert_eq!(receiving.await, Some(7));
/// # });
/// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// Whether a waker may have been left behind.
    waits: bool,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = self.receiver.poll_recv(cx);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.receiver.shared.unpark();
        }
    }
}

/// The future of [`Receiver::recv_many`].
///
/// ```
/// # use heist_sync::mpsc;
/// # let run = std::pin::pin!(async {
/// # let (sender, mut receiver) = mpsc::unbounded_channel();
/// # sender.send(7).unwrap();
/// let mut numbers = Vec::new();
/// let receiving: mpsc::RecvMany<'_, i32> = receiver.recv_many(&mut numbers, 8);
/// assert_eq!(receiving.await, 1);
/// # });
/// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RecvMany<'a, T> {
    receiver: &'a mut Receiver<T>,
    buffer: &'a mut Vec<T>,
    limit: usize,
    /// Whether a waker may have been left behind.
    waits: bool,
}

impl<T> Future for RecvMany<'_, T> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = &mut *self;
        let polled = this.receiver.poll_recv_many(cx, this.buffer, this.limit);
        this.waits = polled.is_pending();
        polled
    }
}

impl<T> Drop for RecvMany<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.receiver.shared.unpark();
        }
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany").field("limit", &self.limit).finish_non_exhaustive()
    }
}
