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
use super::row::Row;

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

pub(crate) struct Levels {
    /// All ticks before this one have come out.
    elapsed: u64,
    /// Whether the slot of `elapsed` on level 0 is in order.
    sorted: bool,
    /// How many entries are linked.
    linked: usize,
    /// Bit S of word L: slot S of level L has an entry.
    used: [u64; LEVELS],
    /// Of each level. In a block of their own: they are made where they stay.
    slots: Box<[[Row; SLOTS]]>,
}

impl Levels {
    pub fn new() -> Self {
        Self {
            elapsed: 0,
            sorted: true,
            linked: 0,
            used: [0; LEVELS],
            slots: (0..LEVELS).map(|_| [const { Row::new() }; SLOTS]).collect(),
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
        self.remove_from(place as usize / SLOTS, place as usize % SLOTS, entry);
        true
    }

    #[inline]
    fn remove_from(&mut self, level: usize, digit: usize, entry: EntryRef) {
        let row = &mut self.slots[level][digit];
        row.remove(entry);
        if row.is_empty() {
            self.used[level] &= !(1 << digit);
        }
        self.linked -= 1;
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
            while let Some((deadline, entry)) = self.slots[0][digit].first_of_many() {
                if deadline > now {
                    // Only the slot of `now` itself can hold what is not yet due.
                    return false;
                }
                if due.len() == limit {
                    return true;
                }
                // Woken when the batch is full, and then soon polled: each has long been asleep.
                entry.prefetch_task();
                self.remove_from(0, digit, entry);
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
            return self.slots[0][digit].first().map_or(NEVER, |(deadline, _)| deadline);
        }
        let row = &self.slots[level][digit];
        if row.len() > LOOK_AT && !exact {
            return self.start_of(level, digit) << TICK;
        }
        row.deadlines().min().unwrap_or(NEVER)
    }

    /// Until when a worker with nothing else to do waits for the first timers when they are a crowd; 0 where they are none.
    /// Asked after [`earliest`](Self::earliest).
    pub fn crowd(&self) -> u64 {
        let Some((0, digit)) = self.first() else {
            return 0;
        };
        let (row, start) = (&self.slots[0][digit], self.start_of(0, digit));
        if start == self.elapsed && self.sorted {
            let mut deadlines = row.deadlines();
            let until = deadlines.next().map_or(0, |first| first.saturating_add(SPREAD).min(NEVER - 1));
            return if deadlines.nth(CROWD - 2).is_some_and(|last| last <= until) { until } else { 0 };
        }
        // The order is not known: enough for a crowd wherever in the slot they are.
        let is_crowd = row.len() >= LOOK_AT;
        if is_crowd { (start << TICK).saturating_add(SPREAD).min(NEVER - 1) } else { 0 }
    }

    /// Takes out any entry; `None` when the wheel is empty.
    pub fn pop_any(&mut self) -> Option<EntryRef> {
        let (level, digit) = self.first()?;
        let (_, entry) = self.slots[level][digit].first()?;
        self.remove_from(level, digit, entry);
        Some(entry)
    }

    /// The tick that an entry is filed by: that of its deadline, or the current one where that has passed.
    #[inline]
    fn tick_of(&self, entry: EntryRef) -> u64 {
        (entry.deadline() >> TICK).max(self.elapsed)
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
        self.slots[level][digit].push(entry, place_of(level, digit));
        self.count(level, digit);
    }

    /// Links an entry into the current slot behind all that are due before it.
    fn insert_sorted(&mut self, entry: EntryRef) {
        let digit = self.elapsed as usize % SLOTS;
        self.slots[0][digit].insert_sorted(entry, place_of(0, digit));
        self.count(0, digit);
    }

    /// There is one entry more in a slot.
    #[inline]
    fn count(&mut self, level: usize, digit: usize) {
        self.used[level] |= 1 << digit;
        self.linked += 1;
    }

    /// Files the entries of a slot anew. `elapsed` is the slot's start, so all of them go to lower levels.
    fn cascade(&mut self, level: usize, digit: usize) {
        let mut row = std::mem::replace(&mut self.slots[level][digit], Row::new());
        self.used[level] &= !(1 << digit);
        self.linked -= row.len();
        row.drain(|entry| {
            if !entry.is_cancelled() {
                self.sorted = false;
                let tick = self.tick_of(entry);
                self.append(entry, tick);
            }
        });
        self.slots[level][digit] = row;
    }

    /// Brings the current slot into order by deadline, ties by arming order.
    fn sort_current(&mut self) {
        if !self.sorted {
            self.sorted = true;
            self.slots[0][self.elapsed as usize % SLOTS].sort();
        }
    }
}

/// What an entry of a slot has as its place.
#[inline]
fn place_of(level: usize, digit: usize) -> u16 {
    (level * SLOTS + digit) as u16
}
