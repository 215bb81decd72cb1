//! What few sources need, beyond the cache line of their record: [`Beyond`].
//!
//! A record points to one through its [`Link`]. At first that is the *common* one of its slab, which knows the shard and no
//! more. From the first wait to write on, or the first wait beside a lane, it is the record's *own*, which is freed with the
//! record: the link changes once, by a compare-exchange, and what it leads to stays.

use std::ptr;
use std::task::Waker;

use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use heist_core::sync::mutant;

use super::Slots;
use crate::reactor::Shard;

pub(crate) struct Beyond {
    /// The shard of the slab; never changes. Null in models, which have none.
    shard: AtomicPtr<Shard>,
    /// `None` in a common one.
    own: Option<Own>,
}

/// What belongs to one record.
pub(crate) struct Own {
    /// The waker slots of the lane that writes.
    pub(super) write: Slots,
    /// Who waits beside the lanes.
    pub(super) others: [Mutex<Others>; 2],
    /// The descriptor that the platform wants to be told of before it is closed; [`NONE`] where there is none. Bookkeeping:
    /// written before the source is shared, read by whoever drops it.
    leaves: AtomicU32,
}

/// No descriptor.
const NONE: u32 = u32::MAX;

/// Waiters beside the lane holder: shared borrows of a source that wait in the same direction.
#[derive(Default)]
pub(super) struct Others {
    pub(super) next: u64,
    pub(super) waiting: Vec<(u64, Waker)>,
}

impl Beyond {
    /// One that all records of a slab point to.
    pub(crate) fn common(shard: *const Shard) -> Self {
        Self { shard: AtomicPtr::new(shard.cast_mut()), own: None }
    }
}

/// Where the rest of a record is.
#[derive(Debug)]
pub(crate) struct Link(AtomicPtr<Beyond>);

impl Link {
    /// Points to `common`.
    ///
    /// # Safety
    ///
    /// It outlives the link.
    pub(crate) unsafe fn new(common: *const Beyond) -> Self {
        Self(AtomicPtr::new(common.cast_mut()))
    }

    fn get(&self) -> &Beyond {
        // Acquire pairs with the Release in `make_own`.
        let beyond = self.0.load(Ordering::Acquire);
        // SAFETY: it is the common one, which outlives the link (the contract of `new`), or our own, which is freed with it.
        unsafe { &*beyond }
    }

    /// The shard that the record belongs to.
    #[inline]
    pub(crate) fn shard(&self) -> *const Shard {
        // Relaxed: it never changes.
        self.get().shard.load(Ordering::Relaxed)
    }

    /// The record's own, if anybody has needed it.
    #[inline]
    pub(super) fn own(&self) -> Option<&Own> {
        self.get().own.as_ref()
    }

    /// As [`own`](Self::own), made at first need.
    #[inline]
    pub(super) fn make_own(&self) -> &Own {
        let beyond = self.get();
        match &beyond.own {
            Some(own) => own,
            None => self.add_own(beyond),
        }
    }

    /// Exchanges `common`, which the link was seen to lead to, for one of its own.
    #[cold]
    fn add_own(&self, common: &Beyond) -> &Own {
        let own = Own {
            write: Slots::default(),
            others: [Mutex::new(Others::default()), Mutex::new(Others::default())],
            leaves: AtomicU32::new(NONE),
        };
        // Release pairs with the Acquire loads: who sees it sees it made. Where it fails, another has made one.
        let new = Box::into_raw(Box::new(Beyond {
            own: Some(own),
            ..Beyond::common(common.shard.load(Ordering::Relaxed))
        }));
        if mutant("reactor-beyond-replaces") {
            self.0.store(new, Ordering::Release);
        } else if self
            .0
            .compare_exchange(ptr::from_ref(common).cast_mut(), new, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            // SAFETY: it came from the box above, and nobody has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
        self.own().expect("the link leads to a record's own from here on")
    }

    /// Notes which descriptor has to be told of before it is closed.
    pub(crate) fn set_leaves(&self, descriptor: Option<u32>) {
        match descriptor {
            Some(descriptor) => self.make_own().leaves.store(descriptor, Ordering::Relaxed),
            None => drop(self.take_leaves()),
        }
    }

    /// That descriptor, for the last time.
    pub(crate) fn take_leaves(&self) -> Option<u32> {
        let leaves = &self.own()?.leaves;
        let descriptor = leaves.load(Ordering::Relaxed);
        leaves.store(NONE, Ordering::Relaxed);
        (descriptor != NONE).then_some(descriptor)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.own().is_some() {
            // SAFETY: a record's own came from a box, and nobody else has the link any more.
            drop(unsafe { Box::from_raw(self.0.load(Ordering::Relaxed)) });
        }
    }
}
