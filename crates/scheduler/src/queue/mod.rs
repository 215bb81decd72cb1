//! The run queue of one worker, and the way others steal from it.
//!
//! In front a [`ring`] of fixed size, which costs the least there is: a push without a read-modify-write, a pop with one.
//! Behind it a [`deque`] that grows, crossbeam's, for what is *over*: what the ring has no room for. Its owner sees
//! one queue, first in, first out. From the moment when the ring was full the queue has *spilled*: what comes next goes behind what is
//! over, however much room the ring has by then. When the ring has run dry, what is over is taken one by one, until all that is left has
//! room in the ring: that moves there, and the spill has ended.
//!
//! A thief takes from the ring, and from what is over where the ring is empty.
//!
//! Protocol page: `docs/design/run-queue.md`.

#[cfg(not(heist_loom))]
mod deque;
#[cfg(heist_loom)]
#[path = "double.rs"]
mod deque;
mod ring;
#[cfg(all(test, not(heist_loom)))]
mod tests;

use std::cell::Cell;

use crate::task::Raw;
use ring::CAPACITY;

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

/// The owner's end.
pub(crate) struct Local {
    ring: ring::Owner,
    over: deque::Owner,
    /// The ring takes no task where there are so many in it: [`CAPACITY`], or 0 while the queue has spilled. One word, so that
    /// a push asks for both at once. Where it has not spilled, nothing is over.
    limit: Cell<usize>,
}

/// A thief's end.
#[derive(Clone)]
pub(crate) struct Stealer {
    ring: ring::Thief,
    over: deque::Thief,
}

/// The back of a queue, as its owner has just seen it.
pub(crate) struct Back {
    ring: ring::Back,
    limit: usize,
}

impl Back {
    /// Whether the ring takes the next task.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.ring.len < self.limit
    }

    /// Whether the ring, which has room, has no task: then the queue is empty.
    #[inline]
    pub(crate) fn is_front(&self) -> bool {
        self.ring.len == 0
    }
}

impl Local {
    pub(crate) fn new() -> (Self, Stealer) {
        let (ring, rings_thief) = ring::ring();
        let (over, overs_thief) = deque::deque();
        let owner = Self { ring, over, limit: Cell::new(CAPACITY) };
        (owner, Stealer { ring: rings_thief, over: overs_thief })
    }

    /// Looks at the back.
    #[inline]
    pub(crate) fn back(&self) -> Back {
        Back { ring: self.ring.back(), limit: self.limit.get() }
    }

    /// Puts a task at the back, which was just looked at. No read-modify-write.
    #[inline]
    pub(crate) fn push_at(&self, back: Back, task: Raw) {
        if back.has_room() {
            self.ring.push_at(back.ring, task);
        } else {
            self.push_over(task);
        }
    }

    /// Puts a task at the back.
    #[inline]
    pub(crate) fn push(&self, task: Raw) {
        self.push_at(self.back(), task);
    }

    #[inline]
    fn has_spilled(&self) -> bool {
        self.limit.get() == 0
    }

    #[inline(never)]
    fn push_over(&self, task: Raw) {
        self.limit.set(0);
        self.over.push(task);
    }

    /// Takes the task at the front. One read-modify-write, and a second one for those that a refill has moved.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Raw> {
        match self.ring.pop() {
            None if self.has_spilled() => self.pop_over(),
            task => task,
        }
    }

    /// Takes the first task that is over. Where the others find room in the ring, which is empty, they move there.
    #[inline(never)]
    fn pop_over(&self) -> Option<Raw> {
        let first = self.over.pop();
        // Others only take: it is no more later on, and nothing is over once the rest has moved.
        if self.over.len() <= CAPACITY {
            self.ring.push_all_at(self.ring.back(), std::iter::from_fn(|| self.over.pop()));
            self.limit.set(CAPACITY);
        }
        first
    }

    /// How many tasks there are; fewer where a thief has just taken some.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let ring = self.ring.back().len;
        if self.has_spilled() { ring + self.over.len() } else { ring }
    }

    /// Whether there is nothing.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stealer {
    /// How many tasks there are. One that moves into the ring meanwhile counts twice: what is over is asked first.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.over.len() + self.ring.len()
    }

    /// Whether there is nothing to steal.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves up to half of the victim's tasks, those in front, to `thief`, whose queue is empty, and returns the first of them.
    pub(crate) fn steal_into(&self, thief: &Local) -> Steal {
        match self.ring.steal_into(&thief.ring) {
            Steal::Empty => {}
            other => return other,
        }
        let stolen = self.over.steal_into(&thief.over);
        if thief.over.len() > 0 {
            thief.limit.set(0);
        }
        stolen
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("len", &self.len()).finish()
    }
}

impl std::fmt::Debug for Stealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stealer").field("len", &self.len()).finish()
    }
}
