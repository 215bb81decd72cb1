//! The connections of a server: who is there, by a key.

use heist_scheduler::TaskRef;

use crate::writer::WeakWriter;

/// Where a connection stands, until both its parts have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// Of a connection that is no server's, or not yet.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// A connection, from its accept until its handler has ended and its writer has given the socket back.
pub(super) struct Entry {
    pub(super) writer: WeakWriter,
    /// `None` until it is made.
    pub(super) task: Option<TaskRef>,
}

/// Which parts of a connection have not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// The writer has not given the socket back.
    pub(super) open: bool,
    /// The handler has not ended.
    pub(super) running: bool,
}

#[derive(Default)]
pub(super) struct Registry {
    entries: Vec<Option<Entry>>,
    /// Of each entry. Not in it, where two flags would take a word of each idle connection.
    parts: Vec<Parts>,
    free: Vec<u32>,
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, writer: WeakWriter) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.add_slot());
        self.entries[slot as usize] = Some(Entry { writer, task: None });
        self.parts[slot as usize] = Parts { open: true, running: true };
        Slot(slot)
    }

    fn add_slot(&mut self) -> u32 {
        if self.entries.len() == self.entries.capacity() {
            // By an eighth, not to the double: each idle connection pays for the room of others.
            let more = (self.entries.len() / 8).max(32);
            self.entries.reserve_exact(more);
            self.parts.reserve_exact(more);
        }
        self.entries.push(None);
        self.parts.push(Parts { open: false, running: false });
        // No system has as many descriptors.
        (self.entries.len() - 1) as u32
    }

    /// The connection that stands there, and its parts.
    pub(super) fn get(&mut self, Slot(slot): Slot) -> Option<(&mut Entry, Parts)> {
        let entry = self.entries.get_mut(slot as usize)?.as_mut()?;
        Some((entry, self.parts[slot as usize]))
    }

    /// Notes that parts of a connection have ended, and takes its entry out if it is over, for the caller to drop outside the
    /// lock.
    #[must_use = "drop it outside the lock"]
    pub(super) fn end(&mut self, Slot(slot): Slot, ended: impl FnOnce(&mut Parts)) -> Option<Entry> {
        let parts = self.parts.get_mut(slot as usize)?;
        ended(parts);
        if parts.open || parts.running {
            return None;
        }
        let over = self.entries[slot as usize].take()?;
        self.free.push(slot);
        if self.free.len() == self.entries.len() {
            // After a rush the memory goes back.
            *self = Self::default();
        }
        Some(over)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Entry, Parts)> {
        let all = self.entries.iter().zip(&self.parts);
        all.filter_map(|(entry, parts)| entry.as_ref().map(|entry| (entry, *parts)))
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_when_both_its_parts_have_ended() {
        let mut registry = Registry::default();
        let (first, second) =
            (registry.insert(WeakWriter::default()), registry.insert(WeakWriter::default()));
        assert!(registry.end(first, |parts| parts.open = false).is_none());
        assert!(registry.end(first, |parts| parts.running = false).is_some());
        assert_eq!(registry.len(), 1);
        assert!(registry.get(first).is_none());
        assert_eq!(registry.insert(WeakWriter::default()), first, "its place is taken again");
        assert!(registry.get(first).is_some() && registry.get(second).is_some());
        assert_eq!(registry.iter().count(), 2);
    }
}
