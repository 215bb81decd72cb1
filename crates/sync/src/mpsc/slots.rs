//! The slots of a bounded channel, and the line of those who wait for one.
//!
//! A slot is *claimed* by a sender, with the lock held, and *released* by the receiver, without it: the receiver counts how
//! many values it has taken out, in a word that it shares with one flag of the senders. So a claim compares two counts, and
//! a release is one addition.
//!
//! Who finds no free slot raises the flag, and its step on the word tells it the count of that moment; the receiver's
//! addition tells it the flag. One of the two sees the other: `docs/design/channels.md`.

use std::pin::Pin;
use std::task::Waker;

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::mutant;

use crate::waitlist::{End, Left, Turn, WaitList, Waiter, WakeBatch};

/// Says of a channel that it has no limit.
pub(super) const UNLIMITED: usize = usize::MAX;

/// A sender waits for a slot. Raised and lowered with the lock held.
const WANTED: usize = 1;
/// One released slot. The count is above the flag, and wraps.
const ONE: usize = 2;

/// What both sides step on without a common lock: slots ever released, and [`WANTED`].
pub(super) struct Released(AtomicUsize);

impl Released {
    pub fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Releases `count` slots; whether somebody waits for one. Called by the receiver alone.
    #[inline]
    pub fn add(&self, count: usize) -> bool {
        // Release pairs with the Acquire of `count` and `want`: a send into the slot comes after the receive. Acquire pairs
        // with the Release of `want`.
        let add = || self.0.fetch_add(count.wrapping_mul(ONE), Ordering::AcqRel);
        let before = if mutant("sync-mpsc-release-looks-early") { self.first_look(add) } else { add() };
        before & WANTED != 0
    }

    /// The count, without its flag.
    fn count(&self) -> usize {
        self.0.load(Ordering::Acquire) & !WANTED
    }

    /// Says that a slot is wanted; gives the count of that moment.
    fn want(&self) -> usize {
        let raise = || self.0.fetch_or(WANTED, Ordering::AcqRel);
        let before = if mutant("sync-mpsc-wait-looks-early") { self.first_look(raise) } else { raise() };
        before & !WANTED
    }

    /// For the mutants: what is seen before the step, instead of by it.
    fn first_look(&self, step: impl FnOnce() -> usize) -> usize {
        let seen = self.0.load(Ordering::Acquire);
        step();
        seen
    }

    fn unwant(&self) {
        // Relaxed: with the lock held nobody else touches the flag, and the count is not looked at.
        self.0.fetch_and(!WANTED, Ordering::Relaxed);
    }
}

/// The senders' side; lives behind the channel's lock.
pub(super) struct Slots {
    capacity: usize,
    /// Slots ever claimed, less those given back under the lock; in units of [`ONE`], wrapping.
    claimed: usize,
    /// The receiver's count when it was last looked at.
    released: usize,
    /// Whether [`WANTED`] is raised.
    wanted: bool,
    waiting: WaitList,
}

impl Slots {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, claimed: 0, released: 0, wanted: false, waiting: WaitList::new() }
    }

    /// Slots that are claimed and not released.
    pub fn in_use(&mut self, released: &Released) -> usize {
        self.released = released.count();
        self.known_in_use()
    }

    #[inline]
    fn known_in_use(&self) -> usize {
        self.claimed.wrapping_sub(self.released) / ONE
    }

    /// Free slots that no turn is out for, by the counts that are known.
    #[inline]
    fn known_spare(&self) -> usize {
        self.capacity - self.known_in_use() - self.waiting.granted()
    }

    /// Free slots that no turn is out for. The receiver's count is read only where the last one does not do.
    #[inline]
    pub fn spare(&mut self, released: &Released) -> usize {
        if self.known_spare() == 0 {
            self.released = released.count();
        }
        self.known_spare()
    }

    /// Claims a slot if there is one and nobody waits.
    #[inline]
    pub fn try_claim(&mut self, released: &Released) -> bool {
        if self.capacity == UNLIMITED {
            return true;
        }
        let free = self.waiting.waiting() == 0 && self.spare(released) > 0;
        if free {
            self.claimed = self.claimed.wrapping_add(ONE);
        }
        free
    }

    /// Gives a claimed slot back, with the lock held; the waker is that of the sender that it is promised to.
    #[inline]
    pub fn unclaim(&mut self, released: &Released) -> Option<Waker> {
        self.claimed = self.claimed.wrapping_sub(ONE);
        // Who waits has raised the flag, which stays up as long as anybody does.
        if self.wanted { self.grant(released) } else { None }
    }

    /// Promises a free slot to the first in line; its waker is to be woken with no lock held.
    pub fn grant(&mut self, released: &Released) -> Option<Waker> {
        let waker =
            if self.waiting.waiting() > 0 && self.spare(released) > 0 { self.waiting.grant() } else { None };
        if self.wanted && self.waiting.waiting() == 0 {
            self.wanted = false;
            released.unwant();
        }
        waker
    }

    /// Ends the wait of all; they find out why.
    pub fn grant_all(&mut self, batch: &mut WakeBatch) {
        batch.grant_all(&mut self.waiting);
    }

    /// Claims a slot for `waiter`, or lets it wait. A waker that it no longer needs comes back, to be dropped with no lock
    /// held.
    ///
    /// # Safety
    ///
    /// The waiter enters no other list and leaves by [`leave`](Self::leave) before it goes.
    pub unsafe fn poll_claim(
        &mut self,
        released: &Released,
        mut waiter: Pin<&mut Waiter>,
        waker: &Waker,
    ) -> (bool, Option<Waker>) {
        // SAFETY: the caller's word; the lock is held.
        let (turn, old) = unsafe { self.waiting.turn(waiter.as_mut(), waker) };
        match turn {
            Turn::Waiting => return (false, old),
            // The slot that the turn stood for.
            Turn::Used => self.claimed = self.claimed.wrapping_add(ONE),
            Turn::Idle if self.try_claim(released) => {}
            Turn::Idle => {
                if self.still_none(released) {
                    // SAFETY: the waiter is idle; it leaves before it goes (the caller's word).
                    unsafe { self.waiting.enter(waiter, waker, End::Back) };
                    return (false, None);
                }
                self.claimed = self.claimed.wrapping_add(ONE);
            }
        }
        (true, None)
    }

    /// Says that a slot is wanted, and looks again.
    fn still_none(&mut self, released: &Released) -> bool {
        if !self.wanted {
            self.wanted = true;
            self.released = released.want();
        }
        // Where others wait, who releases a slot comes to the lock for them.
        self.waiting.waiting() > 0 || self.known_spare() == 0
    }

    /// Takes a waiter out; one that had a turn passes it on.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn leave(&mut self, released: &Released, waiter: Pin<&mut Waiter>) -> (Left, Option<Waker>) {
        // SAFETY: the caller's word; the lock is held.
        let left = unsafe { self.waiting.leave(waiter) };
        let next = if left.granted && !mutant("sync-mpsc-send-keeps-its-turn") {
            self.grant(released)
        } else {
            None
        };
        (left, next)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.waiting()
    }
}
