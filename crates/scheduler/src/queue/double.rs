//! A stand-in for crossbeam's deque that loom can see.
//!
//! The same algorithm (Chase and Lev, with the orderings of Lê, Pop, Cohen and Zappa Nardelli, PPoPP 2013) on four
//! slots. It must be no stronger than the real one: a lock here would hide a fence that is missing in the sleep
//! handshake. So each access has crossbeam's ordering, slots are written and read relaxed, and a thief that finds the
//! front moved gets `Retry`.

use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicIsize, AtomicPtr, Ordering, fence};

use super::Steal;
use crate::task::{Header, Raw};

const SLOTS: usize = 4;

struct Slots {
    front: AtomicIsize,
    back: AtomicIsize,
    tasks: [AtomicPtr<Header>; SLOTS],
}

impl Slots {
    fn read(&self, index: isize) -> Option<Raw> {
        let pointer = self.tasks[index as usize % SLOTS].load(Ordering::Relaxed);
        std::ptr::NonNull::new(pointer).map(Raw)
    }
}

/// The owner's end.
pub(super) struct Owner(Arc<Slots>);

/// A thief's end.
#[derive(Clone)]
pub(super) struct Thief(Arc<Slots>);

pub(super) fn deque() -> (Owner, Thief) {
    let slots = Arc::new(Slots {
        front: AtomicIsize::new(0),
        back: AtomicIsize::new(0),
        tasks: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
    });
    (Owner(slots.clone()), Thief(slots))
}

impl Owner {
    pub(super) fn push(&self, task: Raw) {
        let slots = &self.0;
        let back = slots.back.load(Ordering::Relaxed);
        let front = slots.front.load(Ordering::Acquire);
        assert!(back - front < SLOTS as isize, "a model puts aside as many tasks as the double holds");
        slots.tasks[back as usize % SLOTS].store(task.0.as_ptr(), Ordering::Relaxed);
        fence(Ordering::Release);
        slots.back.store(back + 1, Ordering::Relaxed);
    }

    pub(super) fn pop(&self) -> Option<Raw> {
        let slots = &self.0;
        let back = slots.back.load(Ordering::Relaxed);
        let front = slots.front.load(Ordering::Relaxed);
        if back - front <= 0 {
            return None;
        }
        let front = slots.front.fetch_add(1, Ordering::SeqCst);
        if back - (front + 1) < 0 {
            slots.front.store(front, Ordering::Relaxed);
            return None;
        }
        slots.read(front)
    }

    pub(super) fn len(&self) -> usize {
        let back = self.0.back.load(Ordering::Relaxed);
        let front = self.0.front.load(Ordering::SeqCst);
        (back - front).max(0) as usize
    }
}

impl Thief {
    pub(super) fn len(&self) -> usize {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        (self.0.back.load(Ordering::Acquire) - front).max(0) as usize
    }

    /// Takes one task; the real one may move more. The real one pins an epoch here, which is a full fence.
    pub(super) fn steal_into(&self, _to: &Owner) -> Steal {
        let slots = &self.0;
        let front = slots.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = slots.back.load(Ordering::Acquire);
        if back - front <= 0 {
            return Steal::Empty;
        }
        let task = slots.read(front);
        match slots.front.compare_exchange(front, front + 1, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => task.map_or(Steal::Retry, Steal::Task),
            Err(_) => Steal::Retry,
        }
    }
}
