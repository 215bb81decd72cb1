//! The hand: one value from a sender to the receiver, without the lock.
//!
//! As long as the receiver keeps up, a channel is empty but for one value at most, and nothing of what the lock guards is
//! needed. The hand has a *place* for that value, and the receiver's waker while it waits. The [word](super::word) says whose
//! they are:
//!
//! * the place is the sender's who raised TAKEN, until it says `full`; then it is the receiver's, which lowers TAKEN when it
//!   has taken the value out;
//! * the waker is the receiver's until it raises WAITING, and then whose step lowers that.
//!
//! The first sender that finds the place taken raises BY_LOCK, and from then on all goes by the lock; the receiver lowers it
//! when it finds nothing under the lock: no value, no slot that is claimed, nobody in line. So what is in the hand is older
//! than what is behind the lock, and while there is something behind the lock nothing gets into the hand.
//!
//! Argued in `docs/design/channels.md`.

use std::mem::MaybeUninit;
use std::task::Waker;

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::{hint, mutant, thread};

use super::word::Word;

pub(super) struct Hand<T> {
    pub word: Word,
    /// The value is there.
    full: AtomicBool,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the word says which side may touch the value and the waker; values go from one thread to another.
unsafe impl<T: Send> Sync for Hand<T> {}

/// What the receiver found in the hand.
#[must_use]
pub(super) enum Look {
    /// The value is there.
    Full,
    /// There is nothing; a receiver that gave its waker will be woken.
    Nothing,
    /// All goes by the lock.
    ByLock,
}

/// The place, taken by a sender.
pub(super) struct Place {
    /// The receiver waits.
    wakes: bool,
}

impl<T> Hand<T> {
    pub fn new() -> Self {
        Self {
            word: Word::new(),
            full: AtomicBool::new(false),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Acquire pairs with the Release of [`fill`](Self::fill).
    #[inline]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    // The senders' steps.

    /// Takes the place, where it is free and not all goes by the lock. Who has it fills it.
    #[inline]
    pub fn take_place(&self) -> Option<Place> {
        self.word.take().map(|wakes| Place { wakes })
    }

    /// Puts a value into the place; the waker is that of a receiver that waits.
    #[inline]
    pub fn fill(&self, place: Place, value: T) -> Option<Waker> {
        // SAFETY: the place is the caller's.
        self.value.with_mut(|room| unsafe { (*room).write(value) });
        // Before the last word, after which the receiver may put another one in.
        // SAFETY: whoever took the place from a receiver that waited has its waker.
        let waker = place.wakes.then(|| unsafe { self.copy_waker() });
        // Release hands the value over.
        let order = if mutant("sync-mpsc-hand-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.full.store(true, order);
        waker
    }

    /// The waker of a receiver that waits, with the lock held, where all goes by it.
    #[inline]
    pub fn take_receiver(&self) -> Option<Waker> {
        if !cfg!(heist_loom) && !self.word.load().is_waiting() {
            return None;
        }
        // SAFETY: who ends the wait has the waker; the receiver puts another one in under the lock only.
        self.word.end_wait().then(|| unsafe { self.copy_waker() })
    }

    /// # Safety
    ///
    /// A waker is in, and the caller is the one who may take it: from now on there is none.
    unsafe fn copy_waker(&self) -> Waker {
        // SAFETY: the caller's word. A copy: the receiver may be comparing the waker meanwhile.
        self.waker.with(|waker| unsafe { waker.cast::<Waker>().read() })
    }

    // The receiver's steps.

    /// Looks into the hand; with a waker, and nothing there, waits, unless all goes by the lock.
    #[inline]
    pub fn look(&self, waker: Option<&Waker>) -> Look {
        loop {
            let seen = self.word.load();
            if seen.is_taken() {
                return self.look_at_place(waker);
            }
            if seen.is_by_lock() {
                return Look::ByLock;
            }
            let Some(waker) = waker else { return Look::Nothing };
            if seen.is_waiting() {
                // SAFETY: the receiver put the waker in; who takes it only copies it out.
                if unsafe { self.keeps(waker) } {
                    return Look::Nothing;
                }
                drop(self.take_back());
                continue;
            }
            // SAFETY: the receiver does not wait.
            unsafe { self.keep(waker) };
            if self.word.wait(seen) {
                return Look::Nothing;
            }
            // SAFETY: the wait did not begin, so the waker is still the receiver's.
            drop(unsafe { self.copy_waker() });
        }
    }

    /// The place is taken: the value is there, or is about to be.
    #[inline]
    fn look_at_place(&self, waker: Option<&Waker>) -> Look {
        if self.is_full() {
            return Look::Full;
        }
        // The sender is a few steps away from its last word, and will wake a waker that may be another one, or none.
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
        Look::Nothing
    }

    /// Takes the value out of a hand that is full; and whether somebody waits for its slot.
    #[inline]
    pub fn take(&self) -> (T, bool) {
        debug_assert!(self.is_full());
        let early = mutant("sync-mpsc-vacates-before-it-reads").then(|| self.vacate());
        // SAFETY: `full` gave the place, with a value in it, to the receiver, which calls this once.
        let value = self.value.with(|value| unsafe { value.cast::<T>().read() });
        (value, early.unwrap_or_else(|| self.vacate()))
    }

    #[inline]
    fn vacate(&self) -> bool {
        // Relaxed: the next to say it is who takes the place after this.
        self.full.store(false, Ordering::Relaxed);
        self.word.vacate()
    }

    /// As [`look`](Self::look) does, by the receiver that has the lock, where all goes by it; with `open`, all goes without
    /// it again. A waker that it no longer needs comes back.
    pub fn wait_by_lock(&self, waker: &Waker, open: bool) -> Option<Waker> {
        let waits = self.word.load().is_waiting();
        // SAFETY: the receiver put the waker in; only who has the lock takes it.
        let same = waits && unsafe { self.keeps(waker) };
        // SAFETY: as above.
        let old = (waits && !same).then(|| unsafe { self.copy_waker() });
        if !same {
            // SAFETY: there is none, or it has been taken out.
            unsafe { self.keep(waker) };
        }
        self.word.wait_by_lock(open);
        old
    }

    /// Ends the receiver's own wait; its waker comes back.
    pub fn take_back(&self) -> Option<Waker> {
        // SAFETY: who ends the wait has the waker.
        self.word.end_wait().then(|| unsafe { self.copy_waker() })
    }

    /// # Safety
    ///
    /// The caller is the receiver, and does not wait.
    #[inline]
    unsafe fn keep(&self, waker: &Waker) {
        let waker = waker.clone();
        // SAFETY: the room is the caller's, and empty.
        self.waker.with_mut(|room| unsafe { (*room).write(waker) });
    }

    /// # Safety
    ///
    /// The caller is the receiver, which put a waker in.
    #[inline]
    unsafe fn keeps(&self, other: &Waker) -> bool {
        // SAFETY: others read it at most; where it was woken and dropped since, nothing but its two addresses is looked at.
        self.waker.with(|waker| unsafe { &*waker.cast::<Waker>() }.will_wake(other))
    }

    /// Takes the last value, by the receiver that goes, after it had all go by the lock.
    pub fn empty(&self) -> Option<T> {
        let mut rounds = 0u32;
        while self.word.load().is_taken() {
            if self.is_full() {
                return Some(self.take().0);
            }
            // A few steps, unless the sender has lost its processor in between.
            rounds += 1;
            if rounds % 64 == 0 { thread::yield_now() } else { hint::spin_loop() }
        }
        None
    }
}
