//! The slots of a bounded channel, and the line of those who wait for one.
//!
//! A slot is *claimed* by a sender, with the lock held, and *released* by the receiver, without it: the receiver counts how
//! many values it has taken out, in the [word](super::word) that it shares with the senders. So a claim compares two counts,
//! and a release is one addition.
//!
//! Who finds no free slot says that one is wanted, and its step on the word tells it the count of that moment; the receiver's
//! addition tells it what is wanted. One of the two sees the other: `docs/design/channels.md`.

use std::pin::Pin;
use std::task::Waker;

use heist_core::sync::mutant;

use super::word::{ONE, Word};
use crate::waitlist::{End, Left, Turn, WaitList, Waiter, WakeBatch};

/// Says of a channel that it has no limit.
pub(super) const UNLIMITED: usize = usize::MAX;

/// The senders' side; lives behind the channel's lock.
pub(super) struct Slots {
    capacity: usize,
    /// Slots ever claimed, less those given back under the lock; in units of [`ONE`], wrapping.
    claimed: usize,
    /// The receiver's count when it was last looked at.
    released: usize,
    /// Whether it is said that a slot is wanted.
    wanted: bool,
    waiting: WaitList,
}

impl Slots {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, claimed: 0, released: 0, wanted: false, waiting: WaitList::new() }
    }

    /// Slots that are claimed and not released, and that of the value in the hand.
    pub fn in_use(&mut self, word: &Word) -> usize {
        self.look(word);
        self.known_in_use()
    }

    /// Looks at the receiver's count. From when all goes by the lock what was seen may be too low, never too high.
    pub fn look(&mut self, word: &Word) {
        self.released = word.count();
    }

    /// Whether no slot is in use, or promised, and nobody waits for one.
    pub fn are_idle(&mut self, word: &Word) -> bool {
        self.waiting.waiting() == 0
            && self.waiting.granted() == 0
            && (self.capacity == UNLIMITED || self.in_use(word) == 0)
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
    pub fn spare(&mut self, word: &Word) -> usize {
        if self.known_spare() == 0 {
            self.look(word);
        }
        self.known_spare()
    }

    /// Claims a slot if there is one and nobody waits.
    #[inline]
    pub fn try_claim(&mut self, word: &Word) -> bool {
        if self.capacity == UNLIMITED {
            return true;
        }
        let free = self.waiting.waiting() == 0 && self.spare(word) > 0;
        if free {
            self.claimed = self.claimed.wrapping_add(ONE);
        }
        free
    }

    /// Gives a claimed slot back, with the lock held; the waker is that of the sender that it is promised to.
    #[inline]
    pub fn unclaim(&mut self, word: &Word) -> Option<Waker> {
        self.claimed = self.claimed.wrapping_sub(ONE);
        // Who waits has raised the flag, which stays up as long as anybody does.
        if self.wanted { self.grant(word) } else { None }
    }

    /// Promises a free slot to the first in line; its waker is to be woken with no lock held.
    pub fn grant(&mut self, word: &Word) -> Option<Waker> {
        let waker =
            if self.waiting.waiting() > 0 && self.spare(word) > 0 { self.waiting.grant() } else { None };
        if self.wanted && self.waiting.waiting() == 0 {
            self.wanted = false;
            word.unwant();
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
        word: &Word,
        mut waiter: Pin<&mut Waiter>,
        waker: &Waker,
    ) -> (bool, Option<Waker>) {
        // SAFETY: the caller's word; the lock is held.
        let (turn, old) = unsafe { self.waiting.turn(waiter.as_mut(), waker) };
        match turn {
            Turn::Waiting => return (false, old),
            // The slot that the turn stood for.
            Turn::Used => self.claimed = self.claimed.wrapping_add(ONE),
            Turn::Idle if self.try_claim(word) => {}
            Turn::Idle => {
                if self.still_none(word) {
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
    fn still_none(&mut self, word: &Word) -> bool {
        if !self.wanted {
            self.wanted = true;
            self.released = word.want();
        }
        // Where others wait, who releases a slot comes to the lock for them.
        self.waiting.waiting() > 0 || self.known_spare() == 0
    }

    /// Takes a waiter out; one that had a turn passes it on.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn leave(&mut self, word: &Word, waiter: Pin<&mut Waiter>) -> (Left, Option<Waker>) {
        // SAFETY: the caller's word; the lock is held.
        let left = unsafe { self.waiting.leave(waiter) };
        let next =
            if left.granted && !mutant("sync-mpsc-send-keeps-its-turn") { self.grant(word) } else { None };
        (left, next)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.waiting()
    }
}
