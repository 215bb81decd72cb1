//! What a sleep is at, in one word: a phase without an entry, or the entry that it owns.
//!
//! A sleep lies in every task that waits for time and in every time limit, so it is to be small; and each of its fields is a
//! word, because padding behind a narrow one would be moved together with what stands behind a sleep in a future, in one
//! unaligned piece that the processor cannot take from its store buffer (a fifth of the cost of a time limit).
//!
//! Entries are aligned to 32 bytes, so addresses below that are free to be phases, and the lowest bit of one says how it was
//! armed.

use std::fmt;
use std::ptr;

use crate::wheel::{Entry, EntryRef};

/// The bit of an entry that alone knows its deadline.
const LOOSE: usize = 1;

/// A sleep without an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
#[repr(usize)]
pub(crate) enum Phase {
    /// Not polled; `deadline` is still the delay, because no clock was at hand.
    Delay,
    /// Not polled; `deadline` is the delay, and counts from the first look after the first pending poll.
    Limit,
    /// Not polled; the deadline was in the future when it was set, so the first poll need not read the clock again.
    Delayed,
    /// Not polled; the deadline may have passed.
    Until,
    /// Not polled; due at once. The last of those that were not.
    Yield,
    /// Due, and ready at the next poll.
    Yielded,
    /// Never comes, or the loop is closed.
    Dormant,
    Done,
}

/// The word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage(*mut Entry);

impl Stage {
    #[inline(always)]
    pub const fn at(phase: Phase) -> Self {
        Self(ptr::without_provenance_mut(phase as usize))
    }

    /// Owns an entry.
    #[inline(always)]
    pub fn armed(entry: EntryRef) -> Self {
        Self(entry.as_ptr())
    }

    /// Owns an entry, which alone knows the deadline; the sleep knows the delay.
    #[inline(always)]
    pub fn armed_loosely(entry: EntryRef) -> Self {
        Self(entry.as_ptr().map_addr(|address| address | LOOSE))
    }

    #[inline(always)]
    pub fn is(self, phase: Phase) -> bool {
        self == Self::at(phase)
    }

    /// Whether it was not polled yet.
    #[inline(always)]
    pub fn is_unpolled(self) -> bool {
        self.0.addr() <= Phase::Yield as usize
    }

    /// The entry, if it owns one.
    #[inline(always)]
    pub fn entry(self) -> Option<EntryRef> {
        if self.0.addr() <= Phase::Done as usize {
            return None;
        }
        // SAFETY: above the phases there are entries that the sleep owns, so their wheels are alive.
        unsafe { EntryRef::from_ptr(self.0.map_addr(|address| address & !LOOSE)) }
    }

    /// Whether it owns an entry that alone knows the deadline.
    #[inline(always)]
    pub fn is_loose(self) -> bool {
        self.entry().is_some() && self.0.addr() & LOOSE != 0
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stage({:#x})", self.0.addr())
    }
}
