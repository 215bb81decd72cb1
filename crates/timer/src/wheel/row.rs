//! A row of timers: the entries of one slot of a wheel, or of its nursery, in the order in which they were armed.
//!
//! A row is an array of deadlines and entries, so that whoever goes through it reads one piece of memory from front to end and can
//! have the entries fetched that come next; a list through the entries would wait for memory at each. An entry knows its index,
//! so it is taken out in constant time: it leaves a *gap*. Gaps are closed when the row has no room left and they are half of it.
//!
//! Everything here happens with the owner word held.

use super::entry::{EntryRef, NOWHERE};

/// How many entries ahead their lines are asked for: some hundred nanoseconds of work.
const AHEAD: usize = 8;

/// The longest row whose room is kept when it has emptied: 16 KiB.
const KEEP: usize = 1024;

/// A longer row (64 KiB) does not double, but grows by an eighth, so that hardly any of it is empty: what is so long mostly lies
/// in pages of its own, which the system moves without a copy.
const DOUBLES: usize = 4096;

/// A timer in a row.
#[derive(Clone, Copy)]
struct Item {
    /// That of the entry, at hand.
    deadline: u64,
    /// `None` is a gap.
    entry: Option<EntryRef>,
}

pub(crate) struct Row {
    items: Vec<Item>,
    /// How many are no gaps.
    live: usize,
    /// All before this one are gaps.
    head: usize,
}

impl Row {
    pub const fn new() -> Self {
        Self { items: Vec::new(), live: 0, head: 0 }
    }

    /// How many entries are in the row.
    #[inline]
    pub fn len(&self) -> usize {
        self.live
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds an entry that is in no row at the end of this one, which is known as `place`.
    #[inline]
    pub fn push(&mut self, entry: EntryRef, place: u16) {
        if self.items.len() == self.items.capacity() {
            self.make_room();
        }
        entry.set_index(self.items.len());
        entry.set_place(place);
        self.items.push(Item { deadline: entry.deadline(), entry: Some(entry) });
        self.live += 1;
    }

    /// Takes an entry of this row out.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        entry.set_place(NOWHERE);
        self.live -= 1;
        if self.live == 0 {
            return self.clear();
        }
        let index = entry.index();
        if index + 1 == self.items.len() {
            self.items.truncate(index);
        } else {
            self.items[index].entry = None;
        }
    }

    /// The entry that comes first, and its deadline.
    #[inline]
    pub fn first(&mut self) -> Option<(u64, EntryRef)> {
        while let Some(item) = self.items.get(self.head) {
            if let Some(entry) = item.entry {
                return Some((item.deadline, entry));
            }
            self.head += 1;
        }
        None
    }

    /// As [`first`](Self::first), for who goes on to those behind it: has an entry fetched whose turn is soon.
    #[inline]
    pub fn first_of_many(&mut self) -> Option<(u64, EntryRef)> {
        let first = self.first()?;
        self.prefetch(self.head + AHEAD);
        Some(first)
    }

    #[inline]
    fn prefetch(&self, index: usize) {
        if let Some(Item { entry: Some(entry), .. }) = self.items.get(index) {
            entry.prefetch();
        }
    }

    /// The deadlines, in the order of the row.
    pub fn deadlines(&self) -> impl Iterator<Item = u64> {
        self.items[self.head..].iter().filter(|item| item.entry.is_some()).map(|item| item.deadline)
    }

    /// Empties the row and gives each of its entries, which are in no row then, to `take`.
    pub fn drain(&mut self, mut take: impl FnMut(EntryRef)) {
        let mut items = std::mem::take(&mut self.items);
        self.clear();
        for (index, item) in items.iter().enumerate() {
            if let Some(Item { entry: Some(ahead), .. }) = items.get(index + AHEAD) {
                ahead.prefetch();
            }
            if let Some(entry) = item.entry {
                entry.set_place(NOWHERE);
                take(entry);
            }
        }
        if items.capacity() <= KEEP && self.items.capacity() == 0 {
            items.clear();
            self.items = items;
        }
    }

    /// Brings the row, to which entries were only added at the end, into order by deadline, ties by arming order.
    pub fn sort(&mut self) {
        self.items.retain(|item| item.entry.is_some());
        // Where they were in the row is the order in which they were armed, and no two were at one place: so unstable is
        // enough. The entries are looked at only where deadlines are equal.
        let order = |item: &Item| item.entry.map_or(0, |entry| entry.index());
        self.items.sort_unstable_by(|a, b| a.deadline.cmp(&b.deadline).then_with(|| order(a).cmp(&order(b))));
        self.head = 0;
        self.number_from(0);
    }

    /// Adds an entry that is in no row to this one, which is in order, behind all that are due no later.
    pub fn insert_sorted(&mut self, entry: EntryRef, place: u16) {
        // It is the last to be armed, so it goes behind its equals.
        let deadline = entry.deadline();
        let index = self.items.partition_point(|item| item.deadline <= deadline);
        if index == self.items.len() {
            return self.push(entry, place);
        }
        let item = Item { deadline, entry: Some(entry) };
        entry.set_place(place);
        self.live += 1;
        if index > self.head && self.items[index - 1].entry.is_none() {
            // Who sleeps again and again for a moment finds the gap that it has left.
            self.items[index - 1] = item;
            entry.set_index(index - 1);
        } else {
            self.items.insert(index, item);
            self.head = self.head.min(index);
            self.number_from(index);
        }
    }

    /// There is no room left: closes the gaps where they are many, else makes more.
    #[cold]
    fn make_room(&mut self) {
        if self.live < self.items.len() / 2 {
            self.items.retain(|item| item.entry.is_some());
            self.head = 0;
            self.number_from(0);
        } else {
            let length = self.items.len();
            let more = if length < DOUBLES { length.max(4) } else { length / 8 };
            self.items.reserve_exact(more);
        }
    }

    /// Tells the entries from `start` on where they are.
    fn number_from(&mut self, start: usize) {
        for index in start..self.items.len() {
            self.prefetch(index + AHEAD);
            if let Some(entry) = self.items[index].entry {
                entry.set_index(index);
            }
        }
    }

    /// The last entry has gone.
    #[inline]
    fn clear(&mut self) {
        self.live = 0;
        self.head = 0;
        self.items.clear();
        if self.items.capacity() > KEEP {
            self.items = Vec::new();
        }
    }
}
