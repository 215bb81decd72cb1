//! A stand-in for crossbeam's deque that loom can see.
//!
//! The same algorithm (Chase and Lev, with the orderings of Lê, Pop, Cohen and Zappa Nardelli, PPoPP 2013) on four
//! slots. It must be no stronger than the real one: a lock here would hide a fence that is missing in the sleep
//! handshake. So each access has crossbeam's ordering, slots are written and read relaxed, and a thief that finds the
//! front moved gets `Retry`.

use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicIsize, AtomicPtr, Ordering, fence};

use super::{Raw, Steal};
use crate::task::Header;

pub(crate) const SLOTS: usize = 4;

struct Ring {
    front: AtomicIsize,
    back: AtomicIsize,
    slots: [AtomicPtr<Header>; SLOTS],
}

impl Ring {
    fn read(&self, index: isize) -> Option<Raw> {
        let pointer = self.slots[index as usize % SLOTS].load(Ordering::Relaxed);
        std::ptr::NonNull::new(pointer).map(Raw)
    }
}

pub(crate) struct Local(Arc<Ring>);

#[derive(Clone)]
pub(crate) struct Stealer(Arc<Ring>);

impl Local {
    pub(crate) fn new() -> (Self, Stealer) {
        let ring = Arc::new(Ring {
            front: AtomicIsize::new(0),
            back: AtomicIsize::new(0),
            slots: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        });
        (Self(ring.clone()), Stealer(ring))
    }

    pub(crate) fn push(&self, task: Raw) {
        let ring = &self.0;
        let back = ring.back.load(Ordering::Relaxed);
        let front = ring.front.load(Ordering::Acquire);
        assert!(back - front < SLOTS as isize, "the worker keeps the deque within its capacity");
        ring.slots[back as usize % SLOTS].store(task.0.as_ptr(), Ordering::Relaxed);
        fence(Ordering::Release);
        ring.back.store(back + 1, Ordering::Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<Raw> {
        let ring = &self.0;
        let back = ring.back.load(Ordering::Relaxed);
        let front = ring.front.load(Ordering::Relaxed);
        if back - front <= 0 {
            return None;
        }
        let front = ring.front.fetch_add(1, Ordering::SeqCst);
        if back - (front + 1) < 0 {
            ring.front.store(front, Ordering::Relaxed);
            return None;
        }
        ring.read(front)
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.0.back.load(Ordering::Relaxed);
        let front = self.0.front.load(Ordering::SeqCst);
        (back - front).max(0) as usize
    }
}

impl Stealer {
    pub(crate) fn is_empty(&self) -> bool {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.0.back.load(Ordering::Acquire);
        back - front <= 0
    }

    pub(crate) fn len(&self) -> usize {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        (self.0.back.load(Ordering::Acquire) - front).max(0) as usize
    }

    /// Takes one task; the real one may move more. The real one pins an epoch here, which is a full fence.
    pub(crate) fn steal_into(&self, _thief: &Local) -> Steal {
        let ring = &self.0;
        let front = ring.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = ring.back.load(Ordering::Acquire);
        if back - front <= 0 {
            return Steal::Empty;
        }
        let task = ring.read(front);
        match ring.front.compare_exchange(front, front + 1, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => task.map_or(Steal::Retry, Steal::Task),
            Err(_) => Steal::Retry,
        }
    }
}
