//! A ring of fixed size, first in, first out: one owner, many thieves.
//!
//! The owner pushes at the *back* without a read-modify-write; the owner and its *thieves* take at the *front*, each by a
//! compare-and-swap. Both positions only grow: a task with position `p` lies in slot `p % CAPACITY`, and the ring holds those
//! from `front` up to `back`. That is the deque of Chase and Lev (SPAA 2005), with the orderings of Lê, Pop, Cohen and Zappa
//! Nardelli (PPoPP 2013), used from its shared end alone, and without its growth: what it has no room for goes elsewhere.
//! Slots are atomics of a pointer's size, so nothing here is unsafe.
//!
//! Protocol page: `docs/design/run-queue.md`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;
use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use heist_core::sync::mutant;

use super::{STEAL_LIMIT, Steal};
use crate::task::{Header, Raw};

/// The most tasks a ring holds; a power of two. Few programs have more tasks ready on one worker than this. 2 KiB a worker.
pub(super) const CAPACITY: usize = if cfg!(heist_loom) { 2 } else { 256 };

struct Ring {
    ends: CachePadded<Ends>,
    slots: [AtomicPtr<Header>; CAPACITY],
}

/// Side by side, for the owner writes both; a thief's swap has to fetch the line anyway.
struct Ends {
    /// The position of the task that is taken next.
    front: AtomicUsize,
    /// The position of the task that is pushed next. Written by the owner.
    back: AtomicUsize,
}

impl Ring {
    #[inline]
    fn slot(&self, position: usize) -> &AtomicPtr<Header> {
        &self.slots[position % CAPACITY]
    }

    /// Takes `count` tasks, the first of which is at `front`. Not where somebody else was quicker: then says what `front` is.
    ///
    /// Release pairs with the Acquire in [`Owner::back`]: the owner fills a slot again only after a thief has read it; and with
    /// the one in [`look`](Self::look).
    #[inline]
    fn take(&self, front: usize, count: usize) -> Result<usize, usize> {
        let next = front.wrapping_add(count);
        self.ends.front.compare_exchange(front, next, Ordering::Release, Ordering::Relaxed)
    }

    /// The first task and how many there are, as a thief sees them: never fewer than none, and where others have taken
    /// meanwhile, the swap in [`take`](Self::take) fails.
    #[inline]
    fn look(&self) -> (usize, usize) {
        // Acquire pairs with the Release in `take`: whoever passed this front had seen a back that is not before it, and so
        // does the next load.
        let order = if mutant("ring-front-acquires") { Ordering::Relaxed } else { Ordering::Acquire };
        let front = self.ends.front.load(order);
        // Acquire pairs with the Release in `show`: what was put into the slots before it is seen.
        let back = self.ends.back.load(Ordering::Acquire);
        (front, back.wrapping_sub(front))
    }

    /// Puts a task into a free slot behind the back, where nobody looks yet. The owner's.
    #[inline]
    fn fill(&self, position: usize, task: *mut Header) {
        self.slot(position).store(task, Ordering::Relaxed);
    }

    /// Moves the back behind what was filled. The owner's.
    #[inline]
    fn show(&self, back: usize) {
        // Release pairs with the Acquire of the back in `look`.
        let order = if mutant("ring-push-releases") { Ordering::Relaxed } else { Ordering::Release };
        self.ends.back.store(back, order);
    }
}

/// A ring with nothing in it: its two ends.
pub(super) fn ring() -> (Owner, Thief) {
    let ring = Arc::new(Ring {
        ends: CachePadded::new(Ends { front: AtomicUsize::new(0), back: AtomicUsize::new(0) }),
        slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
    });
    (Owner { ring: ring.clone(), here: PhantomData }, Thief(ring))
}

/// The owner's end: one thread's at a time.
pub(super) struct Owner {
    ring: Arc<Ring>,
    here: PhantomData<Cell<()>>,
}

/// A thief's end.
#[derive(Clone)]
pub(super) struct Thief(Arc<Ring>);

/// Where the next task goes, and how many there are before it; fewer where a thief has just taken some.
#[derive(Clone, Copy)]
pub(super) struct Back {
    position: usize,
    pub(super) len: usize,
}

impl Back {
    /// How many more tasks the ring takes, at least.
    #[inline]
    fn room(self) -> usize {
        CAPACITY - self.len
    }
}

impl Owner {
    #[inline]
    pub(super) fn back(&self) -> Back {
        let position = self.ring.ends.back.load(Ordering::Relaxed);
        // Acquire pairs with the Release in `Ring::take`: whoever read what lies in a free slot is done with it.
        let front = self.ring.ends.front.load(Ordering::Acquire);
        Back { position, len: position.wrapping_sub(front) }
    }

    /// Puts a task at the back, which was just looked at and has room. No read-modify-write.
    #[inline]
    pub(super) fn push_at(&self, back: Back, task: Raw) {
        debug_assert!(back.room() > 0, "who pushes has asked whether there is room");
        self.ring.fill(back.position, task.0.as_ptr());
        self.ring.show(back.position.wrapping_add(1));
    }

    /// As [`push_at`](Self::push_at), of as many tasks as there is room for. Others see all of them at once.
    pub(super) fn push_all_at(&self, back: Back, tasks: impl Iterator<Item = Raw>) {
        let mut position = back.position;
        for task in tasks.take(back.room()) {
            self.ring.fill(position, task.0.as_ptr());
            position = position.wrapping_add(1);
        }
        self.ring.show(position);
    }

    /// Takes the task at the front. One read-modify-write where there is one, none where there is not.
    #[inline]
    pub(super) fn pop(&self) -> Option<Raw> {
        let ring = &*self.ring;
        let back = ring.ends.back.load(Ordering::Relaxed);
        let mut front = ring.ends.front.load(Ordering::Relaxed);
        while front != back {
            match ring.take(front, 1) {
                // Read late: only the owner writes slots.
                Ok(_) => return task_in(ring.slot(front)),
                Err(now) => front = now,
            }
        }
        None
    }
}

impl Thief {
    /// How many tasks there are: two loads.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.look().1
    }

    /// Moves up to half of the victim's tasks, those in front, to `to`, and returns the first of them.
    pub(super) fn steal_into(&self, to: &Owner) -> Steal {
        let victim = &*self.0;
        let (front, len) = victim.look();
        let back = to.back();
        // One of them goes to no queue.
        let count = len.div_ceil(2).min(STEAL_LIMIT).min(back.room() + 1);
        if count == 0 {
            return Steal::Empty;
        }
        // Relaxed: the Acquire in `look` has what was pushed up to there. A slot that was filled again since then belongs to a
        // position that the swap does not accept.
        let read = |offset: usize| victim.slot(front.wrapping_add(offset)).load(Ordering::Relaxed);
        let first = read(0);
        for offset in 1..count {
            to.ring.fill(back.position.wrapping_add(offset - 1), read(offset));
        }
        if victim.take(front, count).is_err() && !mutant("ring-thief-compares") {
            // What was copied lies behind the thief's back, where nobody looks.
            return Steal::Retry;
        }
        to.ring.show(back.position.wrapping_add(count - 1));
        NonNull::new(first).map_or(Steal::Retry, |task| Steal::Task(Raw(task)))
    }
}

/// The task in a slot that was filled before its position was passed.
#[inline]
fn task_in(slot: &AtomicPtr<Header>) -> Option<Raw> {
    NonNull::new(slot.load(Ordering::Relaxed)).map(Raw)
}
