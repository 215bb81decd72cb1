//! The slots of a bounded channel, and the line of those who wait for one.
//!
//! A slot is *claimed* by a sender, with the lock held, and *released* by the receiver, without it: the receiver counts in
//! a word of its own how many values it has taken out. So a claim compares two counts, and a release is a store.
//!
//! Who finds no free slot raises `wanted`, crosses a fence, and reads the receiver's count again; the receiver stores its
//! count, crosses a fence, and looks at `wanted`. One of the two sees the other: `docs/design/channels.md`.

use std::pin::Pin;
use std::task::Waker;

use heist_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use heist_core::sync::mutant;

use crate::waitlist::{End, Left, Turn, WaitList, Waiter, WakeBatch};

/// Says of a channel that it has no limit.
pub(super) const UNLIMITED: usize = usize::MAX;

/// What both sides see without the lock.
pub(super) struct Signals {
    /// Slots ever released, wrapping. Written by the receiver alone.
    released: AtomicUsize,
    /// Whether a sender waits for a slot. Raised and lowered with the lock held.
    wanted: AtomicBool,
}

impl Signals {
    pub fn new() -> Self {
        Self { released: AtomicUsize::new(0), wanted: AtomicBool::new(false) }
    }

    /// Releases `count` slots; whether somebody may be waiting for one. Called by the receiver alone.
    #[inline]
    pub fn release(&self, count: usize) -> bool {
        let released = self.released.load(Ordering::Relaxed).wrapping_add(count);
        // Release pairs with the Acquire in `Slots::spare`: a send that got the slot comes after the receive.
        self.released.store(released, Ordering::Release);
        if !mutant("sync-mpsc-release-without-fence") {
            // Pairs with the fence in `Slots::still_none`.
            fence(Ordering::SeqCst);
        }
        self.wanted.load(Ordering::Relaxed)
    }
}

/// The senders' side; lives behind the channel's lock.
pub(super) struct Slots {
    capacity: usize,
    /// Slots ever claimed, less those given back unused; wrapping.
    claimed: usize,
    /// The receiver's count when it was last looked at.
    released: usize,
    waiting: WaitList,
}

impl Slots {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, claimed: 0, released: 0, waiting: WaitList::new() }
    }

    /// Slots that are claimed and not released.
    pub fn in_use(&mut self, signals: &Signals) -> usize {
        self.released = signals.released.load(Ordering::Acquire);
        self.claimed.wrapping_sub(self.released)
    }

    /// Free slots that no turn is out for, by the counts that are known.
    fn known_spare(&self) -> usize {
        self.capacity - self.claimed.wrapping_sub(self.released) - self.waiting.granted()
    }

    /// Free slots that no turn is out for. The receiver's count is read only where the last one does not do.
    #[inline]
    pub fn spare(&mut self, signals: &Signals) -> usize {
        if self.known_spare() == 0 {
            self.released = signals.released.load(Ordering::Acquire);
        }
        self.known_spare()
    }

    /// Claims a slot if there is one and nobody waits.
    #[inline]
    pub fn try_claim(&mut self, signals: &Signals) -> bool {
        if self.capacity == UNLIMITED {
            return true;
        }
        let free = self.waiting.waiting() == 0 && self.spare(signals) > 0;
        if free {
            self.claimed = self.claimed.wrapping_add(1);
        }
        free
    }

    /// Gives a claimed slot back; the waker is that of the sender that it is promised to.
    pub fn unclaim(&mut self, signals: &Signals) -> Option<Waker> {
        self.claimed = self.claimed.wrapping_sub(1);
        self.grant(signals)
    }

    /// Promises a free slot to the first in line; its waker is to be woken with no lock held.
    pub fn grant(&mut self, signals: &Signals) -> Option<Waker> {
        let waker =
            if self.waiting.waiting() > 0 && self.spare(signals) > 0 { self.waiting.grant() } else { None };
        signals.wanted.store(self.waiting.waiting() > 0, Ordering::Relaxed);
        waker
    }

    /// Ends the wait of all; they find out why.
    pub fn grant_all(&mut self, batch: &mut WakeBatch) {
        batch.grant_all(&mut self.waiting);
    }

    /// Claims a slot for `waiter`, or lets it wait. A waker that it no longer needs is put into `old`, to be dropped with
    /// no lock held.
    ///
    /// # Safety
    ///
    /// The waiter enters no other list and leaves by [`leave`](Self::leave) before it goes.
    pub unsafe fn poll_claim(
        &mut self,
        signals: &Signals,
        mut waiter: Pin<&mut Waiter>,
        waker: &Waker,
        old: &mut Option<Waker>,
    ) -> bool {
        // SAFETY: the caller's word; the lock is held.
        let (turn, replaced) = unsafe { self.waiting.turn(waiter.as_mut(), waker) };
        *old = replaced;
        match turn {
            Turn::Waiting => return false,
            // The slot that the turn stood for.
            Turn::Used => self.claimed = self.claimed.wrapping_add(1),
            Turn::Idle if self.try_claim(signals) => {}
            Turn::Idle => {
                if self.still_none(signals) {
                    // SAFETY: the waiter is idle; it leaves before it goes (the caller's word).
                    unsafe { self.waiting.enter(waiter, waker, End::Back) };
                    return false;
                }
                self.claimed = self.claimed.wrapping_add(1);
            }
        }
        true
    }

    /// Says that a slot is wanted, and looks again.
    fn still_none(&mut self, signals: &Signals) -> bool {
        signals.wanted.store(true, Ordering::Relaxed);
        if !mutant("sync-mpsc-wait-without-fence") {
            // Pairs with the fence in `Signals::release`.
            fence(Ordering::SeqCst);
        }
        // Where others wait, who releases a slot comes to the lock for them.
        self.waiting.waiting() > 0 || self.spare(signals) == 0
    }

    /// Takes a waiter out; one that had a turn passes it on.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn leave(&mut self, signals: &Signals, waiter: Pin<&mut Waiter>) -> (Left, Option<Waker>) {
        // SAFETY: the caller's word; the lock is held.
        let left = unsafe { self.waiting.leave(waiter) };
        let next =
            if left.granted && !mutant("sync-mpsc-send-keeps-its-turn") { self.grant(signals) } else { None };
        (left, next)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.waiting()
    }
}
