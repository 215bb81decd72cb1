//! The hierarchical wheel itself: slots, and the order in which entries come out of them.
//!
//! Time is cut into *ticks* of 2^20 ns (1.05 ms; a shift finds the tick, where a millisecond would take a division).
//! The tick of a deadline is read as eight digits in base 64, which is all that a `u64` of nanoseconds holds: so there
//! is no deadline too far away, and no overflow list. `elapsed` is the tick up to which everything has come out.
//!
//! An entry is filed at the level of the highest digit in which its tick differs from `elapsed`, in the slot of that
//! digit. Hence, at level L, all entries agree with `elapsed` in the digits above L and are greater in digit L; so each
//! entry of a level is due before each entry of the level above, and the first slot in use on the lowest level in use
//! holds the earliest deadline. When `elapsed` comes to a slot of a higher level, its entries are filed anew, lower
//! (they *cascade*); when it comes to a slot of level 0, that slot is sorted by deadline, ties by arming order, and kept
//! sorted while it is the current one. So entries come out in asyncio's order, whatever way they went.
//!
//! Everything here happens with the owner word held.

use std::task::Waker;

use heist_core::clock::NEVER;

use super::entry::{EntryRef, FIRED, NOWHERE};

/// A tick is `1 << TICK` nanoseconds.
const TICK: u32 = 20;
/// 44 bits of ticks are 8 digits of 6 bits.
const LEVELS: usize = 8;
/// log2 of the slots of a level: one machine word says which are in use.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;

/// How many entries of a slot are looked at for the earliest deadline. In a more crowded slot the slot's own start
/// stands for it: at worst the worker wakes once for nothing, up to a tick early on level 0.
const LOOK_AT: usize = 64;

/// How many timers make a crowd, when they are due within [`SPREAD`] of one another.
const CROWD: usize = 16;

/// How long, in nanoseconds, the first of a crowd may be kept waiting for the others: a quarter of a tick. A wake-up costs some
/// 5 us, fifty times what a timer does.
pub(crate) const SPREAD: u64 = 1 << (TICK - 2);

#[derive(Clone, Copy)]
struct Slot {
    head: Option<EntryRef>,
    tail: Option<EntryRef>,
}

pub(crate) struct Levels {
    /// All ticks before this one have come out.
    elapsed: u64,
    /// Whether the slot of `elapsed` on level 0 is in order.
    sorted: bool,
    /// How many entries are linked.
    linked: usize,
    /// Bit S of word L: slot S of level L has an entry.
    used: [u64; LEVELS],
    slots: [[Slot; SLOTS]; LEVELS],
    /// Room for sorting, kept so that firing allocates nothing.
    sorting: Vec<(u64, u64, EntryRef)>,
}

impl Levels {
    pub fn new() -> Self {
        Self {
            elapsed: 0,
            sorted: true,
            linked: 0,
            used: [0; LEVELS],
            slots: [[Slot { head: None, tail: None }; SLOTS]; LEVELS],
            sorting: Vec::new(),
        }
    }

    /// How many entries are linked.
    #[inline]
    pub fn linked(&self) -> usize {
        self.linked
    }

    /// Files an entry that is in no slot, by the deadline in its node.
    #[inline]
    pub fn insert(&mut self, entry: EntryRef) {
        let tick = self.tick_of(entry);
        if tick == self.elapsed && self.sorted {
            self.insert_sorted(entry);
        } else {
            self.append(entry, tick);
        }
    }

    /// Takes an entry out of its slot; `false` where it is in none.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) -> bool {
        let place = entry.place();
        if place == NOWHERE {
            return false;
        }
        entry.set_place(NOWHERE);
        let (level, digit) = (place as usize / SLOTS, place as usize % SLOTS);
        let (before, after) = entry.node(|node| (node.before, node.after));
        let slot = &mut self.slots[level][digit];
        match before {
            Some(before) => before.node(|node| node.after = after),
            None => slot.head = after,
        }
        match after {
            Some(after) => after.node(|node| node.before = before),
            None => slot.tail = before,
        }
        if slot.head.is_none() {
            self.used[level] &= !(1 << digit);
        }
        self.linked -= 1;
        true
    }

    /// Moves the wheel to `now`, which does not go back, and takes out what is due, in order, until `due` is full.
    /// `true` when there is more.
    pub fn advance(&mut self, now: u64, due: &mut Vec<Waker>, limit: usize) -> bool {
        let target = now >> TICK;
        while let Some((level, digit)) = self.first() {
            let start = self.start_of(level, digit);
            if start > target {
                break;
            }
            self.move_to(start);
            if level > 0 {
                self.cascade(level, digit);
                continue;
            }
            self.sort_current();
            while let Some(entry) = self.slots[0][digit].head {
                if entry.node(|node| node.deadline) > now {
                    // Only the slot of `now` itself can hold what is not yet due.
                    return false;
                }
                if due.len() == limit {
                    return true;
                }
                self.remove(entry);
                // What a handle has cancelled meanwhile only leaves its slot; the sweep takes it from the garbage stack.
                due.extend(entry.fire(FIRED));
            }
        }
        self.move_to(target.max(self.elapsed));
        false
    }

    /// The earliest deadline, [`NEVER`] where there is none. Unless `exact`, a time before it where the first slot is
    /// crowded, but never one that the wheel has been moved to already.
    pub fn earliest(&mut self, exact: bool) -> u64 {
        let Some((level, digit)) = self.first() else {
            return NEVER;
        };
        if level == 0 && self.start_of(0, digit) == self.elapsed {
            self.sort_current();
            return self.slots[0][digit].head.map_or(NEVER, |entry| entry.node(|node| node.deadline));
        }
        let mut earliest = NEVER;
        let mut next = self.slots[level][digit].head;
        let mut left = if exact { usize::MAX } else { LOOK_AT };
        while let Some(entry) = next {
            if left == 0 {
                return self.start_of(level, digit) << TICK;
            }
            left -= 1;
            next = entry.node(|node| {
                earliest = earliest.min(node.deadline);
                node.after
            });
        }
        earliest
    }

    /// Until when a worker with nothing else to do waits for the first timers when they are a crowd; 0 where they are none.
    /// Asked after [`earliest`](Self::earliest).
    pub fn crowd(&self) -> u64 {
        let Some((0, digit)) = self.first() else {
            return 0;
        };
        let head = self.slots[0][digit].head;
        let start = self.start_of(0, digit);
        let (from, least) = if start == self.elapsed && self.sorted {
            (head.map_or(NEVER, |entry| entry.node(|node| node.deadline)), CROWD)
        } else {
            // The order is not known: enough for a crowd wherever in the slot they are.
            (start << TICK, LOOK_AT)
        };
        let until = from.saturating_add(SPREAD).min(NEVER - 1);
        let mut last = head;
        for _ in 1..least {
            last = last.and_then(|entry| entry.node(|node| node.after));
        }
        let is_crowd =
            last.is_some_and(|entry| least == LOOK_AT || entry.node(|node| node.deadline) <= until);
        if is_crowd { until } else { 0 }
    }

    /// Takes out any entry; `None` when the wheel is empty.
    pub fn pop_any(&mut self) -> Option<EntryRef> {
        let (level, digit) = self.first()?;
        let entry = self.slots[level][digit].head?;
        self.remove(entry);
        Some(entry)
    }

    /// The tick that an entry is filed by: that of its deadline, or the current one where that has passed.
    #[inline]
    fn tick_of(&self, entry: EntryRef) -> u64 {
        (entry.node(|node| node.deadline) >> TICK).max(self.elapsed)
    }

    /// The first slot in use: level and digit.
    #[inline]
    fn first(&self) -> Option<(usize, usize)> {
        let level = self.used.iter().position(|&used| used != 0)?;
        Some((level, self.used[level].trailing_zeros() as usize))
    }

    /// The first tick of a slot: the digits of `elapsed` above the level, then the slot's own digit.
    #[inline]
    fn start_of(&self, level: usize, digit: usize) -> u64 {
        let shift = DIGIT * level as u32;
        let above = shift + DIGIT;
        (self.elapsed >> above << above) | ((digit as u64) << shift)
    }

    /// Makes `tick` the current one. No slot in use may begin before it.
    #[inline]
    fn move_to(&mut self, tick: u64) {
        if tick != self.elapsed {
            self.elapsed = tick;
            self.sorted = false;
        }
    }

    /// Links an entry at the end of the slot for `tick`.
    #[inline]
    fn append(&mut self, entry: EntryRef, tick: u64) {
        let differing = (tick ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = ((63 - differing.leading_zeros()) / DIGIT) as usize;
        let digit = (tick >> (DIGIT * level as u32)) as usize % SLOTS;
        self.link(entry, level, digit, self.slots[level][digit].tail);
    }

    /// Links an entry into the current slot behind all that are due before it.
    fn insert_sorted(&mut self, entry: EntryRef) {
        let digit = self.elapsed as usize % SLOTS;
        // A new entry has the greatest order, so it goes behind its equals.
        let deadline = entry.node(|node| node.deadline);
        let mut before = self.slots[0][digit].tail;
        while let Some(other) = before {
            if other.node(|node| node.deadline) <= deadline {
                break;
            }
            before = other.node(|node| node.before);
        }
        self.link(entry, 0, digit, before);
    }

    /// Links an entry behind `before`, at the head where that is `None`.
    #[inline]
    fn link(&mut self, entry: EntryRef, level: usize, digit: usize, before: Option<EntryRef>) {
        let slot = &mut self.slots[level][digit];
        let after = match before {
            Some(before) => before.node(|node| node.after.replace(entry)),
            None => slot.head.replace(entry),
        };
        match after {
            Some(after) => after.node(|node| node.before = Some(entry)),
            None => slot.tail = Some(entry),
        }
        entry.node(|node| {
            node.before = before;
            node.after = after;
        });
        entry.set_place((level * SLOTS + digit) as u32);
        self.used[level] |= 1 << digit;
        self.linked += 1;
    }

    /// Files the entries of a slot anew. `elapsed` is the slot's start, so all of them go to lower levels.
    fn cascade(&mut self, level: usize, digit: usize) {
        while let Some(entry) = self.slots[level][digit].head {
            self.remove(entry);
            if !entry.is_cancelled() {
                self.sorted = false;
                let tick = self.tick_of(entry);
                self.append(entry, tick);
            }
        }
    }

    /// Brings the current slot into order by deadline, ties by arming order.
    fn sort_current(&mut self) {
        if self.sorted {
            return;
        }
        self.sorted = true;
        let digit = self.elapsed as usize % SLOTS;
        let Some(head) = self.slots[0][digit].head else {
            return;
        };
        if head.node(|node| node.after).is_none() {
            return;
        }
        let mut sorting = std::mem::take(&mut self.sorting);
        let mut next = Some(head);
        while let Some(entry) = next {
            // Most of these come due in one go, each for a task that has long been asleep.
            entry.prefetch_task();
            next = entry.node(|node| {
                sorting.push((node.deadline, node.order, entry));
                node.after
            });
        }
        // Unstable is enough: no two orders are equal.
        sorting.sort_unstable_by_key(|&(deadline, order, _)| (deadline, order));
        let mut before = None;
        for (index, &(_, _, entry)) in sorting.iter().enumerate() {
            let after = sorting.get(index + 1).map(|&(_, _, after)| after);
            entry.node(|node| {
                node.before = before;
                node.after = after;
            });
            before = Some(entry);
        }
        self.slots[0][digit] = Slot { head: sorting.first().map(|&(_, _, entry)| entry), tail: before };
        sorting.clear();
        self.sorting = sorting;
    }
}
