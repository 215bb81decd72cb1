//! Where timers wait that have no deadline yet.
//!
//! Most time limits are of seconds and are disarmed within microseconds. Such a timer is armed with its *delay*, into
//! this list, and nobody asks what time it is. Whoever next looks at the wheel for what is due *settles* the list: reads the
//! clock once, after the owner word was taken and hence after every timer in the list was armed, gives each its
//! deadline, and files it in the levels. So such a timer is never early, late by no more than the time to that look, and
//! most never come so far.
//!
//! Everything here happens with the owner word held.

use super::entry::{EntryRef, NURSERY};
use super::row::Row;

/// Entries in the order in which they were armed.
pub(crate) struct Nursery(Row);

impl Nursery {
    pub const fn new() -> Self {
        Self(Row::new())
    }

    /// How many entries are in the list.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an entry that is in no row.
    #[inline]
    pub fn push(&mut self, entry: EntryRef) {
        self.0.push(entry, NURSERY);
    }

    /// Takes an entry of this list out.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        self.0.remove(entry);
    }

    /// Takes all entries out, first the one that was armed first.
    pub fn drain(&mut self, take: impl FnMut(EntryRef)) {
        self.0.drain(take);
    }
}
