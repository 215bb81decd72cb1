//! Where timers wait that have no deadline yet.
//!
//! Most time limits are of seconds and are disarmed within microseconds. Such a timer is armed with its *delay*, into
//! this list, and nobody asks what time it is. Whoever next looks at the wheel for what is due *settles* the list: reads the
//! clock once, after the owner word was taken and hence after every timer in the list was armed, gives each its
//! deadline, and files it in the levels. So such a timer is never early, late by no more than the time to that look, and
//! most never come so far.
//!
//! Everything here happens with the owner word held.

use std::ptr;

use super::entry::{Entry, EntryRef, NOWHERE, NURSERY};
use super::row::Row;

/// Entries in the order in which they were armed.
pub(crate) struct Nursery {
    /// The one that was armed last. Most are disarmed before the next is armed, and are never in a row.
    pocket: Pocket,
    others: Row,
}

/// Room for one entry, in a word that says all that is to be known: nothing, the youngest, or, with its lowest bit set, a
/// *spare* one. That is what the youngest was until it was disarmed: it says that it is armed, and where, as its next use has it.
#[derive(Clone, Copy, PartialEq)]
struct Pocket(*mut Entry);

/// The bit of a spare entry.
const SPARE: usize = 1;

impl Pocket {
    const EMPTY: Self = Self(ptr::null_mut());

    #[inline(always)]
    fn youngest(entry: EntryRef) -> Self {
        Self(entry.as_ptr())
    }

    #[inline(always)]
    fn spare(entry: EntryRef) -> Self {
        Self(entry.as_ptr().map_addr(|address| address | SPARE))
    }

    #[inline(always)]
    fn is_spare(self) -> bool {
        self.0.addr() & SPARE != 0
    }

    #[inline(always)]
    fn entry(self) -> Option<EntryRef> {
        // SAFETY: what is in the pocket is of this wheel.
        unsafe { EntryRef::from_ptr(self.0.map_addr(|address| address & !SPARE)) }
    }

    /// The youngest, if that is what is here.
    fn as_youngest(self) -> Option<EntryRef> {
        self.entry().filter(|_| !self.is_spare())
    }
}

// SAFETY: as an entry of the wheel, which is Send.
unsafe impl Send for Pocket {}

impl Nursery {
    pub const fn new() -> Self {
        Self { pocket: Pocket::EMPTY, others: Row::new() }
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.others.len() + usize::from(self.pocket.as_youngest().is_some())
    }

    /// Adds an entry that is in no row. The spare one has been taken.
    #[inline]
    pub fn push(&mut self, entry: EntryRef) {
        debug_assert!(!self.pocket.is_spare(), "the spare entry goes first");
        entry.set_place(NURSERY);
        if let Some(elder) = self.pocket.as_youngest() {
            self.others.push(elder, NURSERY);
        }
        self.pocket = Pocket::youngest(entry);
    }

    /// Makes the spare entry the youngest, if there is one.
    #[inline(always)]
    pub fn arm_spare(&mut self) -> Option<EntryRef> {
        if !self.pocket.is_spare() {
            return None;
        }
        let entry = self.pocket.entry()?;
        self.pocket = Pocket::youngest(entry);
        Some(entry)
    }

    /// Makes the youngest the spare entry: disarmed, until the nursery is settled.
    #[inline(always)]
    pub fn spare_youngest(&mut self, entry: EntryRef) {
        self.pocket = Pocket::spare(entry);
    }

    /// Takes the spare entry out, if there is one: it is free.
    pub fn take_spare(&mut self) -> Option<EntryRef> {
        let spare = self.pocket.entry().filter(|_| self.pocket.is_spare())?;
        self.pocket = Pocket::EMPTY;
        spare.set_place(NOWHERE);
        spare.set_free();
        Some(spare)
    }

    /// Whether this entry was armed last of all that are here.
    #[inline(always)]
    pub fn is_youngest(&self, entry: EntryRef) -> bool {
        self.pocket == Pocket::youngest(entry)
    }

    /// Takes out an entry that is here.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        if self.is_youngest(entry) {
            self.pocket = Pocket::EMPTY;
            entry.set_place(NOWHERE);
        } else {
            self.others.remove(entry);
        }
    }

    /// Takes all entries out, first the one that was armed first.
    pub fn drain(&mut self, mut take: impl FnMut(EntryRef)) {
        self.others.drain(&mut take);
        if let Some(youngest) = self.pocket.as_youngest() {
            self.pocket = Pocket::EMPTY;
            youngest.set_place(NOWHERE);
            take(youngest);
        }
    }
}
