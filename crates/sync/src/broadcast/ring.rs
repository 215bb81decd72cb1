//! The last values, and who has yet to see them: what is behind the lock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_core::sync::{Mutex, mutant};

use super::place::Place;
use super::slot::{Block, Evicted, Seen, Slot, block};
use super::{RecvError, SendError, TryRecvError};
use crate::ChannelStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// Values of a block, at most. So the lock that a receiver takes to find the next one, and its allocation, are shared by so many.
const BLOCK: usize = if cfg!(heist_loom) { 2 } else { 32 };

/// Bytes of a block, where a value takes no more.
const BLOCK_BYTES: usize = 4096;

pub(super) struct Ring<T> {
    pub capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// Those from `oldest` to `next`, and some before them.
    blocks: VecDeque<Block<T>>,
    /// The number of the first block.
    first: u64,
    /// Blocks have two to the power of this many slots.
    bits: u32,
    /// The position of the oldest value in the ring, as far as anybody has looked: it may have been seen by all.
    oldest: u64,
    /// The position of the next value to be sent.
    next: u64,
    /// Receivers that stand before `oldest`, each with a unit there, since the value was evicted under it.
    behind: usize,
    senders: usize,
    receivers: usize,
    waiting: WaitList,
}

/// What is to be dropped after the lock: with it values may go, whose `Drop` may use the channel.
type Gone<T> = (Option<T>, Option<Block<T>>);

impl<T> State<T> {
    fn block_of(&self, position: u64) -> Option<&Block<T>> {
        let index = (position >> self.bits).checked_sub(self.first)?;
        // As many blocks fit into memory.
        self.blocks.get(index as usize)
    }

    #[inline]
    fn slot(&self, position: u64) -> Option<&Slot<T>> {
        let block = self.block_of(position)?;
        block.get(position as usize & (block.len() - 1))
    }

    /// Finds out how much of what is there has been seen by all.
    fn look(&mut self) {
        while self.oldest < self.next && self.slot(self.oldest).is_some_and(Slot::is_seen) {
            self.oldest += 1;
        }
    }

    fn len(&mut self) -> usize {
        self.look();
        // No more than the capacity.
        (self.next - self.oldest) as usize
    }

    /// Lets the first block go, if the ring has come past it.
    fn cut(&mut self) -> Option<Block<T>> {
        if self.oldest >> self.bits == self.first {
            return None;
        }
        self.first += 1;
        self.blocks.pop_front()
    }

    /// Adds a value. There is room for it.
    #[inline]
    fn push(&mut self, value: T) {
        let index = self.next as usize & ((1 << self.bits) - 1);
        if index == 0 {
            self.blocks.push_back(block(self.bits));
        }
        if let Some(slot) = self.blocks.back().and_then(|block| block.get(index)) {
            // SAFETY: each position comes once, and the lock is held.
            unsafe { slot.fill(value, self.receivers) };
            self.next += 1;
        }
    }

    /// Takes the oldest value out; gives it, unless somebody may be reading it.
    fn evict(&mut self) -> Option<T> {
        let slot = self.slot(self.oldest)?;
        // SAFETY: the lock is held, a position is evicted once, and so many receivers stand before it.
        let Evicted { here, value } = unsafe { slot.evict(self.behind) };
        self.behind += here;
        self.oldest += 1;
        value
    }

    /// Brings a receiver that is behind to the oldest value there is.
    fn catch_up(&mut self, place: &mut Place<T>) -> Gone<T> {
        if place.position >= self.oldest {
            return (None, None);
        }
        // Where neither knows the slot the ring has come past its block: the unit goes with that.
        let slot = place.slot().or_else(|| self.slot(place.position));
        // SAFETY: who is behind has a unit where it stands, and moves on from there just now.
        let value = slot.and_then(|slot| unsafe { slot.give_up() });
        self.behind -= 1;
        (value, place.skip_to(self.oldest))
    }

    /// As [`catch_up`](Self::catch_up), for one that has gone on from the value that was evicted under it.
    fn has_seen_evicted(&mut self, place: &mut Place<T>) -> Option<Block<T>> {
        if !mutant("sync-broadcast-reader-stays-behind") {
            self.behind -= 1;
        }
        if place.position < self.oldest { place.skip_to(self.oldest) } else { None }
    }

    /// What a receiver finds: `Ok` where its place now knows the slot of a value.
    fn find(&self, place: &mut Place<T>) -> Result<(), TryRecvError> {
        if let Some(missed) = place.tell_missed() {
            return Err(TryRecvError::Lagged(missed));
        }
        if place.position == self.next {
            return Err(if self.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        place.enter(|position| self.block_of(position).cloned());
        Ok(())
    }
}

impl<T> Ring<T> {
    /// With one sender and no receiver.
    pub fn new(capacity: usize) -> Self {
        let slots = (BLOCK_BYTES / size_of::<Slot<T>>()).clamp(1, BLOCK).min(capacity);
        let state = State {
            blocks: VecDeque::new(),
            first: 0,
            bits: slots.ilog2(),
            oldest: 0,
            next: 0,
            behind: 0,
            senders: 1,
            receivers: 0,
            waiting: WaitList::new(),
        };
        Self { capacity, state: Mutex::new(state) }
    }

    /// Adds a value and wakes those who wait; gives how many receivers will see it.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut batch = WakeBatch::new();
        // Dropped after the lock.
        let (_evicted, _gone);
        let receivers = {
            let mut state = self.state.lock();
            let state = &mut *state;
            if state.receivers == 0 {
                return Err(SendError(value));
            }
            _evicted = self.make_room(state);
            _gone = state.cut();
            state.push(value);
            if !mutant("sync-broadcast-send-without-wake") {
                batch.grant_all(&mut state.waiting);
            }
            state.receivers
        };
        batch.wake();
        Ok(receivers)
    }

    /// Sees to it that the ring has room for one more; gives what had to go.
    #[inline]
    fn make_room(&self, state: &mut State<T>) -> Option<T> {
        let begins_block = state.next as usize & ((1 << state.bits) - 1) == 0;
        let is_full = |state: &State<T>| (state.next - state.oldest) as usize == self.capacity;
        // Once a block, so that those that were seen by all go.
        if begins_block || is_full(state) {
            state.look();
        }
        if is_full(state) { state.evict() } else { None }
    }

    /// What [`State::find`] says of a receiver that may be behind.
    fn find(&self, state: &mut State<T>, place: &mut Place<T>) -> (Gone<T>, Result<(), TryRecvError>) {
        (state.catch_up(place), state.find(place))
    }

    #[inline(never)]
    fn find_alone(&self, place: &mut Place<T>) -> Result<(), TryRecvError> {
        let (_gone, found);
        let mut state = self.state.lock();
        (_gone, found) = self.find(&mut state, place);
        found
    }

    #[cold]
    #[inline(never)]
    fn has_seen_evicted(&self, place: &mut Place<T>) {
        let _gone;
        let mut state = self.state.lock();
        _gone = state.has_seen_evicted(place);
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

    /// Adds a receiver; gives the place from which on it sees what is sent.
    pub fn add_receiver(&self) -> Place<T> {
        let mut state = self.state.lock();
        state.receivers += 1;
        Place::at(state.next)
    }

    /// Takes away a receiver. What it alone had yet to see goes.
    pub fn remove_receiver(&self, place: &mut Place<T>) {
        // Dropped after the lock.
        let (mut values, mut blocks) = (Vec::new(), Vec::new());
        let _gone;
        let mut state = self.state.lock();
        state.receivers -= 1;
        _gone = state.catch_up(place);
        for position in place.position..state.next {
            // SAFETY: it has a unit in all that it had yet to see, and goes.
            values.extend(state.slot(position).and_then(|slot| unsafe { slot.give_up() }));
        }
        state.look();
        blocks.extend(std::iter::from_fn(|| state.cut()));
    }

    /// How many values a receiver has yet to see, of those that are there.
    pub fn unseen(&self, place: &Place<T>) -> usize {
        let state = self.state.lock();
        (state.next - place.position.max(state.oldest)) as usize
    }

    pub fn len(&self) -> usize {
        self.state.lock().len()
    }

    pub fn statistics(&self) -> ChannelStatistics {
        let mut state = self.state.lock();
        ChannelStatistics {
            values: state.len(),
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

/// Receiving.
impl<T: Clone> Ring<T> {
    /// The value at a place that knows its slot, without the lock.
    #[inline]
    pub fn see(&self, place: &mut Place<T>) -> Option<T> {
        // SAFETY: a receiver has a unit in each value that it has yet to see, and comes past this one.
        let Seen { value, evicted, original: _original } = unsafe { place.slot()?.see() }?;
        let _gone = place.step();
        // Before anything is dropped, because that may panic.
        if evicted {
            self.has_seen_evicted(place);
        }
        Some(value)
    }

    pub fn try_recv(&self, place: &mut Place<T>) -> Result<T, TryRecvError> {
        loop {
            if let Some(value) = self.see(place) {
                return Ok(value);
            }
            // A value that is evicted before it is seen is lost, and that ends the loop.
            self.find_alone(place)?;
        }
    }

    /// Takes the next value, or lets `waiter` wait for it.
    ///
    /// # Safety
    ///
    /// The waiter enters no other list, and [`leave`](Self::leave)s before it goes.
    pub unsafe fn poll_recv(
        &self,
        place: &mut Place<T>,
        mut waiter: Pin<&mut Waiter>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        loop {
            // SAFETY: the caller's word.
            match unsafe { self.poll_find(place, waiter.as_mut(), cx) } {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            if let Some(value) = self.see(place) {
                return Poll::Ready(Ok(value));
            }
        }
    }
}

/// Waiting.
impl<T> Ring<T> {
    /// # Safety
    ///
    /// As for [`poll_recv`](Self::poll_recv).
    #[inline(never)]
    unsafe fn poll_find(
        &self,
        place: &mut Place<T>,
        mut waiter: Pin<&mut Waiter>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RecvError>> {
        // What `turn` and `find` hand out is dropped after the lock.
        let (turn, _old, _gone, found);
        let mut state = self.state.lock();
        // SAFETY: the caller's word; the lock is held.
        (turn, _old) = unsafe { state.waiting.turn(waiter.as_mut(), cx.waker()) };
        if turn == Turn::Waiting {
            return Poll::Pending;
        }
        (_gone, found) = self.find(&mut state, place);
        Poll::Ready(match found {
            Ok(()) => Ok(()),
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
    /// The waiter is in a list, and that by [`poll_recv`](Self::poll_recv).
    #[inline(never)]
    pub unsafe fn leave(&self, waiter: Pin<&mut Waiter>) {
        // SAFETY: the caller's word; the lock is held. A turn needs no passing on: all were given one.
        let left = unsafe { self.state.lock().waiting.leave(waiter) };
        drop(left.waker);
    }
}
