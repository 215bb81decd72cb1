//! Many senders, many receivers, each value to one of them: work that a crew shares.
//!
//! Underneath is asyncio's [queue](crate::queue), and each operation costs what it costs there: one lock. What is added are
//! two counts: with the last sender the queue is shut down, and its values can still be received; with the last receiver
//! it is shut down at once, and its values are dropped.
//!
//! ```
//! # use heist_sync::mpmc;
//! let (sender, receiver) = mpmc::bounded(8);
//! let second = receiver.clone();
//! sender.try_send(1)?;
//! sender.try_send(2)?;
//! assert_eq!((receiver.try_recv()?, second.try_recv()?), (1, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod receiver;
mod sender;

use std::fmt;

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Arc, mutant};

pub use self::receiver::{Receiver, Recv, Values};
pub use self::sender::{SendFuture, Sender};
use crate::ChannelStatistics;
pub use crate::channel_errors::{SendError, TryRecvError, TrySendError};
use crate::queue::{Fifo, Shared};

/// A channel that holds at most `capacity` values; zero, which could never take one, counts as one.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::bounded(1);
/// assert_eq!(sender.try_send(1), Ok(()));
/// assert_eq!(sender.try_send(2), Err(mpmc::TrySendError::Full(2)));
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel(capacity.max(1))
}

/// A channel without limit: sending never waits.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::unbounded();
/// (0..1000).try_for_each(|number| sender.try_send(number)).unwrap();
/// assert_eq!((receiver.len(), receiver.capacity()), (1000, None));
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(0)
}

fn channel<T>(maxsize: usize) -> (Sender<T>, Receiver<T>) {
    let counted =
        Counted { queue: Shared::new(maxsize), senders: AtomicUsize::new(1), receivers: AtomicUsize::new(1) };
    let counted = Arc::new(counted);
    (Sender::new(counted.clone()), Receiver::new(counted))
}

/// The channel is closed and empty: no value will come.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::bounded::<i32>(1);
/// drop(sender);
/// assert_eq!(receiver.blocking_recv(), Err(mpmc::RecvError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed and empty: no value will come")
    }
}

impl std::error::Error for RecvError {}

/// A queue that knows who is left.
struct Counted<T> {
    queue: Shared<T, Fifo>,
    /// Never rises from zero: only a sender makes another one.
    senders: AtomicUsize,
    /// Never rises from zero, likewise.
    receivers: AtomicUsize,
}

impl<T> Counted<T> {
    fn statistics(&self) -> ChannelStatistics {
        let queue = self.queue.statistics();
        ChannelStatistics {
            values: queue.items,
            capacity: Some(queue.maxsize).filter(|&maxsize| maxsize > 0),
            senders: self.senders.load(Ordering::Relaxed),
            receivers: self.receivers.load(Ordering::Relaxed),
            senders_waiting: queue.putters,
            receivers_waiting: queue.getters,
            closed: queue.shut_down,
        }
    }

    fn remove_sender(&self) {
        // AcqRel: the last one shuts down after what all before it did.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1
            && !mutant("sync-mpmc-last-sender-without-shutdown")
        {
            self.queue.shutdown(false);
        }
    }

    fn remove_receiver(&self) {
        // AcqRel, likewise.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1
            && !mutant("sync-mpmc-last-receiver-without-shutdown")
        {
            self.queue.shutdown(true);
        }
    }
}

/// What both halves can do.
macro_rules! either_half {
    ($half:ident) => {
        impl<T> $half<T> {
            /// Lets no more values in: senders fail from now on, those that wait too. What is there can still be received.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded(4);
            /// sender.try_send(1).unwrap();
            /// receiver.close();
            /// assert_eq!(sender.try_send(2), Err(mpmc::TrySendError::Closed(2)));
            /// assert_eq!(receiver.try_recv(), Ok(1));
            /// assert_eq!(receiver.try_recv(), Err(mpmc::TryRecvError::Disconnected));
            /// ```
            pub fn close(&self) {
                self.counted.queue.shutdown(false);
            }

            /// Whether nothing more comes in: the channel is closed, or one side of it is gone. Values may be left.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded::<i32>(1);
            /// assert!(!sender.is_closed() && !receiver.is_closed());
            /// drop(sender);
            /// assert!(receiver.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                self.counted.queue.is_shut_down()
            }

            /// How many values are in the channel.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded(4);
            /// sender.try_send("a").unwrap();
            /// sender.try_send("b").unwrap();
            /// assert_eq!((sender.len(), receiver.len()), (2, 2));
            /// ```
            pub fn len(&self) -> usize {
                self.counted.queue.len()
            }

            /// Whether there is no value in the channel.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded(4);
            /// assert!(receiver.is_empty());
            /// sender.try_send(7).unwrap();
            /// assert!(!receiver.is_empty());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there is no free slot.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded(1);
            /// sender.try_send(7).unwrap();
            /// assert!(sender.is_full());
            /// receiver.try_recv().unwrap();
            /// assert!(!sender.is_full());
            /// ```
            pub fn is_full(&self) -> bool {
                self.counted.queue.is_full()
            }

            /// How many values the channel holds at most; `None` where there is no limit.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, _receiver) = mpmc::bounded::<i32>(4);
            /// assert_eq!(sender.capacity(), Some(4));
            /// let (_sender, receiver) = mpmc::unbounded::<i32>();
            /// assert_eq!(receiver.capacity(), None);
            /// ```
            pub fn capacity(&self) -> Option<usize> {
                Some(self.counted.queue.maxsize).filter(|&maxsize| maxsize > 0)
            }

            /// How many senders there are.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded::<i32>(1);
            /// let second = sender.clone();
            /// assert_eq!(receiver.sender_count(), 2);
            /// drop(second);
            /// assert_eq!(sender.sender_count(), 1);
            /// ```
            pub fn sender_count(&self) -> usize {
                self.counted.senders.load(Ordering::Relaxed)
            }

            /// How many receivers there are.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded::<i32>(1);
            /// let second = receiver.clone();
            /// assert_eq!(sender.receiver_count(), 2);
            /// drop((receiver, second));
            /// assert_eq!(sender.receiver_count(), 0);
            /// ```
            pub fn receiver_count(&self) -> usize {
                self.counted.receivers.load(Ordering::Relaxed)
            }

            /// What the channel is at: values, both sides, and who waits.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded(4);
            /// sender.try_send(7).unwrap();
            /// let now = receiver.statistics();
            /// assert_eq!((now.values, now.capacity, now.receivers), (1, Some(4), 1));
            /// assert_eq!(now, sender.statistics());
            /// ```
            pub fn statistics(&self) -> ChannelStatistics {
                self.counted.statistics()
            }

            /// Whether `other` is of the same channel.
            ///
            /// ```
            /// # use heist_sync::mpmc;
            /// let (sender, receiver) = mpmc::bounded::<i32>(1);
            /// let (other, _) = mpmc::bounded(1);
            /// assert!(receiver.same_channel(&receiver.clone()));
            /// assert!(!sender.same_channel(&other));
            /// ```
            pub fn same_channel(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.counted, &other.counted)
            }
        }

        impl<T> fmt::Debug for $half<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half))
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .field("is_closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }
    };
}

either_half!(Sender);
either_half!(Receiver);
