//! The two ways to wait in a direction: with its lane, or beside it.

use std::task::Waker;

use crate::Direction;
use crate::word::{Armed, Seen, Word};

/// A way to wait in one direction of a source.
pub(crate) trait Place {
    /// Whether the source is known to be drained while its word is `seen`. `direction` must be that of the place, here and
    /// below: its users know it when they are compiled.
    fn is_drained(&self, direction: Direction, seen: Seen) -> bool;

    /// The source was found drained, and its word was `seen` before.
    fn set_drained(&mut self, direction: Direction, seen: Seen);

    /// The short form of [`wait`](Self::wait), where there is one: `true` where the next edge wakes the task now.
    fn wait_again(&mut self, word: Word<'_>, seen: Seen, waker: &Waker) -> bool;

    /// Waits for the edge after `seen`. `word` must be that of this place's source and direction.
    fn wait(&mut self, word: Word<'_>, seen: Seen, waker: &Waker) -> Armed;
}

/// The exclusive right to wait in one direction, and what its holder remembers.
///
/// Each [`IoSource`](crate::IoSource) makes one per direction, and nobody makes others: whoever borrows it mutably waits
/// there alone. That is what lets it write to the waker slot without a lock.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The word at which the source was found drained by a short read or write: while the word is still this one, the
    /// system call would say "would block", so it is not made. In [`Seen::SPARE`], which no word has, the direction.
    drained: u64,
}

impl Lane {
    /// # Safety
    ///
    /// One lane per direction of a source, used with that source alone.
    pub(crate) const unsafe fn new(direction: Direction) -> Self {
        Self { drained: Self::mark(Seen::NEVER, direction) }
    }

    /// The direction.
    #[inline]
    pub(crate) fn direction(&self) -> Direction {
        if self.drained & Seen::SPARE == 0 { Direction::Read } else { Direction::Write }
    }

    #[inline]
    const fn mark(seen: Seen, direction: Direction) -> u64 {
        match direction {
            Direction::Read => seen.to_u64(),
            Direction::Write => seen.to_u64() | Seen::SPARE,
        }
    }
}

impl Place for Lane {
    #[inline]
    fn is_drained(&self, direction: Direction, seen: Seen) -> bool {
        debug_assert_eq!(direction, self.direction());
        self.drained == Self::mark(seen, direction)
    }

    #[inline]
    fn set_drained(&mut self, direction: Direction, seen: Seen) {
        debug_assert_eq!(direction, self.direction());
        self.drained = Self::mark(seen, direction);
    }

    #[inline]
    fn wait_again(&mut self, word: Word<'_>, seen: Seen, waker: &Waker) -> bool {
        // SAFETY: as in `wait`.
        unsafe { word.arm_again(seen, waker) }
    }

    #[inline]
    fn wait(&mut self, word: Word<'_>, seen: Seen, waker: &Waker) -> Armed {
        // SAFETY: this is the only lane of the word (the contract of `new`), and it is borrowed mutably.
        unsafe { word.arm(seen, waker) }
    }
}

/// A place in the list beside the lane, for shared borrows of a source. Left by [`Word::leave`] with the ticket.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) direction: Direction,
    pub(crate) ticket: Option<u64>,
}

impl Beside {
    /// Not in the list yet.
    pub(crate) fn new(direction: Direction) -> Self {
        Self { direction, ticket: None }
    }
}

impl Place for Beside {
    fn is_drained(&self, _direction: Direction, _seen: Seen) -> bool {
        false
    }

    fn set_drained(&mut self, _direction: Direction, _seen: Seen) {}

    fn wait_again(&mut self, _word: Word<'_>, _seen: Seen, _waker: &Waker) -> bool {
        false
    }

    fn wait(&mut self, word: Word<'_>, seen: Seen, waker: &Waker) -> Armed {
        word.join(seen, waker, &mut self.ticket)
    }
}
