//! One value of a broadcast, and how many have yet to see it: what goes without the lock.
//!
//! Whoever has yet to come past a value has a *unit* in its slot, from the moment when it is sent. The value is there as long
//! as there are units, and who takes the last one away takes the value out. The protocol, with what becomes of a receiver
//! that falls behind, is on the page `docs/design/channels.md`.

use std::mem::{MaybeUninit, needs_drop};

use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

/// The value was sent.
const SENT: usize = 1;
/// It was sent so long ago that it has left the ring. Who is reading it may finish; nobody begins to.
const EVICTED: usize = 2;
/// A receiver that has yet to come past it.
const UNIT: usize = 4;

pub(super) struct Slot<T> {
    /// [`SENT`], [`EVICTED`], and the units.
    word: AtomicUsize,
    /// There as long as there are units. Read by those who have one, written by the sender before there are any, and taken
    /// out by whoever has the last one.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: several threads read the value at a time, and any of them may be the one that takes it out or drops it.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

/// What a receiver has seen.
pub(super) struct Seen<T> {
    pub value: T,
    /// The value was evicted meanwhile: the receiver counts as one that is behind.
    pub evicted: bool,
    /// The value itself, of which `value` is a clone, since nobody else is to see it.
    pub original: Option<T>,
}

/// What an evicted value left.
pub(super) struct Evicted<T> {
    /// Receivers that stand at this value, and so may be reading it.
    pub here: usize,
    /// The value, where nobody does.
    pub value: Option<T>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self { word: AtomicUsize::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Puts a value in, for so many receivers.
    ///
    /// # Safety
    ///
    /// It is the first, and nobody else puts one in.
    #[inline]
    pub unsafe fn fill(&self, value: T, receivers: usize) {
        self.value.with_mut(|room| {
            // SAFETY: nobody looks at it before it is SENT, and nobody else writes it (the caller's word).
            let room = unsafe { &mut *room };
            room.write(value);
        });
        // Release pairs with the Acquire of `see`.
        let order = if mutant("sync-broadcast-fill-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.word.store(SENT + receivers * UNIT, order);
    }

    /// Whether everybody has come past the value. Says nothing about what they have done before.
    #[inline]
    pub fn is_seen(&self) -> bool {
        self.word.load(Ordering::Relaxed) < UNIT
    }

    /// Takes a unit away, and the value with the last one.
    ///
    /// # Safety
    ///
    /// The unit is the caller's.
    pub unsafe fn give_up(&self) -> Option<T> {
        let before = self.word.fetch_sub(UNIT, Ordering::AcqRel);
        // SAFETY: it was the last unit, so nobody reads the value, and nobody else takes it.
        (before / UNIT == 1).then(|| unsafe { self.take() })
    }

    /// Takes the value out of the ring, at which `behind` receivers have a unit that stand at an older one: they will not see it,
    /// and their units are taken away. Those who stand here may be reading it, and keep theirs.
    ///
    /// # Safety
    ///
    /// With the channel's lock held, once, for that many receivers.
    pub unsafe fn evict(&self, behind: usize) -> Evicted<T> {
        // AcqRel: Acquire pairs with the Release of `see`, if there was somebody who read it.
        let before = self.word.fetch_add(EVICTED.wrapping_sub(behind * UNIT), Ordering::AcqRel) / UNIT;
        let here = before - behind;
        let unread = before > 0 && (here == 0 || mutant("sync-broadcast-evicts-what-is-read"));
        // SAFETY: there were units, so it is there. They were those of receivers that stand elsewhere, which do not read it.
        let value = unread.then(|| unsafe { self.take() });
        Evicted { here, value }
    }

    /// # Safety
    ///
    /// The value is there, and the caller has its last unit, or has taken that away.
    #[inline]
    unsafe fn take(&self) -> T {
        self.value.with_mut(|value| {
            // SAFETY: without units nobody else looks at it.
            let value = unsafe { &*value };
            // SAFETY: it is there (the caller's word), and by that word it is taken once.
            unsafe { value.assume_init_read() }
        })
    }
}

impl<T: Clone> Slot<T> {
    /// The value, and the unit is gone; or nothing, where it was not sent yet or is evicted. Where `Clone` panics the unit is
    /// still there.
    ///
    /// # Safety
    ///
    /// The unit, if it was sent, is the caller's.
    #[inline]
    pub unsafe fn see(&self) -> Option<Seen<T>> {
        // Acquire pairs with the Release of `fill`, and with the one below, of those who have seen it before.
        let word = self.word.load(Ordering::Acquire);
        if word & (SENT | EVICTED) != SENT {
            return None;
        }
        let last = word == SENT + UNIT;
        let value = if last {
            // SAFETY: this is the last unit.
            unsafe { self.take() }
        } else {
            self.value.with(|value| {
                // SAFETY: as long as there are units it is only read.
                let value = unsafe { &*value };
                // SAFETY: it was sent, and this unit keeps it there.
                unsafe { value.assume_init_ref() }.clone()
            })
        };
        // AcqRel: the clone comes before who takes the value out, here or elsewhere.
        let order = if mutant("sync-broadcast-see-relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        let before = self.word.fetch_sub(UNIT, order);
        // SAFETY: the last unit has gone just now, and the value was cloned.
        let original = (!last && before / UNIT == 1).then(|| unsafe { self.take() });
        Some(Seen { value, evicted: before & EVICTED != 0, original })
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // Nobody else has the slot any more, so Relaxed is enough.
        if needs_drop::<T>() && !self.is_seen() {
            // SAFETY: there are units, so it is there, and whoever has them has no way to it any more.
            drop(unsafe { self.take() });
        }
    }
}

/// Slots of consecutive positions; a power of two of them.
pub(super) type Block<T> = Arc<[Slot<T>]>;

/// Empty slots, two to the power of `bits`.
pub(super) fn block<T>(bits: u32) -> Block<T> {
    let slots: std::sync::Arc<[Slot<T>]> = (0..1_usize << bits).map(|_| Slot::new()).collect();
    #[cfg(heist_loom)]
    let slots = Arc::from_std(slots);
    slots
}
