//! The run queue of one worker, and the way others steal from it.
//!
//! A ring of fixed size, first in, first out. Its owner pushes at the *back* without a read-modify-write; the owner and its
//! *thieves* take at the *front*, each by a compare-and-swap. Both positions only grow: a task with position `p` lies in slot
//! `p % CAPACITY`, and the ring holds those from `front` up to `back`. That is the deque of Chase and Lev (SPAA 2005), with the
//! orderings of Lê, Pop, Cohen and Zappa Nardelli (PPoPP 2013), used from its shared end alone, and without its growth: what it
//! has no room for is its worker's to put elsewhere. Slots are atomics of a pointer's size, so nothing here is unsafe.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

use std::ptr;

use crossbeam_utils::CachePadded;
use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use heist_core::sync::mutant;

use crate::task::{Header, Raw};

/// The most tasks a ring holds; a power of two. Few programs have more tasks ready on one worker than this, and what is over
/// takes a way that is three times as long. 2 KiB a worker.
#[cfg(not(heist_loom))]
pub(crate) const CAPACITY: usize = 256;
#[cfg(heist_loom)]
pub(crate) const CAPACITY: usize = 4;

/// The most tasks that one steal moves; and half of the victim's at most.
const STEAL_LIMIT: usize = 32;

/// What a steal came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Steal {
    /// A task to run; more may have been moved to the thief's queue.
    Task(Raw),
    /// There was nothing.
    Empty,
    /// Somebody else was quicker; there may be more. Counts as work for a worker that is about to sleep.
    Retry,
}

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

    /// Takes `count` tasks, the first of which is at `front`; what they are has been read. Not where somebody else was quicker.
    ///
    /// Release pairs with the Acquire in [`Local::back`]: the owner fills a slot again only after it was read here. Acquire pairs
    /// with the Release of who took what lay before it.
    #[inline]
    fn take(&self, front: usize, count: usize) -> Result<usize, usize> {
        let next = front.wrapping_add(count);
        self.ends.front.compare_exchange(front, next, Ordering::AcqRel, Ordering::Acquire)
    }

    /// The first task and how many there are, as a thief sees them. Positions that do not belong together make the swap in
    /// [`take`](Self::take) fail.
    #[inline]
    fn look(&self) -> (usize, usize) {
        // Acquire pairs with the Release in `take`: whoever passed this front had seen a back that is not before it.
        let front = self.ends.front.load(Ordering::Acquire);
        // Acquire pairs with the Release in `push_at`: what was put into the slots before it is seen.
        let back = self.ends.back.load(Ordering::Acquire);
        (front, back.wrapping_sub(front))
    }
}

/// The owner's end.
pub(crate) struct Local(Arc<Ring>);

/// A thief's end.
#[derive(Clone)]
pub(crate) struct Stealer(Arc<Ring>);

/// Where the next task goes, and how many there are before it.
pub(crate) struct Back {
    position: usize,
    pub(crate) len: usize,
}

impl Local {
    pub(crate) fn new() -> (Self, Stealer) {
        let ring = Arc::new(Ring {
            ends: CachePadded::new(Ends { front: AtomicUsize::new(0), back: AtomicUsize::new(0) }),
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        });
        (Self(ring.clone()), Stealer(ring))
    }

    /// Looks at the back. There are as many tasks as it says, or fewer.
    #[inline]
    pub(crate) fn back(&self) -> Back {
        let position = self.0.ends.back.load(Ordering::Relaxed);
        // Acquire pairs with the Release in `Ring::take`: whoever read what lies in a free slot is done with it.
        let front = self.0.ends.front.load(Ordering::Acquire);
        Back { position, len: position.wrapping_sub(front) }
    }

    /// Puts a task at the back, which was just looked at and has room. No read-modify-write.
    #[inline]
    pub(crate) fn push_at(&self, back: Back, task: Raw) {
        debug_assert!(back.len < CAPACITY, "who pushes has asked whether there is room");
        self.0.slot(back.position).store(task.0.as_ptr(), Ordering::Relaxed);
        let order = if mutant("queue-push-releases") { Ordering::Relaxed } else { Ordering::Release };
        // Pairs with the Acquire in `Ring::look`.
        self.0.ends.back.store(back.position.wrapping_add(1), order);
    }

    /// Takes the task at the front. One read-modify-write where there is one, none where there is not.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Raw> {
        let ring = &*self.0;
        let back = ring.ends.back.load(Ordering::Relaxed);
        let mut front = ring.ends.front.load(Ordering::Relaxed);
        while front != back {
            match ring.take(front, 1) {
                // Only the owner writes slots.
                Ok(_) => return task_in(ring.slot(front)),
                Err(now) => front = now,
            }
        }
        None
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.back().len
    }
}

impl Stealer {
    /// Whether there is nothing to steal: two loads.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.look().1
    }

    /// Moves up to half of the victim's tasks, those in front, to `thief`, and returns the first of them.
    pub(crate) fn steal_into(&self, thief: &Local) -> Steal {
        let victim = &*self.0;
        let (front, len) = victim.look();
        let to = thief.back();
        let count = len.div_ceil(2).min(STEAL_LIMIT).min(CAPACITY - to.len + 1);
        if count == 0 {
            return Steal::Empty;
        }
        // Relaxed: the Acquire in `look` has what was pushed up to there. A slot that was filled again since then belongs to a
        // position that the swap does not accept.
        let read = |offset: usize| victim.slot(front.wrapping_add(offset)).load(Ordering::Relaxed);
        let first = read(0);
        for offset in 1..count {
            thief.0.slot(to.position.wrapping_add(offset - 1)).store(read(offset), Ordering::Relaxed);
        }
        if !mutant("queue-thief-compares") && victim.take(front, count).is_err() {
            // What was copied lies behind the thief's back, where nobody looks.
            return Steal::Retry;
        }
        // Pairs with the Acquire in `Ring::look`, as a push.
        thief.0.ends.back.store(to.position.wrapping_add(count - 1), Ordering::Release);
        ptr::NonNull::new(first).map_or(Steal::Retry, |task| Steal::Task(Raw(task)))
    }
}

/// The task in a slot that was filled before its position was passed.
#[inline]
fn task_in(slot: &AtomicPtr<Header>) -> Option<Raw> {
    ptr::NonNull::new(slot.load(Ordering::Relaxed)).map(Raw)
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("len", &self.len()).finish()
    }
}

impl std::fmt::Debug for Stealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stealer").finish_non_exhaustive()
    }
}
