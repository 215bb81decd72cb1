//! What the halves of a channel share, and every step on it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Mutex, MutexGuard, mutant};

use super::hand::{Hand, Look};
use super::slots::{Slots, UNLIMITED};
use crate::ChannelStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

pub(super) struct Shared<T> {
    pub capacity: usize,
    hand: Hand<T>,
    /// Senders; the channel has ended when there is none. Never rises from zero.
    senders: AtomicUsize,
    /// Weak senders: a figure, nothing depends on it.
    pub weak: AtomicUsize,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// Values that the receiver has not fetched.
    items: VecDeque<T>,
    slots: Slots,
    /// Those who wait for the channel to be closed.
    closing: WaitList,
    closed: bool,
    /// The receiver is gone: nothing is kept any more.
    gone: bool,
}

/// What the receiver found when it came for more.
#[must_use]
pub(super) enum Fetch<T> {
    /// The next value; its slot is released. What comes after it is in the batch.
    Some(T),
    /// There is nothing now.
    None,
    /// There is nothing, and nothing will come.
    End,
}

/// A buffer that has room for this many values may always be kept.
const KEEP: usize = 32;

#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Shared<T> {
    pub fn new(capacity: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            slots: Slots::new(capacity),
            closing: WaitList::new(),
            closed: false,
            gone: false,
        };
        Self {
            capacity,
            hand: Hand::new(),
            senders: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            state: Mutex::new(state),
        }
    }

    // The senders' steps.

    /// Takes the lock, and has all go by it from now on.
    #[inline]
    fn lock_all(&self) -> MutexGuard<'_, State<T>> {
        let mut state = self.state.lock();
        if self.hand.word.go_by_lock() {
            state.slots.look(&self.hand.word);
        }
        state
    }

    /// Adds a value, with the lock held and all going by it; the waker is the receiver's, to be woken with no lock held.
    #[inline]
    fn push(&self, state: &mut State<T>, value: T) -> Option<Waker> {
        state.items.push_back(value);
        if mutant("sync-mpsc-send-without-wake") { None } else { self.hand.take_receiver() }
    }

    /// Sends `value` if there is a slot.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), super::TrySendError<T>> {
        match self.hand.take_place() {
            Some(place) => {
                wake(self.hand.fill(place, value));
                Ok(())
            }
            None => self.try_send_by_lock(value),
        }
    }

    fn try_send_by_lock(&self, value: T) -> Result<(), super::TrySendError<T>> {
        let waker = {
            let mut state = self.lock_all();
            if state.closed {
                return Err(super::TrySendError::Closed(value));
            }
            if !state.slots.try_claim(&self.hand.word) {
                return Err(super::TrySendError::Full(value));
            }
            self.push(&mut state, value)
        };
        wake(waker);
        Ok(())
    }

    /// Claims a slot without sending.
    pub fn try_reserve(&self) -> Result<(), super::TrySendError<()>> {
        let mut state = self.lock_all();
        if state.closed {
            return Err(super::TrySendError::Closed(()));
        }
        if state.slots.try_claim(&self.hand.word) { Ok(()) } else { Err(super::TrySendError::Full(())) }
    }

    /// Claims a slot for `waiter`, and sends into it, in one step, what `value` holds: nothing for a reservation.
    /// `Err` where the channel is closed.
    ///
    /// # Safety
    ///
    /// The waiter has been in no list but by this function, and leaves by [`leave`](Self::leave) before it goes.
    #[inline]
    pub unsafe fn poll_send(
        &self,
        mut waiter: Pin<&mut Waiter>,
        cx: &mut Context<'_>,
        value: &mut Option<T>,
    ) -> Poll<Result<(), ()>> {
        let proceed = ready!(poll_proceed(cx));
        // Who has waited goes by the lock, where its slot is.
        if !waiter.as_mut().entered() && value.is_some() {
            if let Some(place) = self.hand.take_place() {
                proceed.made_progress();
                wake(value.take().and_then(|value| self.hand.fill(place, value)));
                return Poll::Ready(Ok(()));
            }
        }
        // SAFETY: the caller's word.
        let sent = ready!(unsafe { self.poll_send_by_lock(waiter, cx.waker(), value) });
        if sent.is_ok() {
            proceed.made_progress();
        }
        Poll::Ready(sent)
    }

    /// # Safety
    ///
    /// As for [`poll_send`](Self::poll_send).
    #[inline(never)]
    unsafe fn poll_send_by_lock(
        &self,
        mut waiter: Pin<&mut Waiter>,
        waker: &Waker,
        value: &mut Option<T>,
    ) -> Poll<Result<(), ()>> {
        let receiver = {
            let mut state = self.lock_all();
            // A newcomer most often finds a slot at once.
            let newcomer = !state.closed && !waiter.as_mut().entered();
            if !(newcomer && state.slots.try_claim(&self.hand.word)) {
                // SAFETY: the caller's word.
                match ready!(unsafe { self.poll_claim(state, waiter, waker) }) {
                    Ok(again) => state = again,
                    Err(()) => return Poll::Ready(Err(())),
                }
            }
            value.take().and_then(|value| self.push(&mut state, value))
        };
        wake(receiver);
        Poll::Ready(Ok(()))
    }

    /// As [`poll_send`](Self::poll_send), for who may have to wait: ready, with the lock still held, when it has a slot.
    ///
    /// # Safety
    ///
    /// As for [`poll_send`](Self::poll_send).
    #[cold]
    #[inline(never)]
    unsafe fn poll_claim<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        waiter: Pin<&mut Waiter>,
        waker: &Waker,
    ) -> Poll<Result<MutexGuard<'a, State<T>>, ()>> {
        if state.closed {
            // SAFETY: the caller's word; the lock is held.
            let (left, _) = unsafe { state.slots.leave(&self.hand.word, waiter) };
            drop(state);
            drop(left.waker);
            return Poll::Ready(Err(()));
        }
        // SAFETY: the caller's word; the lock is held.
        let (claimed, old) = unsafe { state.slots.poll_claim(&self.hand.word, waiter, waker) };
        if claimed {
            // Who had to wait has been granted a slot: its waker is gone.
            debug_assert!(old.is_none());
            return Poll::Ready(Ok(state));
        }
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Takes a waiter out of the line; a slot that it was promised goes to the next.
    ///
    /// # Safety
    ///
    /// The waiter has been in no list but by [`poll_send`](Self::poll_send).
    #[inline]
    pub unsafe fn leave(&self, mut waiter: Pin<&mut Waiter>) {
        if waiter.as_mut().entered() {
            // SAFETY: the caller's word.
            unsafe { self.leave_line(waiter) };
        }
    }

    /// # Safety
    ///
    /// As for [`leave`](Self::leave).
    #[cold]
    unsafe fn leave_line(&self, waiter: Pin<&mut Waiter>) {
        // SAFETY: the caller's word; the lock is held.
        let (left, next) = unsafe { self.state.lock().slots.leave(&self.hand.word, waiter) };
        wake(next);
        drop(left.waker);
    }

    /// Sends into a slot that was reserved. A receiver that is gone lets the value go too.
    pub fn send_reserved(&self, value: T) {
        let waker = {
            let mut state = self.state.lock();
            if state.gone {
                // The value's own code runs with no lock held.
                drop(state);
                return drop(value);
            }
            self.push(&mut state, value)
        };
        wake(waker);
    }

    /// Gives a reserved slot back. A receiver of a closed channel waits for that too.
    pub fn unreserve(&self) {
        let (next, receiver) = {
            let mut state = self.state.lock();
            let next = state.slots.unclaim(&self.hand.word);
            (next, if state.closed { self.hand.take_receiver() } else { None })
        };
        wake(next);
        wake(receiver);
    }

    // The senders' count.

    pub fn senders(&self) -> usize {
        self.senders.load(Ordering::Relaxed)
    }

    pub fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a sender unless there is none any more.
    pub fn try_add_sender(&self) -> bool {
        let mut count = self.senders.load(Ordering::Relaxed);
        while count != 0 {
            match self.senders.compare_exchange_weak(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Takes a sender away; with the last one the receiver is told.
    pub fn remove_sender(&self) {
        // AcqRel: the last one passes on, through the lock, what all before it did.
        if self.senders.fetch_sub(1, Ordering::AcqRel) > 1 || mutant("sync-mpsc-last-sender-without-wake") {
            return;
        }
        let receiver = {
            // A receiver that went to wait before this has left its waker; one that comes later comes to the lock, and sees
            // the count.
            let _state = self.lock_all();
            self.hand.take_receiver()
        };
        wake(receiver);
    }

    // The receiver's steps.

    /// The value in the hand, if it is there. Then the receiver's batch is empty.
    #[inline]
    pub fn take_from_hand(&self) -> Option<T> {
        if !self.hand.is_full() {
            return None;
        }
        let (value, wanted) = self.hand.take();
        if wanted {
            self.grant_slots();
        }
        Some(value)
    }

    /// Takes the next value, and exchanges the receiver's empty batch for the rest of what there is. With a waker, and
    /// nothing there, the receiver waits.
    #[inline(never)]
    pub fn fetch(&self, batch: &mut VecDeque<T>, waker: Option<&Waker>) -> Fetch<T> {
        match self.hand.look(waker) {
            Look::Nothing => Fetch::None,
            // It has come since the look before this one.
            Look::Full => self.fetch_from_hand(),
            Look::ByLock => self.fetch_by_lock(batch, waker),
        }
    }

    /// Apart, as the next one is, so that a receiver that goes to wait saves no registers for it.
    #[cold]
    #[inline(never)]
    fn fetch_from_hand(&self) -> Fetch<T> {
        self.take_from_hand().map_or(Fetch::None, Fetch::Some)
    }

    #[inline(never)]
    fn fetch_by_lock(&self, batch: &mut VecDeque<T>, waker: Option<&Waker>) -> Fetch<T> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(value) = state.items.pop_front() else { return self.find_nothing(guard, waker) };
        let next = if self.capacity == UNLIMITED { None } else { state.slots.unclaim(&self.hand.word) };
        if state.items.is_empty() {
            drop(guard);
        } else {
            Self::exchange(guard, batch);
        }
        wake(next);
        Fetch::Some(value)
    }

    /// Exchanges the receiver's empty batch for what there is. What a burst has left behind is not kept for ever.
    #[inline(never)]
    fn exchange(mut state: MutexGuard<'_, State<T>>, batch: &mut VecDeque<T>) {
        let is_large = batch.capacity() > KEEP && batch.capacity() / 4 > state.items.len();
        let spent = if is_large { std::mem::take(batch) } else { VecDeque::new() };
        std::mem::swap(batch, &mut state.items);
        drop(state);
        drop(spent);
    }

    /// The receiver has come, with the lock held, and there is nothing.
    #[inline(never)]
    fn find_nothing(&self, mut state: MutexGuard<'_, State<T>>, waker: Option<&Waker>) -> Fetch<T> {
        // Acquire pairs with `remove_sender`; the lock has ordered the values before it.
        let ended = self.senders.load(Ordering::Acquire) == 0
            || state.closed && (self.capacity == UNLIMITED || state.slots.in_use(&self.hand.word) == 0);
        if ended {
            return Fetch::End;
        }
        let Some(waker) = waker else { return Fetch::None };
        let open = !state.closed && state.slots.are_idle(&self.hand.word);
        let old = self.hand.wait_by_lock(waker, open);
        drop(state);
        drop(old);
        Fetch::None
    }

    /// Releases the slots of `count` values that the receiver has taken out.
    #[inline]
    pub fn release(&self, count: usize) {
        if self.capacity != UNLIMITED && self.hand.word.release(count) {
            self.grant_slots();
        }
    }

    #[cold]
    fn grant_slots(&self) {
        loop {
            let next = self.state.lock().slots.grant(&self.hand.word);
            match next {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }

    /// Forgets the receiver's waker.
    pub fn unpark(&self) {
        drop(self.hand.take_back());
    }

    /// Lets no more values in. With `gone` those that are there are dropped.
    pub fn close(&self, gone: bool) {
        let mut batch = WakeBatch::new();
        let items = {
            let mut state = self.lock_all();
            let state = &mut *state;
            state.closed = true;
            state.gone |= gone;
            if !mutant("sync-mpsc-close-leaves-senders") {
                state.slots.grant_all(&mut batch);
            }
            batch.grant_all(&mut state.closing);
            if gone { std::mem::take(&mut state.items) } else { VecDeque::new() }
        };
        batch.wake();
        // The values' own code, and the waker's, runs with no lock held.
        drop(items);
        if gone {
            drop(self.hand.empty());
            drop(self.hand.take_back());
        }
    }

    // What anybody may ask.

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Values that the receiver has not fetched.
    pub fn queued(&self) -> usize {
        self.state.lock().items.len() + usize::from(self.hand.is_full())
    }

    /// Free slots.
    pub fn free(&self) -> usize {
        match self.capacity {
            UNLIMITED => UNLIMITED,
            capacity => capacity - self.state.lock().slots.in_use(&self.hand.word),
        }
    }

    /// Senders that wait for a slot.
    pub fn waiting_senders(&self) -> usize {
        self.state.lock().slots.waiting()
    }

    /// As the senders see it.
    pub fn statistics(&self) -> ChannelStatistics {
        let mut state = self.state.lock();
        let state = &mut *state;
        let limited = self.capacity != UNLIMITED;
        let senders = self.senders();
        ChannelStatistics {
            values: if limited {
                state.slots.in_use(&self.hand.word)
            } else {
                state.items.len() + usize::from(self.hand.is_full())
            },
            capacity: limited.then_some(self.capacity),
            senders,
            receivers: usize::from(!state.gone),
            senders_waiting: state.slots.waiting(),
            receivers_waiting: usize::from(self.hand.word.load().is_waiting()),
            closed: state.closed || senders == 0,
        }
    }

    /// Whether the channel is closed; otherwise `waiter` waits for it.
    ///
    /// # Safety
    ///
    /// The waiter has been in no list but by this function, and leaves by [`leave_closing`](Self::leave_closing) before it
    /// goes.
    pub unsafe fn poll_closed(&self, mut waiter: Pin<&mut Waiter>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(poll_proceed(cx));
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        {
            let mut state = self.state.lock();
            // SAFETY: the caller's word; the lock is held.
            (turn, _old) = unsafe { state.closing.turn(waiter.as_mut(), cx.waker()) };
            match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Idle if !state.closed => {
                    // SAFETY: the waiter is idle; it leaves before it goes (the caller's word).
                    unsafe { state.closing.enter(waiter, cx.waker(), End::Back) };
                    return Poll::Pending;
                }
                Turn::Used | Turn::Idle => {}
            }
        }
        proceed.made_progress();
        Poll::Ready(())
    }

    /// Takes a waiter out of the line of those who wait for the end.
    ///
    /// # Safety
    ///
    /// The waiter has been in no list but by [`poll_closed`](Self::poll_closed).
    pub unsafe fn leave_closing(&self, mut waiter: Pin<&mut Waiter>) {
        if waiter.as_mut().entered() {
            // SAFETY: the caller's word; the lock is held.
            let left = unsafe { self.state.lock().closing.leave(waiter) };
            drop(left.waker);
        }
    }
}
