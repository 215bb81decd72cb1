//! What handles give back without the owner word, on threads that are not the wheel's own: the garbage stack, and the end of a
//! wheel whose handles outlive its service.

use std::ptr::{self, NonNull};
use std::task::Waker;

use crossbeam_utils::CachePadded;
use heist_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use heist_core::sync::mutant;

use super::entry::{Entry, EntryRef};
use super::{Core, Wheel};

/// How much garbage is left to the next holder of the owner word. Who finds more sweeps it, so that a wheel whose worker
/// sleeps does not fill up; one try-lock in so many cancels is little beside the cancels.
const GARBAGE_LEFT: usize = 64;

/// The top of the garbage stack of a wheel whose service is gone: an address that no entry has.
const ORPHANED: *mut Entry = ptr::without_provenance_mut(1);

/// Entries that handles gave back without the owner word.
pub(super) struct Garbage {
    /// The top of the stack, null when it is empty, [`ORPHANED`] for good when the service is gone.
    pub(super) top: AtomicPtr<Entry>,
    /// How many entries are on the stack, or about to be.
    count: AtomicUsize,
}

impl Garbage {
    pub(super) fn new() -> CachePadded<Self> {
        CachePadded::new(Self { top: AtomicPtr::new(ptr::null_mut()), count: AtomicUsize::new(0) })
    }

    /// Whether the stack has entries.
    pub(super) fn is_any(&self) -> bool {
        let top = self.top.load(Ordering::Relaxed);
        !top.is_null() && top != ORPHANED
    }
}

impl Wheel {
    /// Ends the ownership of an entry on any thread, without waiting for the owner. An armed timer's waker comes back.
    ///
    /// # Safety
    ///
    /// `wheel` is that of `entry`; the caller owns the entry and does not touch it, or the wheel, afterwards.
    #[must_use]
    pub unsafe fn release_remote(wheel: NonNull<Self>, entry: EntryRef) -> Option<Waker> {
        let waker = entry.cancel();
        // SAFETY: a wheel lives at least until all its entries are given back, and this one has not been.
        let this = unsafe { wheel.as_ref() };
        let count = this.garbage.count.fetch_add(1, Ordering::Relaxed);
        // What others left behind is swept before the own entry joins it: afterwards the wheel may be gone.
        if count >= GARBAGE_LEFT {
            if let Some(_held) = this.try_hold() {
                // SAFETY: `_held` keeps the owner word.
                this.core.with_mut(|core| this.sweep(unsafe { &mut *core }));
            }
        }
        // A first guess; the exchange brings the truth. (loom overlooks interleavings where a load comes just before an
        // exchange, so in a model the guess is a constant.) Acquire, here and below: who sees ORPHANED sees what the
        // service did before it left.
        let mut top =
            if cfg!(heist_loom) { ptr::null_mut() } else { this.garbage.top.load(Ordering::Acquire) };
        loop {
            if top == ORPHANED {
                // SAFETY: the caller's premises, and the service is gone.
                unsafe { Self::release_orphaned(wheel, entry) };
                return waker;
            }
            entry.set_link(top);
            // Release pairs with the Acquire of `sweep` and `orphan`.
            match this.garbage.top.compare_exchange_weak(
                top,
                entry.as_ptr(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return waker,
                Err(now) => top = now,
            }
        }
    }

    /// Ends the service's ownership of a wheel. It goes now, or with the last entry that a handle still owns.
    ///
    /// # Safety
    ///
    /// `wheel` came from a box. Nobody but handles that own entries uses it during the call or afterwards, and they use
    /// it by [`release_remote`](Self::release_remote), [`replace_waker`](Self::replace_waker),
    /// [`deadline_of`](Self::deadline_of) and the entry's state only.
    pub unsafe fn orphan(wheel: NonNull<Self>) {
        // SAFETY: the service owns the wheel until here.
        let this = unsafe { wheel.as_ref() };
        this.close();
        let empty = this.with(|core| {
            let top = if mutant("timer-orphan-unmarked") {
                this.garbage.top.swap(ptr::null_mut(), Ordering::AcqRel)
            } else {
                // Acquire for the entries on the stack; Release pairs with the Acquire of `release_remote`.
                this.garbage.top.swap(ORPHANED, Ordering::AcqRel)
            };
            this.free_chain(core, top);
            core.pages.count_held()
        });
        if empty {
            // SAFETY: no handle owns an entry, so nobody is left who knows the wheel.
            drop(unsafe { Box::from_raw(wheel.as_ptr()) });
        }
    }

    /// # Safety
    ///
    /// As for `release_remote`, with the stack found ORPHANED.
    #[cold]
    unsafe fn release_orphaned(wheel: NonNull<Self>, entry: EntryRef) {
        // SAFETY: the caller's entry keeps the wheel alive until it is given back.
        let this = unsafe { wheel.as_ref() };
        let last = this.with(|core| {
            core.levels.remove(entry);
            core.pages.give_back_counted(entry)
        });
        if last {
            // SAFETY: the service is gone and no handle owns an entry. Others that gave theirs back touched the wheel
            // last when they gave the owner word back, which came before this thread took it.
            drop(unsafe { Box::from_raw(wheel.as_ptr()) });
        }
    }

    /// Takes the garbage off the stack and frees it. Called with the owner word held.
    #[inline]
    pub(super) fn sweep(&self, core: &mut Core) {
        let top = self.garbage.top.load(Ordering::Relaxed);
        // Only the holder of the owner word empties or orphans the stack, so what is seen here stays.
        if top.is_null() || top == ORPHANED {
            return;
        }
        // Acquire pairs with the Release of the pushes.
        let top = self.garbage.top.swap(ptr::null_mut(), Ordering::Acquire);
        self.free_chain(core, top);
    }

    #[cold]
    fn free_chain(&self, core: &mut Core, mut top: *mut Entry) {
        let mut freed = 0;
        // SAFETY: the stack holds entries of this wheel, or null.
        while let Some(entry) = unsafe { EntryRef::from_ptr(top) } {
            top = entry.link();
            let waker = entry.disarm();
            debug_assert!(waker.is_none(), "an entry on the garbage stack is not armed");
            if !mutant("timer-sweep-linked") {
                self.unlink(core, entry);
            }
            core.pages.give_back(entry);
            freed += 1;
        }
        self.garbage.count.fetch_sub(freed, Ordering::Relaxed);
    }
}
