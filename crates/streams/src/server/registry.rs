//! The connections of a server: who is there, by a key.

use heist_scheduler::TaskRef;

use crate::writer::WeakWriter;

/// Where a connection stands. No two connections have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    /// Counts the connections. One that comes four thousand million others later in the same slot would be taken for it.
    serial: u32,
}

/// A connection, from its accept until its handler has ended and its writer has given the socket back.
///
/// Each idle connection has one, so the serial number stands here and not beside it, where it would take a word.
pub(super) struct Entry {
    /// That of its key.
    serial: u32,
    pub(super) writer: WeakWriter,
    /// `None` until it is made.
    pub(super) task: Option<TaskRef>,
    /// The writer has not given the socket back.
    pub(super) open: bool,
    /// The handler has not ended.
    pub(super) running: bool,
}

#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    next_serial: u32,
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, writer: WeakWriter) -> Key {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.slots.len() == self.slots.capacity() {
                // By an eighth, not to the double: each idle connection pays for the room of others.
                self.slots.reserve_exact((self.slots.len() / 8).max(32));
            }
            self.slots.push(None);
            // No system has as many descriptors.
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(Entry { serial, writer, task: None, open: true, running: true });
        Key { slot, serial }
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut Entry> {
        let entry = self.slots.get_mut(key.slot as usize)?.as_mut()?;
        (entry.serial == key.serial).then_some(entry)
    }

    /// Changes an entry, and takes it out if it is over, for the caller to drop outside the lock.
    #[must_use = "drop it outside the lock"]
    pub(super) fn change(&mut self, key: Key, change: impl FnOnce(&mut Entry)) -> Option<Entry> {
        let entry = self.get(key)?;
        change(entry);
        if entry.open || entry.running {
            return None;
        }
        let over = self.slots[key.slot as usize].take()?;
        self.free.push(key.slot);
        if self.free.len() == self.slots.len() {
            // After a rush the memory goes back.
            (self.slots, self.free) = (Vec::new(), Vec::new());
        }
        Some(over)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
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
        assert!(registry.change(first, |entry| entry.open = false).is_none());
        assert!(registry.change(first, |entry| entry.running = false).is_some());
        assert_eq!(registry.len(), 1);
        let third = registry.insert(WeakWriter::default());
        assert!(registry.get(first).is_none(), "an old key does not open a new entry");
        assert!(registry.get(second).is_some() && registry.get(third).is_some());
        assert_eq!(registry.iter().count(), 2);
    }
}
