//! The owner word: who works on a wheel.
//!
//! It is a try-lock whose holders do only pointer work. It is taken by one compare, and given back by a store.

use heist_core::sync::atomic::Ordering;
use heist_core::sync::{hint, mutant};

use super::{Core, Wheel};

/// Gives the owner word back on drop.
pub(super) struct Held<'a>(&'a Wheel);

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire of `hold`.
        self.0.held.store(false, Ordering::Release);
    }
}

impl Wheel {
    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        let _held = self.hold();
        // SAFETY: the owner word is held, and no `f` reaches the core in another way.
        self.core.with_mut(|core| f(unsafe { &mut *core }))
    }

    #[inline(always)]
    fn hold(&self) -> Held<'_> {
        match self.try_hold() {
            Some(held) => held,
            None => self.hold_slowly(),
        }
    }

    /// Waits for the owner word: its holders do only pointer work, but one may have lost its processor.
    #[cold]
    fn hold_slowly(&self) -> Held<'_> {
        let mut rounds = 0u32;
        loop {
            rounds += 1;
            if cfg!(heist_loom) || rounds % 64 != 0 {
                hint::spin_loop();
            } else {
                heist_core::sync::thread::yield_now();
            }
            if let Some(held) = self.try_hold() {
                return held;
            }
        }
    }

    #[inline(always)]
    pub(super) fn try_hold(&self) -> Option<Held<'_>> {
        // Acquire pairs with the Release of `Held::drop`.
        let ordering = if mutant("timer-owner-word-relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        self.held.compare_exchange(false, true, ordering, Ordering::Relaxed).ok().map(|_| Held(self))
    }
}
