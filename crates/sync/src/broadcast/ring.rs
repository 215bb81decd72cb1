//! The last values, and who has yet to see them. All of it is behind one lock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::sync::{Mutex, mutant};

use super::{RecvError, SendError, TryRecvError};
use crate::ChannelStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

pub(super) struct Ring<T> {
    pub capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    values: VecDeque<Slot<T>>,
    /// The position of the next value to be sent; the oldest that is there is `values.len()` before it.
    next: u64,
    senders: usize,
    receivers: usize,
    waiting: WaitList,
}

struct Slot<T> {
    value: Arc<T>,
    /// Receivers that have not come past it. Never rises, and never falls below that of a later slot's readers: so the
    /// slots that nobody waits for are always the oldest.
    unseen: usize,
}

impl<T> State<T> {
    fn oldest(&self) -> u64 {
        self.next - self.values.len() as u64
    }

    /// The value at `position`, which moves on.
    fn take(&mut self, position: &mut u64) -> Result<Arc<T>, TryRecvError> {
        let oldest = self.oldest();
        if *position < oldest {
            let missed = oldest - *position;
            *position = oldest;
            return Err(TryRecvError::Lagged(missed));
        }
        // In the ring's bounds the difference fits.
        let index = (*position - oldest) as usize;
        let Some(slot) = self.values.get_mut(index) else {
            return Err(if self.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        *position += 1;
        slot.unseen -= 1;
        if slot.unseen > 0 {
            return Ok(slot.value.clone());
        }
        // All have seen it, and so all that is older: it is the oldest.
        let slot = self.values.pop_front();
        slot.map(|slot| slot.value).ok_or(TryRecvError::Empty)
    }
}

impl<T> Ring<T> {
    /// With one sender and no receiver.
    pub fn new(capacity: usize) -> Self {
        let state =
            State { values: VecDeque::new(), next: 0, senders: 1, receivers: 0, waiting: WaitList::new() };
        Self { capacity, state: Mutex::new(state) }
    }

    /// Adds a value and wakes those who wait; gives how many receivers will see it.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let value = Arc::new(value);
        let mut batch = WakeBatch::new();
        // Dropped after the lock.
        let _evicted;
        let receivers = {
            let mut state = self.state.lock();
            let state = &mut *state;
            if state.receivers == 0 {
                let value = Arc::into_inner(value).expect("a value that was not sent has one owner");
                return Err(SendError(value));
            }
            _evicted = if state.values.len() == self.capacity { state.values.pop_front() } else { None };
            state.next += 1;
            state.values.push_back(Slot { value, unseen: state.receivers });
            if !mutant("sync-broadcast-send-without-wake") {
                batch.grant_all(&mut state.waiting);
            }
            state.receivers
        };
        batch.wake();
        Ok(receivers)
    }

    pub fn try_recv(&self, position: &mut u64) -> Result<Arc<T>, TryRecvError> {
        self.state.lock().take(position)
    }

    /// Takes the value at `position`, or lets `waiter` wait for it.
    ///
    /// # Safety
    ///
    /// The waiter enters no other list, and [`leave`](Self::leave)s before it goes.
    pub unsafe fn poll_recv(
        &self,
        position: &mut u64,
        mut waiter: Pin<&mut Waiter>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<T>, RecvError>> {
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let mut state = self.state.lock();
        // SAFETY: the caller's word; the lock is held.
        (turn, _old) = unsafe { state.waiting.turn(waiter.as_mut(), cx.waker()) };
        if turn == Turn::Waiting {
            return Poll::Pending;
        }
        Poll::Ready(match state.take(position) {
            Ok(value) => Ok(value),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Empty) => {
                // SAFETY: the waiter is idle, and leaves before it goes (the caller's word).
                unsafe { state.waiting.enter(waiter, cx.waker(), End::Back) };
                return Poll::Pending;
            }
        })
    }

    /// # Safety
    ///
    /// The waiter has been in no list but by [`poll_recv`](Self::poll_recv).
    pub unsafe fn leave(&self, mut waiter: Pin<&mut Waiter>) {
        if waiter.as_mut().entered() {
            // SAFETY: the caller's word; the lock is held. A turn needs no passing on: all were given one.
            let left = unsafe { self.state.lock().waiting.leave(waiter) };
            drop(left.waker);
        }
    }

    pub fn add_sender(&self) {
        self.state.lock().senders += 1;
    }

    /// Takes a sender away; with the last one those who wait are told.
    pub fn remove_sender(&self) {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            state.senders -= 1;
            if state.senders == 0 && !mutant("sync-broadcast-last-sender-without-wake") {
                batch.grant_all(&mut state.waiting);
            }
        }
        batch.wake();
    }

    /// Adds a receiver; gives the position from which on it sees what is sent.
    pub fn add_receiver(&self) -> u64 {
        let mut state = self.state.lock();
        state.receivers += 1;
        state.next
    }

    /// Takes away a receiver that has come to `position`. What it alone had yet to see goes.
    pub fn remove_receiver(&self, position: u64) {
        // Dropped after the lock.
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        let state = &mut *state;
        state.receivers -= 1;
        let seen = position.saturating_sub(state.oldest()) as usize;
        for slot in state.values.iter_mut().skip(seen) {
            slot.unseen -= 1;
        }
        while state.values.front().is_some_and(|slot| slot.unseen == 0) {
            gone.extend(state.values.pop_front());
        }
    }

    /// How many values a receiver at `position` has yet to see, of those that are there.
    pub fn unseen(&self, position: u64) -> usize {
        let state = self.state.lock();
        (state.next - position.max(state.oldest())) as usize
    }

    pub fn len(&self) -> usize {
        self.state.lock().values.len()
    }

    pub fn statistics(&self) -> ChannelStatistics {
        let state = self.state.lock();
        ChannelStatistics {
            values: state.values.len(),
            capacity: Some(self.capacity),
            senders: state.senders,
            receivers: state.receivers,
            senders_waiting: 0,
            receivers_waiting: state.waiting.waiting(),
            closed: state.senders == 0,
        }
    }

    pub fn receivers(&self) -> usize {
        self.state.lock().receivers
    }

    pub fn senders(&self) -> usize {
        self.state.lock().senders
    }
}
