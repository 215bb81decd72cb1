//! A source with two owners, and what lies beside it in the same allocation.
//!
//! | word | means |
//! |---|---|
//! | *hold* | half of the ownership of a value; there are two |
//! | *companion* | what lies beside the value, and lives as long as anybody points to the allocation |
//!
//! The value is dropped with the second of its holds, whoever else still points to the companion: a socket must be closed
//! then. Each hold that goes says so by one swap of a flag; the one that finds it said already is the last, and drops the value.
//! The swap is both Release, for what was done with the value before, and Acquire, for what the other side did.

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

/// What has room for the flag of its holds, which so needs no word of its own.
pub(super) trait Halved {
    /// One of the holds is gone. Starts as `false`, and belongs to the holds.
    fn halved(&self) -> &AtomicBool;
}

/// The allocation.
pub(super) struct Joint<S, C> {
    /// There as long as a hold is.
    value: UnsafeCell<MaybeUninit<S>>,
    companion: C,
}

// SAFETY: the value is borrowed by holds, as an `Arc` would lend it, and dropped by the last one on its thread.
unsafe impl<S: Send + Sync, C: Send + Sync> Sync for Joint<S, C> {}
// SAFETY: as above.
unsafe impl<S: Send + Sync, C: Send + Sync> Send for Joint<S, C> {}

/// One of the two holds on a value.
pub(super) struct Hold<S: Halved, C>(Arc<Joint<S, C>>);

impl<S: Halved, C> Joint<S, C> {
    /// Both holds on `value`, beside which `companion` lies.
    pub(super) fn hold(value: S, companion: C) -> (Hold<S, C>, Hold<S, C>) {
        let value = UnsafeCell::new(MaybeUninit::new(value));
        let joint = Arc::new(Self { value, companion });
        (Hold(joint.clone()), Hold(joint))
    }
}

impl<S: Halved, C> Hold<S, C> {
    /// Whether the two are holds on one value.
    pub(super) fn is_pair_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the other hold is gone. May be out of date when it says no.
    pub(super) fn is_last(&self) -> bool {
        // Relaxed: whoever drops the value synchronises by its own swap.
        self.halved().load(Ordering::Relaxed)
    }

    /// The value, taken out of the allocation; or the holds again, where they are on two.
    pub(super) fn join(self, other: Self) -> Result<S, (Self, Self)> {
        if !self.is_pair_of(&other) {
            return Err((self, other));
        }
        let value = self.0.value.with(|value| {
            // SAFETY: both who may touch it are here.
            let value = unsafe { &*value };
            // SAFETY: it is there, and `forget` keeps the holds from dropping it.
            unsafe { value.assume_init_read() }
        });
        self.forget();
        other.forget();
        Ok(value)
    }

    /// Gives up the allocation, and leaves the value as it is.
    fn forget(self) {
        let hold = std::mem::ManuallyDrop::new(self);
        // SAFETY: the field is not used or dropped again.
        drop(unsafe { std::ptr::read(&raw const hold.0) });
    }

    /// Something that points to the companion.
    pub(super) fn companion(&self) -> Beside<S, C> {
        Beside(self.0.clone())
    }
}

impl<S: Halved, C> Deref for Hold<S, C> {
    type Target = S;

    #[inline(always)]
    fn deref(&self) -> &S {
        self.0.value.with(|value| {
            // SAFETY: nobody writes there as long as a hold is there.
            let value = unsafe { &*value };
            // SAFETY: it is there as long as a hold is.
            unsafe { value.assume_init_ref() }
        })
    }
}

impl<S: Halved, C> Drop for Hold<S, C> {
    fn drop(&mut self) {
        // AcqRel pairs with the same of the other hold, see the module's text.
        let order = if mutant("reactor-hold-drop-relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        if self.halved().swap(true, order) {
            self.0.value.with_mut(|value| {
                // SAFETY: the other hold is gone and this one goes, so nobody borrows the value.
                let value = unsafe { &mut *value };
                // SAFETY: it is there, and nobody drops it again.
                unsafe { value.assume_init_drop() };
            });
        }
    }
}

/// Points to a companion, and so keeps it.
pub(super) struct Beside<S, C>(Arc<Joint<S, C>>);

impl<S, C> Beside<S, C> {
    /// Of a companion that lies beside nothing.
    pub(super) fn nothing(companion: C) -> Self {
        Self(Arc::new(Joint { value: UnsafeCell::new(MaybeUninit::uninit()), companion }))
    }

    pub(super) fn downgrade(&self) -> WeakBeside<S, C> {
        WeakBeside(Arc::downgrade(&self.0))
    }
}

impl<S, C> Clone for Beside<S, C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, C> Deref for Beside<S, C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        &self.0.companion
    }
}

/// Points to a companion without keeping it.
pub(super) struct WeakBeside<S, C>(Weak<Joint<S, C>>);

impl<S, C> WeakBeside<S, C> {
    pub(super) const fn none() -> Self {
        Self(Weak::new())
    }

    pub(super) fn upgrade(&self) -> Option<Beside<S, C>> {
        self.0.upgrade().map(Beside)
    }

    pub(super) fn points_to(&self, beside: &Beside<S, C>) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&beside.0))
    }
}

impl<S, C> Clone for WeakBeside<S, C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(all(test, heist_loom))]
mod models {
    use heist_core::sync::Arc;
    use heist_core::sync::atomic::AtomicUsize;
    use heist_core::sync::model::{check as explore, side};

    use super::*;

    /// A value that is used by plain accesses, and counts its drops.
    struct Value {
        halved: AtomicBool,
        parts: [UnsafeCell<u8>; 2],
        drops: Arc<AtomicUsize>,
    }

    impl Halved for Value {
        fn halved(&self) -> &AtomicBool {
            &self.halved
        }
    }

    // SAFETY: each hold of a model uses a part of its own, and the drop comes after both.
    unsafe impl Sync for Value {}

    impl Drop for Value {
        fn drop(&mut self) {
            for part in &self.parts {
                // SAFETY: nobody else uses the value.
                part.with(|part| assert_eq!(unsafe { *part }, 1, "dropped before it was used"));
            }
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn use_and_drop(hold: Hold<Value, ()>, part: usize) {
        // SAFETY: the part is this hold's alone.
        hold.parts[part].with_mut(|part| unsafe { *part = 1 });
        drop(hold);
    }

    /// Two holds go at the same time: one of them drops the value, after both have used it.
    #[test]
    fn holds_go_at_once() {
        explore("holds_go_at_once", None, || {
            let drops = Arc::new(AtomicUsize::new(0));
            let parts = [UnsafeCell::new(0), UnsafeCell::new(0)];
            let value = Value { halved: AtomicBool::new(false), parts, drops: drops.clone() };
            let (first, second) = Joint::hold(value, ());
            let other = side(move || use_and_drop(second, 1));
            use_and_drop(first, 0);
            other.join().unwrap();
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
    }
}
