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

/// Entries in the order in which they were armed.
pub(crate) struct Nursery {
    head: Option<EntryRef>,
    tail: Option<EntryRef>,
}

impl Nursery {
    pub const fn new() -> Self {
        Self { head: None, tail: None }
    }

    /// How many entries are in the list: counted for who asks, not kept.
    pub fn count(&self) -> usize {
        std::iter::successors(self.head, |entry| entry.node(|node| node.after)).count()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Adds an entry that is in no list.
    #[inline]
    pub fn push(&mut self, entry: EntryRef) {
        entry.node(|node| {
            node.before = self.tail;
            node.after = None;
        });
        entry.set_place(NURSERY);
        match self.tail.replace(entry) {
            Some(before) => before.node(|node| node.after = Some(entry)),
            None => self.head = Some(entry),
        }
    }

    /// Takes an entry of this list out.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        entry.set_place(NOWHERE);
        let (before, after) = entry.node(|node| (node.before, node.after));
        match before {
            Some(before) => before.node(|node| node.after = after),
            None => self.head = after,
        }
        match after {
            Some(after) => after.node(|node| node.before = before),
            None => self.tail = before,
        }
    }

    /// Takes the entry out that was armed first.
    pub fn pop(&mut self) -> Option<EntryRef> {
        let entry = self.head?;
        self.remove(entry);
        Some(entry)
    }
}
