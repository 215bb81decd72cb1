//! The word of one direction, and who may touch the wakers beside it.
//!
//! The protocol page is `docs/design/reactor.md`; this is its short form.
//!
//! # States
//!
//! A word is a handful of flags below a tick that counts the edges:
//!
//! | flag | set by | means |
//! |---|---|---|
//! | `READY` | event | an edge came that nobody has found stale yet: trying the system call may pay |
//! | `WAITING` | the lane holder, arming | the waker in the current slot is to be woken by the next edge |
//! | `LISTED` | a sharer, joining | the list may hold waiters to be woken by the next edge |
//! | `SLOT` | flipped by whoever consumes `WAITING` | which of the two waker slots the lane holder uses |
//! | `HUNG` | event | the peer has closed or failed: its edge is spent, so a short read proves nothing any more |
//! | `CLOSED` | close | the reactor is closed: nobody waits here again |
//!
//! # Both sides
//!
//! | task | reactor |
//! |---|---|
//! | T1 observe the word (Acquire) | D1 the kernel reports an edge |
//! | T2 system call: would block | D2 one read-modify-write (AcqRel): `READY`, tick + 1, `WAITING` and `LISTED` off |
//! | T3 put the waker into the current slot, if it is another one | D3 if `WAITING` was set: wake the slot by reference |
//! | T4 compare-exchange observed -> `WAITING` (Release) | D4 if `LISTED` was set: empty the list under its lock, wake |
//! | T5 Pending; or, where T4 failed, again from T1 | |
//!
//! An edge between T2 and T4 changes the tick, T4 fails, and the task tries again: no edge is lost. The slot is the lane
//! holder's while `WAITING` is off, and shared for reading while it is on. The reader may still be at it after it
//! consumed `WAITING`; consuming also flips `SLOT`, so the lane holder goes on with the *other* slot, and it comes back to
//! this one only after the next consumption, which harvests, being serial, put behind this one.

mod beyond;

use std::task::Waker;

use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicU64, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

use crate::Direction;
use beyond::Others;
pub(crate) use beyond::{Beyond, Link};

const READY: u64 = 1 << 0;
const WAITING: u64 = 1 << 1;
const LISTED: u64 = 1 << 2;
const SLOT: u64 = 1 << 3;
const HUNG: u64 = 1 << 4;
const CLOSED: u64 = 1 << 5;
/// One edge. The tick fills the rest of the word: at a billion edges a second it wraps after two years, and a wrap only
/// matters to a task that stood still between two instructions for all of them.
const TICK: u64 = 1 << 8;

/// A value of the word, as somebody saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    /// No word ever has this value: it has a bit that is no flag, beside [`SPARE`](Self::SPARE), which it has not.
    pub(crate) const NEVER: Seen = Seen(!Self::SPARE);

    /// The word of a source that is not registered: an operation may be tried.
    pub(crate) const FRESH: Seen = Seen(READY);

    /// A bit that is clear in every word: whoever keeps one may put something of its own there.
    pub(crate) const SPARE: u64 = 1 << 7;

    #[inline]
    pub(crate) const fn to_u64(self) -> u64 {
        self.0
    }

    pub(crate) fn is_ready(self) -> bool {
        self.0 & READY != 0
    }

    pub(crate) fn is_hung(self) -> bool {
        self.0 & HUNG != 0
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    fn slot(self) -> usize {
        usize::from(self.0 & SLOT != 0)
    }
}

/// What came of an attempt to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only `Waiting` entitles to return Pending"]
pub(crate) enum Armed {
    /// The next edge wakes the waker.
    Waiting,
    /// The word is not what was observed: an edge came. Try the operation again.
    Changed,
    /// The reactor is closed; no edge will come.
    Closed,
}

/// The two directions of a record. Here is what nearly every source needs; the rest is [`Beyond`].
pub(crate) struct Words {
    words: [AtomicU64; 2],
    /// The waker slots of the lane that reads. Few sources ever wait to write.
    read: Slots,
    beyond: Link,
}

/// The two waker slots of a lane.
#[derive(Default)]
struct Slots([UnsafeCell<Option<Waker>>; 2]);

// SAFETY: the slots are the only fields that are not Sync by themselves. Writes to one need the lane (the contract of
// `arm` and `clear_wakers`), and the module's protocol keeps readers away from a slot that may be written.
unsafe impl Sync for Slots {}
// SAFETY: wakers are Send, and nothing here belongs to a thread.
unsafe impl Send for Slots {}

/// One direction of a record.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a> {
    words: &'a Words,
    word: &'a AtomicU64,
    direction: Direction,
}

impl std::fmt::Debug for Word<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Word")
            .field("ready", &(word & READY != 0))
            .field("waiting", &(word & WAITING != 0))
            .field("listed", &(word & LISTED != 0))
            .field("hung", &(word & HUNG != 0))
            .field("closed", &(word & CLOSED != 0))
            .field("tick", &(word / TICK))
            .finish()
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("read", &self.read()).field("write", &self.write()).finish()
    }
}

impl Words {
    pub(crate) fn new(beyond: Link) -> Self {
        Self { words: [AtomicU64::new(READY), AtomicU64::new(READY)], read: Slots::default(), beyond }
    }

    #[inline]
    pub(crate) fn of(&self, direction: Direction) -> Word<'_> {
        Word { words: self, word: &self.words[direction as usize], direction }
    }

    pub(crate) fn read(&self) -> Word<'_> {
        self.of(Direction::Read)
    }

    pub(crate) fn write(&self) -> Word<'_> {
        self.of(Direction::Write)
    }

    pub(crate) fn beyond(&self) -> &Link {
        &self.beyond
    }

    #[cold]
    fn wake_others(&self, direction: Direction) {
        // LISTED was on, so the list is there: `join` made it before.
        let Some(others) = self.of(direction).others() else { return };
        let mut woken = std::mem::take(&mut others.lock().waiting);
        // Outside the lock: a waker may run anything.
        for (_, waker) in woken.drain(..) {
            waker.wake();
        }
        // Give the vector back, so that a steady sharer allocates once.
        let mut others = others.lock();
        if others.waiting.capacity() == 0 {
            others.waiting = woken;
        }
    }
}

impl<'a> Word<'a> {
    /// The waker slots of the direction's lane.
    #[inline]
    fn slots(self) -> &'a [UnsafeCell<Option<Waker>>; 2] {
        match self.direction {
            Direction::Read => &self.words.read.0,
            Direction::Write => &self.words.beyond.make_own().write.0,
        }
    }

    /// The list of those without the lane, if anybody has ever waited beside one.
    fn others(self) -> Option<&'a Mutex<Others>> {
        Some(&self.words.beyond.own()?.others[self.direction as usize])
    }

    /// T1: what the word is now. Must come before the system call whose answer decides about waiting.
    #[inline]
    pub(crate) fn observe(self) -> Seen {
        // Acquire pairs with the Release half of `event`: who sees its edge sees the slot as its harvest left it.
        Seen(self.word.load(Ordering::Acquire))
    }

    /// D2 to D4: an edge came. `hung` says that the peer has closed or failed.
    ///
    /// One atomic read-modify-write. Calls for one word must not overlap: they are made under the shard's harvest lock.
    pub(crate) fn event(self, hung: bool) {
        let hung = if hung { HUNG } else { 0 };
        let old = self.update(|old| {
            let new = (old & !(WAITING | LISTED) | READY | hung).wrapping_add(TICK);
            let flip = if old & WAITING != 0 { SLOT } else { 0 };
            match () {
                () if mutant("reactor-event-keeps-tick") => new.wrapping_sub(TICK) ^ flip,
                () if mutant("reactor-event-keeps-slot") => new,
                () => new ^ flip,
            }
        });
        self.wake(old);
    }

    /// The reactor is closed: adds the wakers of all who wait to `woken`, for the caller to wake, for the last time.
    ///
    /// May overlap with `event`: after it nobody arms, so no slot is written while either of the two reads one. Must not
    /// overlap with `clear_wakers`.
    pub(crate) fn close(self, woken: &mut Vec<Waker>) {
        let old = self.update(|old| {
            let flip = if old & WAITING != 0 { SLOT } else { 0 };
            (old & !(WAITING | LISTED) | READY | CLOSED).wrapping_add(TICK) ^ flip
        });
        if old & WAITING != 0 {
            self.slots()[Seen(old).slot()].with(|waker| {
                // SAFETY: as in `wake`.
                let waker = unsafe { &*waker };
                woken.extend(waker.clone());
            });
        }
        if old & LISTED != 0 {
            if let Some(others) = self.others() {
                woken.extend(others.lock().waiting.drain(..).map(|(_, waker)| waker));
            }
        }
    }

    /// Nobody waits here any more: the source goes.
    pub(crate) fn retire(self) {
        self.update(|old| old & !(WAITING | LISTED));
    }

    /// A new source moves in. The slot bit stays, since a late reader may still be at the other slot.
    pub(crate) fn renew(self) {
        self.update(|old| (old & !(WAITING | LISTED | HUNG | CLOSED) | READY).wrapping_add(TICK));
    }

    /// Applies `change` in one compare-exchange loop and returns what stood before.
    #[inline]
    fn update(self, change: impl Fn(u64) -> u64) -> u64 {
        let mut old = self.word.load(Ordering::Relaxed);
        loop {
            // Acquire pairs with the Release of `arm`: who consumes WAITING sees the waker. Release pairs with the
            // Acquire of `observe`.
            match self.word.compare_exchange_weak(old, change(old), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(old) => return old,
                Err(now) => old = now,
            }
        }
    }

    fn wake(self, old: u64) {
        if old & WAITING != 0 {
            self.slots()[Seen(old).slot()].with(|waker| {
                // SAFETY: WAITING was on and this caller consumed it, so the lane holder leaves this slot alone until
                // the next consumption, which comes after this call (or never, after `close`).
                let waker = unsafe { &*waker };
                if let Some(waker) = waker {
                    waker.wake_by_ref();
                }
            });
        }
        if old & LISTED != 0 {
            self.words.wake_others(self.direction);
        }
    }

    /// An operation found that it would block, and `seen` was observed before it: the edge is stale, unless another came.
    pub(crate) fn drain(self, seen: Seen) {
        // No partner: whoever arms after this compares the word again.
        let _ = self.word.compare_exchange(seen.0, seen.0 & !READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// T3 and T4, for the lane holder: waits for the next edge after `seen`.
    ///
    /// One atomic read-modify-write; two where the task waits already and comes with another waker; none where it comes
    /// with the same one.
    ///
    /// # Safety
    ///
    /// The caller holds the lane: calls of `arm` and `clear_wakers` for one word never overlap.
    pub(crate) unsafe fn arm(self, mut seen: Seen, waker: &Waker) -> Armed {
        if seen.is_closed() {
            return Armed::Closed;
        }
        // SAFETY: passed on from the caller.
        if unsafe { self.arm_again(seen, waker) } {
            return Armed::Waiting;
        }
        // SAFETY: the lane is the caller's.
        let same = unsafe { self.has_kept(seen, waker) };
        if seen.0 & WAITING != 0 {
            if same {
                return Armed::Waiting;
            }
            let back = seen.0 & !WAITING;
            // Take the slot back before writing to it. No partner: nobody writes slots but us, and a failure means
            // that an event consumed WAITING, so it is not ours to touch.
            let mine = mutant("reactor-arm-keeps-waiting")
                || self.word.compare_exchange(seen.0, back, Ordering::Acquire, Ordering::Relaxed).is_ok();
            if !mine {
                return Armed::Changed;
            }
            if !mutant("reactor-arm-keeps-waiting") {
                seen = Seen(back);
            }
        }
        if !same {
            let waker = waker.clone();
            let before = self.slots()[seen.slot()].with_mut(|kept| {
                // SAFETY: WAITING was off in `seen` and only the lane holder turns it on, so no event reads this slot;
                // the harvest that last read it ended before the one that flipped SLOT to it (module text).
                unsafe { (*kept).replace(waker) }
            });
            // The old waker's drop may run anything, so it comes after the access.
            drop(before);
        }
        if self.set_waiting(seen) { Armed::Waiting } else { Armed::Changed }
    }

    /// [`arm`](Self::arm) for a task that waits again where it waited before, with the same waker; `false` where `arm` has to
    /// see to it, or an edge came. Small enough to be compiled into each operation.
    ///
    /// # Safety
    ///
    /// That of `arm`.
    #[inline]
    pub(crate) unsafe fn arm_again(self, seen: Seen, waker: &Waker) -> bool {
        // SAFETY: the lane is the caller's.
        seen.0 & (WAITING | CLOSED) == 0 && unsafe { self.has_kept(seen, waker) } && self.set_waiting(seen)
    }

    /// Whether the slot has that waker already.
    ///
    /// # Safety
    ///
    /// The caller holds the lane.
    #[inline]
    unsafe fn has_kept(self, seen: Seen, waker: &Waker) -> bool {
        self.slots()[seen.slot()].with(|kept| {
            // SAFETY: only the lane holder writes, and that is the caller; an event may read at the same time.
            let kept = unsafe { &*kept };
            kept.as_ref().is_some_and(|kept| kept.will_wake(waker))
        })
    }

    /// T4: whether nothing came since `seen`; then the next edge wakes the waker.
    #[inline]
    fn set_waiting(self, seen: Seen) -> bool {
        let seen =
            if mutant("reactor-arm-ignores-tick") { self.word.load(Ordering::Relaxed) } else { seen.0 };
        // Release pairs with the Acquire of `update`: who consumes WAITING sees the waker.
        self.word
            .compare_exchange(seen, seen & !READY | WAITING, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// As [`arm`](Self::arm) for those without the lane: waits in the list. `ticket` is the waiter's place there.
    pub(crate) fn join(self, seen: Seen, waker: &Waker, ticket: &mut Option<u64>) -> Armed {
        if seen.is_closed() {
            return Armed::Closed;
        }
        let mut others = self.words.beyond.make_own().others[self.direction as usize].lock();
        let target = seen.0 & !READY | LISTED;
        let unchanged = if target == seen.0 {
            // LISTED is on already. An event that turned it off before this lock was taken and has emptied the list
            // is visible here, by the lock; one that has yet to empty the list finds the waiter in it.
            self.word.load(Ordering::Relaxed) == seen.0
        } else {
            // The list's lock publishes the waiter. Release pairs with the Acquire of `update`: who consumes LISTED sees
            // that there is a list.
            self.word.compare_exchange(seen.0, target, Ordering::Release, Ordering::Relaxed).is_ok()
        };
        if !unchanged && !mutant("reactor-join-ignores-tick") {
            return Armed::Changed;
        }
        let place = ticket.and_then(|ticket| others.waiting.iter_mut().find(|(id, _)| *id == ticket));
        let before = match place {
            Some((_, kept)) if kept.will_wake(waker) => None,
            Some((_, kept)) => Some(std::mem::replace(kept, waker.clone())),
            None => {
                let id = others.next;
                others.next += 1;
                others.waiting.push((id, waker.clone()));
                *ticket = Some(id);
                None
            }
        };
        // The old waker's drop may run anything, so it comes after the lock.
        drop(others);
        drop(before);
        Armed::Waiting
    }

    /// A sharer waits no longer. Its LISTED may stay: the next event then finds an empty list.
    pub(crate) fn leave(self, ticket: u64) {
        let Some(others) = self.others() else { return };
        let mut others = others.lock();
        let place = others.waiting.iter().position(|(id, _)| *id == ticket);
        let left = place.map(|place| others.waiting.remove(place));
        drop(others);
        drop(left);
    }

    /// Takes all wakers out, so that a record at rest keeps no task alive.
    ///
    /// # Safety
    ///
    /// The lane and the record are the caller's, WAITING is off, and no harvest or close that could have consumed it is
    /// still running.
    pub(crate) unsafe fn clear_wakers(self) -> [Option<Waker>; 2] {
        if self.direction == Direction::Write && self.words.beyond.own().is_none() {
            return [None, None];
        }
        let [first, second] = self.slots();
        [first, second].map(|slot| {
            slot.with_mut(|kept| {
                // SAFETY: passed on from the caller: nobody else reads or writes.
                unsafe { (*kept).take() }
            })
        })
    }
}

#[cfg(all(test, heist_loom))]
mod models;
