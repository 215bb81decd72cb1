//! What can go wrong with a queue. Each error about an item that did not go in carries it back.

use std::error::Error;
use std::fmt;

/// There was no item. asyncio: `QueueEmpty`.
///
/// ```
/// # use heist_sync::{GetNowaitError, Queue, QueueEmpty};
/// let error = Queue::<i32>::new().get_nowait().unwrap_err();
/// assert_eq!(error, GetNowaitError::Empty(QueueEmpty));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueEmpty;

impl fmt::Display for QueueEmpty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is empty: await get() to wait for an item")
    }
}

impl Error for QueueEmpty {}

/// There was no free slot; holds the item. asyncio: `QueueFull`.
///
/// ```
/// # use heist_sync::{PutNowaitError, Queue, QueueFull};
/// let queue = Queue::bounded(1);
/// queue.put_nowait(1).unwrap();
/// assert_eq!(queue.put_nowait(2), Err(PutNowaitError::Full(QueueFull(2))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueFull<T>(pub T);

impl<T> fmt::Debug for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueFull(..)")
    }
}

impl<T> fmt::Display for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full: await put() to wait for a free slot")
    }
}

impl<T> Error for QueueFull<T> {}

/// The queue was shut down; from `put` it holds the item. asyncio: `QueueShutDown`.
///
/// ```
/// # use heist_sync::{Queue, QueueShutDown};
/// let queue = Queue::new();
/// queue.shutdown(false);
/// assert_eq!(queue.put_blocking(7), Err(QueueShutDown(7)));
/// assert_eq!(queue.get_blocking(), Err(QueueShutDown(())));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueShutDown<T = ()>(pub T);

impl<T> fmt::Debug for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueShutDown(..)")
    }
}

impl<T> fmt::Display for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was shut down: nothing more goes in, and get() ends when it is empty")
    }
}

impl<T> Error for QueueShutDown<T> {}

/// Why [`Queue::get_nowait`](super::Queue::get_nowait) gave no item.
///
/// ```
/// # use heist_sync::{GetNowaitError, Queue};
/// let queue = Queue::<i32>::new();
/// assert!(matches!(queue.get_nowait(), Err(GetNowaitError::Empty(_))));
/// queue.shutdown(false);
/// assert!(matches!(queue.get_nowait(), Err(GetNowaitError::ShutDown(_))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GetNowaitError {
    /// There was no item.
    Empty(QueueEmpty),
    /// There was no item, and there will be none.
    ShutDown(QueueShutDown),
}

impl fmt::Display for GetNowaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(error) => error.fmt(f),
            Self::ShutDown(error) => error.fmt(f),
        }
    }
}

impl Error for GetNowaitError {}

/// Why [`Queue::put_nowait`](super::Queue::put_nowait) did not take the item; holds it.
///
/// ```
/// # use heist_sync::{PutNowaitError, Queue};
/// let queue = Queue::bounded(1);
/// queue.put_nowait(1).unwrap();
/// assert!(matches!(queue.put_nowait(2), Err(PutNowaitError::Full(_))));
/// queue.shutdown(false);
/// assert!(matches!(queue.put_nowait(3), Err(PutNowaitError::ShutDown(_))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutNowaitError<T> {
    /// There was no free slot.
    Full(QueueFull<T>),
    /// The queue was shut down.
    ShutDown(QueueShutDown<T>),
}

impl<T> PutNowaitError<T> {
    /// The item that did not go in.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(1);
    /// queue.put_nowait("a").unwrap();
    /// let error = queue.put_nowait("b").unwrap_err();
    /// assert_eq!(error.into_item(), "b");
    /// ```
    pub fn into_item(self) -> T {
        match self {
            Self::Full(QueueFull(item)) | Self::ShutDown(QueueShutDown(item)) => item,
        }
    }

    /// Whether the queue was full.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(1);
    /// queue.put_nowait(1).unwrap();
    /// assert!(queue.put_nowait(2).unwrap_err().is_full());
    /// queue.shutdown(false);
    /// assert!(!queue.put_nowait(3).unwrap_err().is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<T> fmt::Debug for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(error) => fmt::Debug::fmt(error, f),
            Self::ShutDown(error) => fmt::Debug::fmt(error, f),
        }
    }
}

impl<T> fmt::Display for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(error) => error.fmt(f),
            Self::ShutDown(error) => error.fmt(f),
        }
    }
}

impl<T> Error for PutNowaitError<T> {}

/// [`Queue::task_done`](super::Queue::task_done) was called more often than items were put. asyncio: `ValueError`.
///
/// ```
/// # use heist_sync::{Queue, TaskDoneError};
/// let queue = Queue::new();
/// queue.put_nowait("work").unwrap();
/// assert_eq!(queue.task_done(), Ok(()));
/// assert_eq!(queue.task_done(), Err(TaskDoneError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done() was called more often than items were put: call it once for each item taken")
    }
}

impl Error for TaskDoneError {}
