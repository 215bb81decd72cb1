//! What senders and the receiver of a channel say to each other without its lock.
//!
//! | part | meaning |
//! |---|---|
//! | [`WANTED`] | a sender waits for a slot |
//! | [`WAITING`] | the receiver waits: its waker is in the [hand](super::hand) |
//! | [`TAKEN`] | the place of the hand is a sender's: it puts a value in, or has done so |
//! | [`BY_LOCK`] | values and slots go by the lock: nobody takes the place, or waits, without it |
//! | the rest | slots that the receiver ever released; wraps |

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::mutant;

/// Raised and lowered with the lock held.
const WANTED: usize = 1;
/// Raised by the receiver; who lowers it has the waker.
const WAITING: usize = 1 << 1;
/// Raised by a sender, lowered by the receiver.
const TAKEN: usize = 1 << 2;
/// Raised and lowered with the lock held; lowered by the receiver alone.
const BY_LOCK: usize = 1 << 3;
/// One released slot.
pub(super) const ONE: usize = 1 << 4;

const FLAGS: usize = ONE - 1;

/// The word as somebody saw it.
#[derive(Clone, Copy)]
pub(super) struct Seen(usize);

impl Seen {
    #[inline]
    pub fn is_waiting(self) -> bool {
        self.0 & WAITING != 0
    }

    #[inline]
    pub fn is_taken(self) -> bool {
        self.0 & TAKEN != 0
    }

    #[inline]
    pub fn is_by_lock(self) -> bool {
        self.0 & BY_LOCK != 0
    }

    /// Slots ever released, in units of [`ONE`]. The value in the hand is in one that nobody claimed: it counts against them.
    #[inline]
    fn count(self) -> usize {
        let taken = if self.is_taken() { ONE } else { 0 };
        (self.0 & !FLAGS).wrapping_sub(taken)
    }
}

pub(super) struct Word(AtomicUsize);

impl Word {
    pub fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Acquire: whoever finds a flag sees what came before it was raised.
    #[inline]
    pub fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    // The place in the hand.

    /// Takes the place, if it is free and open; whether the receiver waited, whose waker is the caller's then.
    ///
    /// AcqRel: comes after what the receiver did with the place and the waker, and before what it does when it lowers the flag.
    #[inline]
    pub fn take(&self) -> Option<bool> {
        // A guess; the exchange brings the truth. (loom overlooks interleavings where a load comes just before an exchange.)
        let mut word = if cfg!(heist_loom) { WAITING } else { self.0.load(Ordering::Relaxed) };
        while word & (TAKEN | BY_LOCK) == 0 {
            let next = (word | TAKEN) & !WAITING;
            match self.0.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(word & WAITING != 0),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Gives the place back; whether somebody waits for a slot. Release pairs with [`take`](Self::take), `count` and `want`.
    #[inline]
    pub fn vacate(&self) -> bool {
        // The flag is up, so it may be subtracted: one instruction on x86, where `and` is a loop.
        let vacate = || self.0.fetch_sub(TAKEN, Ordering::AcqRel);
        let before = if mutant("sync-mpsc-vacate-looks-early") { self.first_look(vacate) } else { vacate() };
        before & WANTED != 0
    }

    // The receiver's wait.

    /// Waits, if nothing has changed since the receiver looked. Release pairs with the Acquire of who lowers the flag.
    #[inline]
    pub fn wait(&self, seen: Seen) -> bool {
        self.0.compare_exchange(seen.0, seen.0 | WAITING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// As [`wait`](Self::wait), by the receiver that has the lock, where all goes by it: nobody else steps on the word. With
    /// `open`, all goes without the lock again.
    pub fn wait_by_lock(&self, open: bool) {
        let word = self.0.load(Ordering::Relaxed) | WAITING;
        self.0.store(if open { word & !BY_LOCK } else { word }, Ordering::Release);
    }

    /// Ends the receiver's wait; whether it waited, and its waker is the caller's.
    #[inline]
    pub fn end_wait(&self) -> bool {
        self.0.fetch_and(!WAITING, Ordering::AcqRel) & WAITING != 0
    }

    /// Has all go by the lock, which is held; whether that is new.
    #[inline]
    pub fn go_by_lock(&self) -> bool {
        // Nobody else raises or lowers it. (A load just before an exchange: see `take`.)
        if !cfg!(heist_loom) && self.load().is_by_lock() || mutant("sync-mpsc-hand-stays-open") {
            return false;
        }
        self.0.fetch_or(BY_LOCK, Ordering::AcqRel) & BY_LOCK == 0
    }

    // The slots.

    /// Releases `count` slots; whether somebody waits for one. Called by the receiver alone.
    #[inline]
    pub fn release(&self, count: usize) -> bool {
        // Release pairs with the Acquire of `count` and `want`: a send into the slot comes after the receive. Acquire pairs
        // with the Release of `want`.
        let add = || self.0.fetch_add(count.wrapping_mul(ONE), Ordering::AcqRel);
        let before = if mutant("sync-mpsc-release-looks-early") { self.first_look(add) } else { add() };
        before & WANTED != 0
    }

    /// How many slots were released, in units of [`ONE`].
    pub fn count(&self) -> usize {
        self.load().count()
    }

    /// Says that a slot is wanted; gives the count of that moment.
    pub fn want(&self) -> usize {
        let raise = || self.0.fetch_or(WANTED, Ordering::AcqRel);
        let before = if mutant("sync-mpsc-wait-looks-early") { self.first_look(raise) } else { raise() };
        Seen(before).count()
    }

    /// For the mutants: what is seen before the step, instead of by it.
    fn first_look(&self, step: impl FnOnce() -> usize) -> usize {
        let seen = self.0.load(Ordering::Acquire);
        step();
        seen
    }

    pub fn unwant(&self) {
        // Relaxed: with the lock held nobody else touches the flag, and the rest is not looked at.
        self.0.fetch_and(!WANTED, Ordering::Relaxed);
    }
}
