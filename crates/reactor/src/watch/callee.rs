//! The callback of a watch: called by one turn at a time, and removed at any time, by the callback itself, too.

use std::mem;

use heist_core::sync::{Mutex, mutant};

/// See the module's text. No call waits for the lock: it is held to take the callback out, and to put it back.
pub(super) struct Callee<C>(Mutex<State<C>>);

enum State<C> {
    Idle(C),
    /// A turn has it.
    Called,
    Removed,
}

impl<C: FnMut()> Callee<C> {
    pub(super) fn new(callback: C) -> Self {
        Self(Mutex::new(State::Idle(callback)))
    }

    /// T4: calls it, unless it was removed.
    pub(super) fn call(&self) {
        if let Some(callback) = self.take().as_mut().and_then(|called| called.callback.as_mut()) {
            callback();
        }
    }

    fn take(&self) -> Option<Called<'_, C>> {
        let mut state = self.0.lock();
        match mem::replace(&mut *state, State::Called) {
            State::Idle(callback) => Some(Called { callee: self, callback: Some(callback) }),
            other => {
                *state = other;
                None
            }
        }
    }
}

impl<C> Callee<C> {
    /// R1: removes it. It is dropped here, or after the call that has begun.
    pub(super) fn remove(&self) {
        let before = mem::replace(&mut *self.0.lock(), State::Removed);
        drop(before);
    }

    pub(super) fn is_removed(&self) -> bool {
        matches!(*self.0.lock(), State::Removed)
    }
}

/// A callback that is being called; put back in the end, also where it panics.
struct Called<'a, C> {
    callee: &'a Callee<C>,
    callback: Option<C>,
}

impl<C> Drop for Called<'_, C> {
    fn drop(&mut self) {
        let mut state = self.callee.0.lock();
        if !matches!(*state, State::Removed) || mutant("reactor-watch-puts-back-what-is-removed") {
            *state = self.callback.take().map_or(State::Removed, State::Idle);
        }
        // One that was removed meanwhile goes with this, after the lock.
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Callee;

    #[test]
    fn a_callback_that_removes_itself_is_dropped_after_the_call() {
        let counts = Arc::new(AtomicUsize::new(0));
        let (counted, callee) =
            (counts.clone(), Arc::new(Callee::<Box<dyn FnMut() + Send>>::new(Box::new(|| {}))));
        let itself = Arc::downgrade(&callee);
        *callee.0.lock() = super::State::Idle(Box::new(move || {
            itself.upgrade().unwrap().remove();
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        callee.call();
        assert_eq!((counts.load(Ordering::Relaxed), Arc::strong_count(&counts)), (1, 1));
        callee.call();
        assert_eq!(counts.load(Ordering::Relaxed), 1, "what was removed is called no more");
        assert!(callee.is_removed());
    }

    #[test]
    fn a_callback_that_panics_stays() {
        let calls = AtomicUsize::new(0);
        let callee =
            Callee::new(|| assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 0, "the first call fails"));
        assert!(catch_unwind(AssertUnwindSafe(|| callee.call())).is_err());
        assert!(!callee.is_removed());
        callee.call();
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}

#[cfg(all(test, heist_loom))]
mod models {
    use heist_core::sync::Arc;
    use heist_core::sync::atomic::{AtomicUsize, Ordering};
    use heist_core::sync::cell::UnsafeCell;
    use heist_core::sync::model::{check, side};

    use super::Callee;

    /// What a callback has: a call and the drop write to it, so that loom sees one that meets the other.
    struct Owned {
        calls: UnsafeCell<u32>,
        drops: Arc<AtomicUsize>,
    }

    impl Owned {
        fn call(&self) {
            // SAFETY: the model shows that one call at a time is made, and none meets the drop; loom checks it.
            self.calls.with_mut(|calls| unsafe { *calls += 1 });
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            self.call();
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A callback that is removed while it is called, or about to be, is dropped once, when both are over, and not called again.
    #[test]
    fn removal_against_call() {
        check("removal_against_call", None, || {
            let drops = Arc::new(AtomicUsize::new(0));
            let owned = Owned { calls: UnsafeCell::new(0), drops: drops.clone() };
            let callee = Arc::new(Callee::new(move || owned.call()));
            let others = callee.clone();
            let removal = side(move || others.remove());
            callee.call();
            removal.join().unwrap();
            assert!(callee.is_removed());
            assert_eq!(drops.load(Ordering::Relaxed), 1, "a callback that was removed is kept");
            callee.call();
        });
    }
}
