//! What the handles of a queue share, and the steps on it that do not wait.

use std::task::Waker;

use heist_core::sync::Mutex;

use super::order::Order;
use super::{GetNowaitError, PutNowaitError, QueueEmpty, QueueFull, QueueShutDown, TaskDoneError};
use crate::waitlist::{WaitList, WakeBatch};

/// A queue without its handles.
pub(crate) struct Shared<T, O: Order<T>> {
    /// 0 is unbounded.
    pub maxsize: usize,
    pub(super) state: Mutex<State<T, O>>,
}

pub(super) struct State<T, O: Order<T>> {
    pub items: O::Items,
    pub getters: WaitList,
    pub putters: WaitList,
    pub joiners: WaitList,
    /// Items put, less calls of `task_done`.
    pub unfinished: usize,
    pub shut_down: bool,
}

/// What a queue is like at one moment; see [`OrderedQueue::statistics`](super::OrderedQueue::statistics).
///
/// ```
/// # use heist_sync::{Queue, QueueStatistics};
/// let queue = Queue::bounded(4);
/// queue.put_nowait("a").unwrap();
/// queue.get_nowait().unwrap();
/// let now: QueueStatistics = queue.statistics();
/// assert_eq!((now.items, now.unfinished, now.shut_down), (0, 1, false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatistics {
    /// Items in the queue.
    pub items: usize,
    /// How many items fit; 0 where there is no limit.
    pub maxsize: usize,
    /// Getters that wait.
    pub getters: usize,
    /// Putters that wait.
    pub putters: usize,
    /// Waiters of `join`.
    pub joiners: usize,
    /// Items put, less calls of `task_done`.
    pub unfinished: usize,
    /// Whether the queue was shut down.
    pub shut_down: bool,
}

impl<T, O: Order<T>> State<T, O> {
    pub fn len(&self) -> usize {
        O::len(&self.items)
    }

    /// Takes the next item; the waker is that of a putter, to be woken with no lock held.
    pub fn take(&mut self, maxsize: usize) -> Option<(T, Option<Waker>)> {
        let item = O::pop(&mut self.items)?;
        Some((item, self.grant_slot(maxsize)))
    }

    /// Adds an item; the waker is that of a getter, to be woken with no lock held.
    pub fn add(&mut self, item: T) -> Option<Waker> {
        O::push(&mut self.items, item);
        self.unfinished += 1;
        self.grant_item()
    }

    /// Gives the next getter a turn if there is an item that no turn is out for.
    pub fn grant_item(&mut self) -> Option<Waker> {
        if self.len() > self.getters.granted() { self.getters.grant() } else { None }
    }

    /// Gives the next putter a turn if there is a slot that no turn is out for.
    pub fn grant_slot(&mut self, maxsize: usize) -> Option<Waker> {
        if self.free(maxsize) > self.putters.granted() { self.putters.grant() } else { None }
    }

    pub fn free(&self, maxsize: usize) -> usize {
        if maxsize == 0 { usize::MAX } else { maxsize - self.len().min(maxsize) }
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T, O: Order<T>> Shared<T, O> {
    pub fn new(maxsize: usize) -> Self {
        let state = State {
            items: O::Items::default(),
            getters: WaitList::new(),
            putters: WaitList::new(),
            joiners: WaitList::new(),
            unfinished: 0,
            shut_down: false,
        };
        Self { maxsize, state: Mutex::new(state) }
    }

    pub fn put_nowait(&self, item: T) -> Result<(), PutNowaitError<T>> {
        let getter = {
            let mut state = self.state.lock();
            if state.shut_down {
                return Err(PutNowaitError::ShutDown(QueueShutDown(item)));
            }
            if state.free(self.maxsize) == 0 {
                return Err(PutNowaitError::Full(QueueFull(item)));
            }
            state.add(item)
        };
        wake(getter);
        Ok(())
    }

    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        let (item, putter) = {
            let mut state = self.state.lock();
            match state.take(self.maxsize) {
                Some(taken) => taken,
                None if state.shut_down => return Err(GetNowaitError::ShutDown(QueueShutDown(()))),
                None => return Err(GetNowaitError::Empty(QueueEmpty)),
            }
        };
        wake(putter);
        Ok(item)
    }

    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            state.unfinished = state.unfinished.checked_sub(1).ok_or(TaskDoneError)?;
            if state.unfinished > 0 {
                return Ok(());
            }
            batch.grant_all(&mut state.joiners);
        }
        batch.wake();
        Ok(())
    }

    pub fn shutdown(&self, immediate: bool) {
        let mut batch = WakeBatch::new();
        let dropped = {
            let mut state = self.state.lock();
            let state = &mut *state;
            state.shut_down = true;
            let dropped = if immediate { std::mem::take(&mut state.items) } else { O::Items::default() };
            state.unfinished = state.unfinished.saturating_sub(O::len(&dropped));
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

    pub fn len(&self) -> usize {
        self.state.lock().len()
    }

    pub fn is_full(&self) -> bool {
        self.state.lock().free(self.maxsize) == 0
    }

    pub fn is_shut_down(&self) -> bool {
        self.state.lock().shut_down
    }

    pub fn statistics(&self) -> QueueStatistics {
        let state = self.state.lock();
        QueueStatistics {
            items: state.len(),
            maxsize: self.maxsize,
            getters: state.getters.waiting(),
            putters: state.putters.waiting(),
            joiners: state.joiners.waiting(),
            unfinished: state.unfinished,
            shut_down: state.shut_down,
        }
    }
}
