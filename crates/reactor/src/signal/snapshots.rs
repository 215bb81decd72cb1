//! A value that signal handlers read while others change it.
//!
//! A handler may neither lock nor allocate nor free, so it reads an immutable snapshot. Whoever changes the value, under
//! a lock that handlers do not take, puts a new snapshot in the place of the old one, waits until no handler reads, and
//! frees the old one.
//!
//! | a handler | who changes |
//! |---|---|
//! | R1 count itself as reader | C1 put the new snapshot in |
//! | R2 fence (SeqCst) | C2 fence (SeqCst) |
//! | R3 load the snapshot, use it | C3 wait until no reader is counted |
//! | R4 count itself out (Release) | C4 (Acquire) free the old one |
//!
//! A reader that C3 does not see came after C2, so its R3 finds the new snapshot. The wait is short: a handler makes a few
//! system calls that do not block. A handler that interrupts the waiting thread itself ends before the wait goes on.
//! Protocol page: `docs/design/signals.md`.

use std::ptr;

use heist_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use heist_core::sync::{Mutex, MutexGuard, mutant, thread};

/// See the module's text. `None` until the first change.
#[derive(Debug)]
pub(super) struct Snapshots<T> {
    pub(super) current: AtomicPtr<T>,
    pub(super) readers: AtomicUsize,
    pub(super) lock: Mutex<()>,
}

impl<T: Send + Sync> Snapshots<T> {
    /// The handler's side: calls `f` with the snapshot of the moment. Async-signal-safe if `f` is; `f` must not panic.
    pub(super) fn read<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        self.readers.fetch_add(1, Ordering::Relaxed);
        // R2 pairs with C2.
        if !mutant("reactor-signal-read-fence") {
            fence(Ordering::SeqCst);
        }
        // Acquire pairs with the Release of C1.
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: a snapshot is freed only when it is out of its place and no reader is counted, and this one counts.
        let result = f(unsafe { current.as_ref() });
        // Release pairs with the Acquire of C3: what was read is not freed before.
        self.readers.fetch_sub(1, Ordering::Release);
        result
    }

    /// Begins a change. Not from a handler.
    pub(super) fn lock(&self) -> Changes<'_, T> {
        Changes { snapshots: self, _lock: self.lock.lock() }
    }
}

/// The right to change, while it lives.
pub(super) struct Changes<'a, T> {
    snapshots: &'a Snapshots<T>,
    _lock: MutexGuard<'a, ()>,
}

impl<T: Send + Sync> Changes<'_, T> {
    /// The present snapshot.
    pub(super) fn get(&self) -> Option<&T> {
        // SAFETY: only a change frees a snapshot, and this one has the lock and is borrowed meanwhile.
        unsafe { self.snapshots.current.load(Ordering::Relaxed).as_ref() }
    }

    /// Puts another snapshot in its place. The old one comes back, for the caller to drop when the lock is free again:
    /// what it holds may be anybody's.
    #[must_use = "drop the old snapshot when the lock is free again"]
    pub(super) fn set(&mut self, next: Option<T>) -> Option<Box<T>> {
        let next = next.map_or(ptr::null_mut(), |next| Box::into_raw(Box::new(next)));
        // Release pairs with the Acquire of R3.
        let before = self.snapshots.current.swap(next, Ordering::AcqRel);
        // C2 pairs with R2.
        fence(Ordering::SeqCst);
        if !mutant("reactor-signal-change-waits") {
            // Acquire pairs with the Release of R4.
            while self.snapshots.readers.load(Ordering::Acquire) != 0 {
                thread::yield_now();
            }
        }
        // SAFETY: a pointer in that place came from `Box::into_raw` above; nobody reads it any more, as argued there.
        (!before.is_null()).then(|| unsafe { Box::from_raw(before) })
    }
}

#[cfg(all(test, heist_loom))]
mod models {
    use heist_core::sync::Arc;
    use heist_core::sync::cell::UnsafeCell;
    use heist_core::sync::model::{check, side};

    use super::*;

    /// What a snapshot points to: freed by a write, so that loom sees a use after it.
    struct Value(UnsafeCell<u32>);

    // SAFETY: the model shows that reads and the write on drop never meet; loom checks it.
    unsafe impl Sync for Value {}

    impl Value {
        fn read(&self) -> u32 {
            // SAFETY: see above.
            self.0.with(|value| unsafe { *value })
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            // SAFETY: see above.
            self.0.with_mut(|value| unsafe { *value = 0 });
        }
    }

    /// A handler reads while the snapshot that it reads is replaced and freed.
    #[test]
    fn read_against_change() {
        check("read_against_change", None, || {
            let snapshots = Arc::new(Snapshots {
                current: AtomicPtr::new(ptr::null_mut()),
                readers: AtomicUsize::new(0),
                lock: Mutex::new(()),
            });
            assert!(snapshots.lock().set(Some(Value(UnsafeCell::new(1)))).is_none());
            let handler = {
                let snapshots = snapshots.clone();
                side(move || {
                    let seen = snapshots.read(|value| value.map(Value::read));
                    assert!(matches!(seen, None | Some(1)), "a snapshot was read that is gone: {seen:?}");
                })
            };
            let old = snapshots.lock().set(None);
            assert_eq!(old.as_deref().map(Value::read), Some(1));
            drop(old);
            handler.join().unwrap();
        });
    }
}
