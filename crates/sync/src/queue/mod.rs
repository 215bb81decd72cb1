//! asyncio's queues: [`Queue`], [`LifoQueue`] and [`PriorityQueue`], which differ in their [`Order`] alone.
//!
//! Items never leave the queue but into the hands of the caller that gets them: a getter that waits is given a *turn*, not
//! an item, and takes the first item when it is polled. So an item cannot get lost with a future, and items keep their
//! order whatever is dropped when. While turns are out, a newcomer's `get` does not overtake: it takes an item only where
//! there are more items than turns. `get_nowait` takes what is there, as in asyncio; a getter that finds nothing left goes
//! back to the front of the line. Putters and free slots are the mirror image.
//!
//! Each operation locks once; with nobody waiting that is two uncontended atomic read-modify-writes.

mod errors;
mod get;
mod join;
mod line;
mod order;
mod put;
mod state;

use std::fmt;

use heist_core::sync::Arc;

pub use self::errors::{GetNowaitError, PutNowaitError, QueueEmpty, QueueFull, QueueShutDown, TaskDoneError};
pub use self::get::{Get, Items};
pub use self::join::Join;
pub use self::order::{Fifo, Lifo, Order, SmallestFirst};
pub use self::put::Put;
pub use self::state::QueueStatistics;
pub(crate) use self::state::Shared;
use crate::blocking::block_on;
use crate::waitlist::Waiter;

/// A first-in, first-out queue between tasks. asyncio: `Queue`.
///
/// ```
/// # use heist_sync::Queue;
/// let queue = Queue::bounded(2);
/// queue.put_nowait("a")?;
/// queue.put_nowait("b")?;
/// assert!(queue.is_full());
/// assert_eq!(queue.get_nowait()?, "a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Queue<T> = OrderedQueue<T, Fifo>;

/// A queue that gives the last item first. asyncio: `LifoQueue`.
///
/// ```
/// # use heist_sync::LifoQueue;
/// let queue = LifoQueue::new();
/// queue.put_nowait("a")?;
/// queue.put_nowait("b")?;
/// assert_eq!(queue.get_nowait()?, "b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type LifoQueue<T> = OrderedQueue<T, Lifo>;

/// A queue that gives the smallest item first. asyncio: `PriorityQueue`.
///
/// A tuple of a priority and a payload sorts by the priority first, as in Python; `std::cmp::Reverse` turns the order round.
/// Items are compared with the queue's lock held: an `Ord` that uses the same queue blocks for ever.
///
/// ```
/// # use heist_sync::PriorityQueue;
/// let queue = PriorityQueue::new();
/// queue.put_nowait((2, "later"))?;
/// queue.put_nowait((1, "first"))?;
/// assert_eq!(queue.get_nowait()?, (1, "first"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type PriorityQueue<T> = OrderedQueue<T, SmallestFirst>;

/// A queue between tasks that gives its items in the order `O`: what [`Queue`], [`LifoQueue`] and [`PriorityQueue`] are.
///
/// It is a handle: clones share one queue. Any number of tasks may put and get, on any thread, under any executor.
///
/// ```
/// # use heist_sync::queue::{Lifo, OrderedQueue};
/// let queue: OrderedQueue<&str, Lifo> = OrderedQueue::new();
/// let same = queue.clone();
/// queue.put_nowait("a")?;
/// queue.put_nowait("b")?;
/// assert_eq!((same.get_nowait()?, same.len()), ("b", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OrderedQueue<T, O: Order<T>> {
    shared: Arc<Shared<T, O>>,
}

impl<T, O: Order<T>> OrderedQueue<T, O> {
    /// A queue without limit: `put` never waits. asyncio: `Queue()`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// (0..1000).for_each(|item| queue.put_nowait(item).unwrap());
    /// assert_eq!((queue.len(), queue.maxsize()), (1000, 0));
    /// ```
    #[doc(alias = "unbounded")]
    pub fn new() -> Self {
        Self::bounded(0)
    }

    /// A queue that holds at most `maxsize` items; 0 is without limit. asyncio: `Queue(maxsize)`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(1);
    /// queue.put_nowait("a").unwrap();
    /// assert!(queue.put_nowait("b").is_err());
    /// ```
    pub fn bounded(maxsize: usize) -> Self {
        Self { shared: Arc::new(Shared::new(maxsize)) }
    }

    /// Adds an item, waiting for a free slot where the queue is full. asyncio: `put`.
    ///
    /// Waiting putters are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`] with the item, once the queue is shut down.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has not added its item; a slot that it had been promised goes to the
    /// next putter.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.put("a").await, Ok(()));
    /// assert!(queue.is_full());
    /// assert_eq!(queue.get().await, Ok("a"));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, O> {
        Put::new(&self.shared, item, Waiter::for_user())
    }

    /// Adds an item if there is a free slot. asyncio: `put_nowait`.
    ///
    /// # Errors
    ///
    /// [`PutNowaitError`] with the item, when the queue is full or shut down.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.put_nowait("a"), Ok(()));
    /// let error = queue.put_nowait("b").unwrap_err();
    /// assert!(error.is_full());
    /// assert_eq!(error.into_item(), "b");
    /// ```
    pub fn put_nowait(&self, item: T) -> Result<(), PutNowaitError<T>> {
        self.shared.put_nowait(item)
    }

    /// As [`put`](Self::put), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`] with the item, once the queue is shut down.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(1);
    /// let other = queue.clone();
    /// let thread = std::thread::spawn(move || (0..3).try_for_each(|item| other.put_blocking(item)));
    /// assert_eq!((queue.get_blocking()?, queue.get_blocking()?, queue.get_blocking()?), (0, 1, 2));
    /// thread.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put_blocking(&self, item: T) -> Result<(), QueueShutDown<T>> {
        block_on(self.put(item))
    }

    /// Takes the next item, waiting for one where the queue is empty. asyncio: `get`.
    ///
    /// Waiting getters are served in the order of their first poll.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`] once the queue is shut down and empty.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing; a turn that it had goes to the next getter.
    ///
    /// ```
    /// # use heist_sync::{Queue, QueueShutDown};
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::new();
    /// queue.put("a").await.unwrap();
    /// queue.shutdown(false);
    /// assert_eq!(queue.get().await, Ok("a"));
    /// assert_eq!(queue.get().await, Err(QueueShutDown(())));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, O> {
        Get::new(&self.shared, Waiter::for_user())
    }

    /// Takes the next item if there is one. asyncio: `get_nowait`.
    ///
    /// # Errors
    ///
    /// [`GetNowaitError`] when the queue is empty, or empty and shut down.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// assert!(queue.get_nowait().is_err());
    /// queue.put_nowait("a").unwrap();
    /// assert_eq!(queue.get_nowait(), Ok("a"));
    /// ```
    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        self.shared.get_nowait()
    }

    /// As [`get`](Self::get), blocking the thread: for code outside of tasks.
    ///
    /// # Errors
    ///
    /// [`QueueShutDown`] once the queue is shut down and empty.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// let other = queue.clone();
    /// let thread = std::thread::spawn(move || other.get_blocking());
    /// queue.put_nowait("a").unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok("a"));
    /// ```
    pub fn get_blocking(&self) -> Result<T, QueueShutDown> {
        block_on(self.get())
    }

    /// The items as a stream, which ends when the queue is shut down and empty.
    ///
    /// # Cancel safety
    ///
    /// As for [`get`](Self::get).
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # use futures_core::Stream;
    /// # use std::task::{Context, Poll, Waker};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let queue = Queue::new();
    /// queue.put_nowait("a").unwrap();
    /// queue.shutdown(false);
    /// let mut items = std::pin::pin!(queue.items());
    /// assert_eq!(items.as_mut().poll_next(&mut cx), Poll::Ready(Some("a")));
    /// assert_eq!(items.as_mut().poll_next(&mut cx), Poll::Ready(None));
    /// ```
    pub fn items(&self) -> Items<'_, T, O> {
        Items::new(&self.shared)
    }

    /// How many items are in the queue. asyncio: `qsize`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// queue.put_nowait("a").unwrap();
    /// queue.put_nowait("b").unwrap();
    /// assert_eq!(queue.qsize(), 2);
    /// ```
    pub fn qsize(&self) -> usize {
        self.shared.len()
    }

    /// How many items are in the queue: [`qsize`](Self::qsize) in Rust's word.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// queue.put_nowait("a").unwrap();
    /// assert_eq!(queue.len(), 1);
    /// queue.get_nowait().unwrap();
    /// assert_eq!(queue.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether there is no item. asyncio: `empty`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// assert!(queue.is_empty());
    /// queue.put_nowait("a").unwrap();
    /// assert!(!queue.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.qsize() == 0
    }

    /// Whether there is no free slot; never where there is no limit. asyncio: `full`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let (small, unlimited) = (Queue::bounded(1), Queue::new());
    /// small.put_nowait("a").unwrap();
    /// unlimited.put_nowait("a").unwrap();
    /// assert_eq!((small.is_full(), unlimited.is_full()), (true, false));
    /// ```
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// How many items fit; 0 where there is no limit. asyncio: `maxsize`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// assert_eq!(Queue::<i32>::bounded(4).maxsize(), 4);
    /// assert_eq!(Queue::<i32>::new().maxsize(), 0);
    /// ```
    pub fn maxsize(&self) -> usize {
        self.shared.maxsize
    }

    /// Says that the work on one item that was taken is done. asyncio: `task_done`.
    ///
    /// # Errors
    ///
    /// [`TaskDoneError`] when it is called more often than items were put.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// queue.put_nowait("work").unwrap();
    /// queue.get_nowait().unwrap();
    /// assert_eq!(queue.statistics().unfinished, 1);
    /// assert!(queue.task_done().is_ok());
    /// assert!(queue.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.shared.task_done()
    }

    /// Waits until every item that was put has had its [`task_done`](Self::task_done). asyncio: `join`.
    ///
    /// An item that was taken by a task that panicked or was cancelled before its `task_done` is never done, and this waits
    /// for ever, as in asyncio. Workers in a task group, with the `join` in its body, end the wait when one of them fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::new();
    /// queue.put("work").await.unwrap();
    /// queue.get().await.unwrap();
    /// queue.task_done().unwrap();
    /// queue.join().await;
    /// assert_eq!(queue.statistics().unfinished, 0);
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, O> {
        Join::new(&self.shared)
    }

    /// Lets no more items in: `put` fails from now on, for those who wait too, and `get` fails once the queue is empty.
    /// With `immediate` the items that are left are dropped and count as done. asyncio: `shutdown`.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::new();
    /// queue.put_nowait("a").unwrap();
    /// queue.put_nowait("b").unwrap();
    /// queue.shutdown(false);
    /// assert!(queue.put_nowait("c").is_err());
    /// assert_eq!(queue.get_nowait(), Ok("a"));
    /// queue.shutdown(true);
    /// assert!(queue.get_nowait().is_err());
    /// ```
    pub fn shutdown(&self, immediate: bool) {
        self.shared.shutdown(immediate);
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::<i32>::new();
    /// assert!(!queue.is_shut_down());
    /// queue.shutdown(false);
    /// assert!(queue.is_shut_down());
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.shared.is_shut_down()
    }

    /// What the queue is like at this moment: its items, and who waits.
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// let queue = Queue::bounded(4);
    /// queue.put_nowait("a").unwrap();
    /// let now = queue.statistics();
    /// assert_eq!((now.items, now.maxsize, now.getters, now.unfinished), (1, 4, 0, 1));
    /// ```
    pub fn statistics(&self) -> QueueStatistics {
        self.shared.statistics()
    }
}

impl<T, O: Order<T>> Clone for OrderedQueue<T, O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T, O: Order<T>> Default for OrderedQueue<T, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, O: Order<T>> fmt::Debug for OrderedQueue<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.statistics();
        f.debug_struct(O::QUEUE)
            .field("maxsize", &now.maxsize)
            .field("items", &now.items)
            .field("getters", &now.getters)
            .field("putters", &now.putters)
            .field("unfinished", &now.unfinished)
            .field("shut_down", &now.shut_down)
            .finish()
    }
}
