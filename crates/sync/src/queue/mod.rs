//! asyncio's [`Queue`].
//!
//! Items never leave the queue but into the hands of the caller that gets them: a getter that waits is given a *turn*, not
//! an item, and takes the first item when it is polled. So an item cannot get lost with a future, and items keep their
//! order whatever is dropped when. While turns are out, a newcomer's `get` does not overtake: it takes an item only where
//! there are more items than turns. `get_nowait` takes what is there, as in asyncio; a getter that finds nothing left goes
//! back to the front of the line. Putters and free slots are the mirror image.
//!
//! Each operation locks once; with nobody waiting that is two uncontended atomic read-modify-writes.

mod errors;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use heist_core::budget::poll_proceed;
use heist_core::sync::{Arc, Mutex, mutant};
use pin_project_lite::pin_project;

pub use self::errors::{GetNowaitError, PutNowaitError, QueueEmpty, QueueFull, QueueShutDown, TaskDoneError};
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// A first-in, first-out queue between tasks. asyncio: `Queue`.
///
/// A `Queue` is a handle: clones share one queue. Any number of tasks may put and get, on any thread, under any executor.
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
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    /// 0 is unbounded.
    maxsize: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    getters: WaitList,
    putters: WaitList,
    joiners: WaitList,
    /// Items put, less calls of `task_done`.
    unfinished: usize,
    shut_down: bool,
}

impl<T> State<T> {
    /// Takes the first item; the waker is that of a putter, to be woken with no lock held.
    fn take(&mut self, maxsize: usize) -> Option<(T, Option<Waker>)> {
        let item = self.items.pop_front()?;
        Some((item, self.grant_slot(maxsize)))
    }

    /// Adds an item; the waker is that of a getter, to be woken with no lock held.
    fn add(&mut self, item: T) -> Option<Waker> {
        self.items.push_back(item);
        self.unfinished += 1;
        self.grant_item()
    }

    /// Gives the next getter a turn if there is an item that no turn is out for.
    fn grant_item(&mut self) -> Option<Waker> {
        if self.items.len() > self.getters.granted() { self.getters.grant() } else { None }
    }

    /// Gives the next putter a turn if there is a slot that no turn is out for.
    fn grant_slot(&mut self, maxsize: usize) -> Option<Waker> {
        if self.free(maxsize) > self.putters.granted() { self.putters.grant() } else { None }
    }

    fn free(&self, maxsize: usize) -> usize {
        if maxsize == 0 { usize::MAX } else { maxsize - self.items.len().min(maxsize) }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Queue<T> {
    /// A queue without limit: `put` never waits. asyncio: `Queue()`.
    pub fn new() -> Self {
        Self::bounded(0)
    }

    /// A queue that holds at most `maxsize` items; 0 is without limit. asyncio: `Queue(maxsize)`.
    pub fn bounded(maxsize: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            getters: WaitList::new(),
            putters: WaitList::new(),
            joiners: WaitList::new(),
            unfinished: 0,
            shut_down: false,
        };
        Self { shared: Arc::new(Shared { maxsize, state: Mutex::new(state) }) }
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
    pub fn put(&self, item: T) -> Put<'_, T> {
        Put { shared: &self.shared, item: Some(item), waiter: Waiter::new() }
    }

    /// Adds an item if there is a free slot. asyncio: `put_nowait`.
    ///
    /// # Errors
    ///
    /// [`PutNowaitError`] with the item, when the queue is full or shut down.
    pub fn put_nowait(&self, item: T) -> Result<(), PutNowaitError<T>> {
        let getter = {
            let mut state = self.shared.state.lock();
            if state.shut_down {
                return Err(PutNowaitError::ShutDown(QueueShutDown(item)));
            }
            if state.free(self.shared.maxsize) == 0 {
                return Err(PutNowaitError::Full(QueueFull(item)));
            }
            state.add(item)
        };
        wake(getter);
        Ok(())
    }

    /// Takes the first item, waiting for one where the queue is empty. asyncio: `get`.
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
    pub fn get(&self) -> Get<'_, T> {
        Get { shared: &self.shared, waiter: Waiter::new() }
    }

    /// The items as a stream, which ends when the queue is shut down and empty.
    ///
    /// # Cancel safety
    ///
    /// As for [`get`](Self::get).
    pub fn items(&self) -> Items<'_, T> {
        Items { get: self.get() }
    }

    /// Takes the first item if there is one. asyncio: `get_nowait`.
    ///
    /// # Errors
    ///
    /// [`GetNowaitError`] when the queue is empty, or empty and shut down.
    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        let (item, putter) = {
            let mut state = self.shared.state.lock();
            match state.take(self.shared.maxsize) {
                Some(taken) => taken,
                None if state.shut_down => return Err(GetNowaitError::ShutDown(QueueShutDown(()))),
                None => return Err(GetNowaitError::Empty(QueueEmpty)),
            }
        };
        wake(putter);
        Ok(item)
    }

    /// How many items are in the queue. asyncio: `qsize`.
    pub fn qsize(&self) -> usize {
        self.shared.state.lock().items.len()
    }

    /// How many items are in the queue: [`qsize`](Self::qsize) in Rust's word.
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether there is no item. asyncio: `empty`.
    pub fn is_empty(&self) -> bool {
        self.qsize() == 0
    }

    /// Whether there is no free slot; never where there is no limit. asyncio: `full`.
    pub fn is_full(&self) -> bool {
        self.shared.state.lock().free(self.shared.maxsize) == 0
    }

    /// How many items fit; 0 where there is no limit. asyncio: `maxsize`.
    pub fn maxsize(&self) -> usize {
        self.shared.maxsize
    }

    /// Says that the work on one item that was taken is done. asyncio: `task_done`.
    ///
    /// # Errors
    ///
    /// [`TaskDoneError`] when it is called more often than items were put.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.shared.state.lock();
            state.unfinished = state.unfinished.checked_sub(1).ok_or(TaskDoneError)?;
            if state.unfinished > 0 {
                return Ok(());
            }
            batch.grant_all(&mut state.joiners);
        }
        batch.wake();
        Ok(())
    }

    /// Waits until every item that was put has had its [`task_done`](Self::task_done). asyncio: `join`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn join(&self) -> Join<'_, T> {
        Join { shared: &self.shared, waiter: Waiter::new() }
    }

    /// Lets no more items in: `put` fails from now on, for those who wait too, and `get` fails once the queue is empty.
    /// With `immediate` the items that are left are dropped and count as done. asyncio: `shutdown`.
    pub fn shutdown(&self, immediate: bool) {
        let mut batch = WakeBatch::new();
        let dropped = {
            let mut state = self.shared.state.lock();
            let state = &mut *state;
            state.shut_down = true;
            let dropped = if immediate { std::mem::take(&mut state.items) } else { VecDeque::new() };
            state.unfinished = state.unfinished.saturating_sub(dropped.len());
            if state.unfinished == 0 {
                batch.grant_all(&mut state.joiners);
            }
            // Each looks for itself: an item that is left is taken in the order of the polls.
            batch.grant_all(&mut state.getters);
            batch.grant_all(&mut state.putters);
            dropped
        };
        batch.wake();
        // The items' own code runs with no lock held.
        drop(dropped);
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    pub fn is_shut_down(&self) -> bool {
        self.shared.state.lock().shut_down
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Queue")
            .field("maxsize", &self.shared.maxsize)
            .field("items", &state.items.len())
            .field("getters", &state.getters.waiting())
            .field("putters", &state.putters.waiting())
            .field("unfinished", &state.unfinished)
            .field("shut_down", &state.shut_down)
            .finish()
    }
}

pin_project! {
    /// The future of [`Queue::get`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Get<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Get<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().entered() {
                return;
            }
            let (left, next) = {
                let mut state = this.shared.state.lock();
                // SAFETY: the waiter entered this list, if any; the lock is held.
                let left = unsafe { state.getters.leave(this.waiter) };
                let pass_on = left.granted && !mutant("sync-get-keeps-its-turn");
                let next = if pass_on { state.grant_item() } else { None };
                (left, next)
            };
            wake(next);
            drop(left.waker);
        }
    }
}

impl<T> Future for Get<'_, T> {
    type Output = Result<T, QueueShutDown>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        let maxsize = this.shared.maxsize;
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let taken = {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.getters.turn(this.waiter.as_mut(), cx.waker()) };
            let end = match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Used => End::Front,
                Turn::Idle => End::Back,
            };
            // A newcomer leaves the items alone that turns are out for; after a shutdown nobody waits any more.
            let may_take =
                turn == Turn::Used || state.shut_down || state.items.len() > state.getters.granted();
            let taken = if may_take { state.take(maxsize) } else { None };
            if taken.is_none() && !state.shut_down {
                // SAFETY: the waiter is idle, and leaves in `drop`.
                unsafe { state.getters.enter(this.waiter, cx.waker(), end) };
                return Poll::Pending;
            }
            taken
        };
        proceed.made_progress();
        Poll::Ready(match taken {
            Some((item, putter)) => {
                wake(putter);
                Ok(item)
            }
            None => Err(QueueShutDown(())),
        })
    }
}

pin_project! {
    /// The stream of [`Queue::items`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Items<'a, T> {
        // A `Get` that was ready is idle again, and may be polled for the next item.
        #[pin]
        get: Get<'a, T>,
    }
}

impl<T> Stream for Items<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().get.poll(cx).map(Result::ok)
    }
}

pin_project! {
    /// The future of [`Queue::put`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Put<'a, T> {
        shared: &'a Shared<T>,
        item: Option<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Put<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().entered() {
                return;
            }
            let (left, next) = {
                let mut state = this.shared.state.lock();
                // SAFETY: the waiter entered this list, if any; the lock is held.
                let left = unsafe { state.putters.leave(this.waiter) };
                let pass_on = left.granted && !mutant("sync-put-keeps-its-turn");
                let next = if pass_on { state.grant_slot(this.shared.maxsize) } else { None };
                (left, next)
            };
            wake(next);
            drop(left.waker);
        }
    }
}

impl<T> Future for Put<'_, T> {
    type Output = Result<(), QueueShutDown<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        let maxsize = this.shared.maxsize;
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let result = {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.putters.turn(this.waiter.as_mut(), cx.waker()) };
            let end = match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Used => End::Front,
                Turn::Idle => End::Back,
            };
            let free = state.free(maxsize);
            // A newcomer leaves the slots alone that turns are out for.
            let may_add = if turn == Turn::Used { free > 0 } else { free > state.putters.granted() };
            if !may_add && !state.shut_down {
                // SAFETY: the waiter is idle, and leaves in `drop`.
                unsafe { state.putters.enter(this.waiter, cx.waker(), end) };
                return Poll::Pending;
            }
            let Some(item) = this.item.take() else {
                panic!("a Put was polled after it had ended");
            };
            if state.shut_down { Err(QueueShutDown(item)) } else { Ok(state.add(item)) }
        };
        proceed.made_progress();
        Poll::Ready(result.map(wake))
    }
}

pin_project! {
    /// The future of [`Queue::join`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Join<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Join<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().entered() {
                return;
            }
            // SAFETY: the waiter entered this list, if any; the lock is held. A turn needs no passing on: all have one.
            let left = unsafe { this.shared.state.lock().joiners.leave(this.waiter) };
            drop(left.waker);
        }
    }
}

impl<T> Future for Join<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.joiners.turn(this.waiter.as_mut(), cx.waker()) };
            match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Idle if state.unfinished > 0 => {
                    // SAFETY: the waiter is idle, and leaves in `drop`.
                    unsafe { state.joiners.enter(this.waiter, cx.waker(), End::Back) };
                    return Poll::Pending;
                }
                // The count was zero when the turn was given, whatever was put since.
                Turn::Used | Turn::Idle => {}
            }
        }
        proceed.made_progress();
        Poll::Ready(())
    }
}

impl<T> fmt::Debug for Get<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Put<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("ended", &self.item.is_none()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Join<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}
