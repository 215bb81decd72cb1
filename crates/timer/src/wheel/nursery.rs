//! Where timers wait that have no deadline yet.
//!
//! Most time limits are of seconds and are disarmed within microseconds. Such a timer is armed with its *delay*, into
//! this list, and nobody asks what time it is. Whoever next looks at the wheel for what is due *settles* the list: reads the
//! clock once, after the owner word was taken and hence after every timer in the list was armed, gives each its
//! deadline, and files it in the levels. So such a timer is never early, late by no more than the time to that look, and
//! most never come so far.
//!
//! Everything here happens with the owner word held.

use super::entry::{EntryRef, NOWHERE, NURSERY};
use super::row::Row;

/// Entries in the order in which they were armed.
pub(crate) struct Nursery {
    /// The one that was armed last. Most are disarmed before the next is armed, and are never in a row.
    youngest: Option<EntryRef>,
    others: Row,
}

impl Nursery {
    pub const fn new() -> Self {
        Self { youngest: None, others: Row::new() }
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.others.len() + usize::from(self.youngest.is_some())
    }

    /// Adds an entry that is in no row.
    #[inline]
    pub fn push(&mut self, entry: EntryRef) {
        entry.set_place(NURSERY);
        if let Some(elder) = self.youngest.replace(entry) {
            self.others.push(elder, NURSERY);
        }
    }

    /// Adds an entry that is in no row, where none is the youngest.
    #[inline(always)]
    pub fn push_only(&mut self, entry: EntryRef) {
        debug_assert!(!self.has_youngest(), "who has looked finds none");
        entry.set_place(NURSERY);
        self.youngest = Some(entry);
    }

    #[inline(always)]
    pub fn has_youngest(&self) -> bool {
        self.youngest.is_some()
    }

    /// Whether this entry was armed last of all that are here.
    #[inline(always)]
    pub fn is_youngest(&self, entry: EntryRef) -> bool {
        self.youngest == Some(entry)
    }

    /// Takes out the youngest, whose place is then for its next user to say.
    #[inline(always)]
    pub fn remove_youngest(&mut self) {
        self.youngest = None;
    }

    /// Takes out an entry that is here.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        if self.is_youngest(entry) {
            self.remove_youngest();
            entry.set_place(NOWHERE);
        } else {
            self.others.remove(entry);
        }
    }

    /// Takes all entries out, first the one that was armed first.
    pub fn drain(&mut self, mut take: impl FnMut(EntryRef)) {
        self.others.drain(&mut take);
        if let Some(youngest) = self.youngest.take() {
            youngest.set_place(NOWHERE);
            take(youngest);
        }
    }
}
