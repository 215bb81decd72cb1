//! The state word of a task: who may run it, who waits for it, how many hold it.
//!
//! One 64-bit word carries everything that two sides may race for:
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | [`IDLE`] | the task is neither queued nor being polled; a wake must queue it |
//! | 1 | [`COMPLETE`] | the future is gone; the output is stored, or was dropped because no handle wants it |
//! | 2 | [`CANCEL`] | somebody asked for cancellation; the next poll delivers that first |
//! | 3 | [`HANDLE`] | the `Task` handle is alive and owns the output once the task is complete |
//! | 4 | [`JOINER`] | the join slot holds a waker and belongs to the completing side |
//! | 5 | [`LOCAL`] | only the owner thread touches this word; others use the remote word |
//! | 6 | [`FAILED`] | the task has ended without a value: it panicked, or was cancelled |
//! | 7 | [`CANCELLED`] | it was cancelled |
//! | 8 | [`CALLBACKS`] | done callbacks are registered |
//! | 9..32 | wakes | how often the task was woken, saturating |
//! | 32..64 | references | wakers + handles + until the task is complete one for the registry, and those counted in advance |
//!
//! A queue holds no reference: a task that is queued or being polled is not complete, so the registry's reference keeps
//! it alive, and only the side that polls it can complete it. That is why a wake by value is one compare-and-swap: it
//! counts the wake, clears `IDLE` and gives the waker's reference back in the same step.
//!
//! A poll starts with a plain load and ends with one compare-and-swap that sets `IDLE` if the wake count still is what
//! the load saw. A wake in between changes the count, so the poll is repeated and nothing is lost. The count saturates:
//! at its maximum it reads as "changed", and the end that finds it there resets it.
//!
//! Every transition is a pure function of the word. On a shared task it is applied by a compare-and-swap loop; on a
//! local task the owner applies it by a load and a store ([`Access::Owner`]).
//!
//! Protocol page: `docs/design/task-state.md`.

use heist_core::sync::atomic::{AtomicU64, Ordering};
use heist_core::sync::mutant;

pub(crate) const IDLE: u64 = 1;
pub(crate) const COMPLETE: u64 = 1 << 1;
pub(crate) const CANCEL: u64 = 1 << 2;
pub(crate) const HANDLE: u64 = 1 << 3;
pub(crate) const JOINER: u64 = 1 << 4;
pub(crate) const LOCAL: u64 = 1 << 5;
pub(crate) const FAILED: u64 = 1 << 6;
pub(crate) const CANCELLED: u64 = 1 << 7;

pub(crate) const CALLBACKS: u64 = 1 << 8;

const WAKE: u64 = 1 << 9;
const WAKES: u64 = 0x7F_FFFF << 9;
pub(crate) const REFERENCE: u64 = 1 << 32;

/// So many references are counted at once when a poll clones its own task's waker: one for the clone, the others in advance, for
/// the clones to come. A task that waits again and again then pays a read-modify-write for one of so many clones.
pub(crate) const AT_ONCE: u64 = 64;

/// More references than this are a leak in a loop; the process ends before the count can wrap.
const MAX_REFERENCES: u64 = 1 << 31;

/// References that a local word is lent while it is made a shared one: foreign threads may give back through it what they
/// counted in the remote word, before that count is added.
pub(crate) const LOAN: i64 = 1 << 30;

/// A new task: queued at once, held by its handle and by the registry.
pub(crate) const NEW: u64 = HANDLE | (2 * REFERENCE);

/// A new task without a handle, held by the registry alone.
pub(crate) const NEW_DETACHED: u64 = REFERENCE;

/// How many references a word counts.
#[inline]
pub(crate) fn references(word: u64) -> u64 {
    word >> 32
}

/// How the caller may touch a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Any thread may be at it: compare-and-swap.
    Shared,
    /// The word is local and this is its owner thread: load and store.
    Owner,
}

/// What a wake must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Wake {
    /// The task was idle: put it into a queue.
    Queue,
    /// The task is queued, being polled or complete: nothing.
    Nothing,
    /// The waker's reference was the last: free the cell.
    Free,
}

/// How a poll that returned Pending leaves the task.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum End {
    /// The task is idle; it must not be touched any more.
    Idle,
    /// It was woken during the poll: queue it again.
    Again,
}

/// What the completing side must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Complete {
    /// A waker is in the join slot, or callbacks are registered: see to them, then release the registry's reference.
    Notify,
    /// Nothing is left to do, the task must not be touched any more.
    Done,
    /// Somebody asked for cancellation: nothing was changed.
    Asked,
    /// No handle is left: drop the output first. Nothing was changed.
    Unwanted,
    /// The registry's reference was the last: free the cell.
    Free,
}

/// What a transition of the join slot found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Join {
    /// The transition happened.
    Changed,
    /// The task is complete: the output is there to be taken.
    Complete,
}

/// What a handle that goes must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Detach {
    /// Nothing: others hold the task.
    Done,
    /// The task is complete: drop the output, then release the reference.
    DropOutput,
}

/// The word of one task.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new(word: u64) -> Self {
        Self(AtomicU64::new(word))
    }

    /// Sets the word of a cell that nobody holds yet. Release: a walker of the registry that sees references
    /// (`acquire_if_alive`) sees the initialised header.
    #[inline]
    pub(crate) fn publish(&self, word: u64) {
        self.0.store(word, Ordering::Release);
    }

    /// The word, for reading flags; synchronises with whoever set them.
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Applies `step` until it takes hold or declines; `Ok` is the word before, `Err` the word that was declined.
    #[inline]
    fn update(&self, access: Access, mut step: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        match access {
            Access::Owner => {
                // The owner is the only writer, so a load and a store lose nothing.
                let word = self.0.load(Ordering::Relaxed);
                match step(word) {
                    Some(next) => {
                        // Release pairs with the Acquire load of a foreign thread that finds `COMPLETE`.
                        self.0.store(next, Ordering::Release);
                        Ok(word)
                    }
                    None => Err(word),
                }
            }
            Access::Shared => {
                let mut word = self.0.load(Ordering::Acquire);
                loop {
                    let Some(next) = step(word) else { return Err(word) };
                    // AcqRel: each side publishes what it did before its step and sees what came before the other's.
                    match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => return Ok(word),
                        Err(now) => word = now,
                    }
                }
            }
        }
    }

    /// Counts a wake and keeps the waker's reference. Partner: the compare-and-swap in [`end`](Self::end).
    #[inline]
    pub(crate) fn wake_by_ref(&self, access: Access) -> Wake {
        match self.update(access, |word| (word & COMPLETE == 0).then(|| woken(word))) {
            Ok(before) if before & IDLE != 0 => Wake::Queue,
            _ => Wake::Nothing,
        }
    }

    /// Counts a wake and gives the waker's reference back, in one step.
    #[inline]
    pub(crate) fn wake_by_value(&self, access: Access) -> Wake {
        let before = self
            .update(access, |word| Some(if word & COMPLETE == 0 { woken(word) } else { word } - REFERENCE));
        match before {
            Ok(before) | Err(before) => {
                check_held(before);
                if before & COMPLETE == 0 {
                    if before & IDLE != 0 { Wake::Queue } else { Wake::Nothing }
                } else if references(before) == 1 {
                    Wake::Free
                } else {
                    Wake::Nothing
                }
            }
        }
    }

    /// Asks for cancellation and wakes; `None` when the task is complete already.
    pub(crate) fn cancel(&self, access: Access) -> Option<Wake> {
        match self.update(access, |word| (word & COMPLETE == 0).then(|| woken(word) | CANCEL)) {
            Ok(before) if before & IDLE != 0 => Some(Wake::Queue),
            Ok(_) => Some(Wake::Nothing),
            Err(_) => None,
        }
    }

    /// Begins a poll: the word that [`end`](Self::end) compares with. Acquire: sees what came before every wake
    /// counted in it.
    #[inline]
    pub(crate) fn start(&self) -> u64 {
        let order = if mutant("task-start-acquires") { Ordering::Relaxed } else { Ordering::Acquire };
        self.0.load(order)
    }

    /// Ends a poll that returned Pending: idle, unless a wake came since `start`, or a request for cancellation. (One that was
    /// there at the start has been taken out of the word.)
    #[inline]
    pub(crate) fn end(&self, access: Access, start: u64) -> End {
        if start & WAKES == WAKES {
            return self.end_with_full_count(access);
        }
        let start = start & !CANCEL;
        let ended = self.update(access, |word| {
            let changed = (word ^ start) & (WAKES | CANCEL) != 0;
            if changed && !mutant("task-end-compares") { None } else { Some(word | IDLE) }
        });
        match ended {
            Ok(_) => End::Idle,
            Err(_) => End::Again,
        }
    }

    /// Ends a poll that began with a full count, which would hide a wake: the count begins anew, and the task is polled once more.
    #[cold]
    #[inline(never)]
    fn end_with_full_count(&self, access: Access) -> End {
        let _ = self.update(access, |word| Some(word & !WAKES));
        End::Again
    }

    /// Takes the request for cancellation out of the word.
    pub(crate) fn clear_cancel(&self, access: Access) {
        let _ = self.update(access, |word| Some(word & !CANCEL));
    }

    /// Whether a wake came since `start`, or may have, so that [`end`](Self::end) will have the poll repeated.
    pub(crate) fn is_woken_since(&self, start: u64) -> bool {
        start & WAKES == WAKES || (self.load() ^ start) & WAKES != 0
    }

    /// Marks the task complete, with its outcome ([`FAILED`], [`CANCELLED`]), and releases the references that were counted in
    /// `advance`, and the registry's unless a joiner must be woken first. Does nothing where somebody asked for cancellation:
    /// that comes first.
    ///
    /// Without a handle the output must be dropped before the task is marked: `dropped` says that it was.
    #[inline]
    pub(crate) fn complete(&self, access: Access, outcome: u64, dropped: bool, advance: u64) -> Complete {
        let before = self.update(access, |word| {
            if word & CANCEL != 0 && !mutant("task-complete-asks") {
                return None;
            }
            if word & HANDLE == 0 && !dropped {
                return None;
            }
            let next = ((word | COMPLETE | outcome) & !IDLE) - advance * REFERENCE;
            Some(if word & (JOINER | CALLBACKS) == 0 { next - REFERENCE } else { next })
        });
        match before {
            Err(word) if word & CANCEL != 0 && !mutant("task-complete-asks") => Complete::Asked,
            Err(_) => Complete::Unwanted,
            Ok(before) => {
                if before & (JOINER | CALLBACKS) != 0 {
                    Complete::Notify
                } else if references(before) == 1 + advance {
                    Complete::Free
                } else {
                    Complete::Done
                }
            }
        }
    }

    /// Whether nobody is left who wants the output of a task that is about to be complete, and nobody asked for cancellation.
    #[inline]
    pub(crate) fn is_unwanted(&self) -> bool {
        self.load() & (HANDLE | CANCEL) == 0
    }

    /// As [`complete`](Self::complete), for the task that most are: it gave a value, its handle is there and nobody waits yet,
    /// and nobody asked for cancellation. `false` where it is another: nothing was changed.
    #[inline]
    pub(crate) fn complete_plain(&self, access: Access, advance: u64) -> bool {
        self.update(access, |word| {
            // The owner's own count may be less than the true one: the last one is gathered, elsewhere.
            let given_up = 1 + advance;
            let plain =
                word & (CANCEL | HANDLE | JOINER | CALLBACKS) == HANDLE && references(word) > given_up;
            plain.then(|| ((word | COMPLETE) & !IDLE) - given_up * REFERENCE)
        })
        .is_ok()
    }

    /// Hands the join slot, with a waker in it, to the completing side. Partner: [`complete`](Self::complete).
    #[inline]
    pub(crate) fn set_joiner(&self, access: Access) -> Join {
        self.join(access, |word| word | JOINER)
    }

    /// Takes the join slot back from the completing side.
    #[inline]
    pub(crate) fn take_joiner(&self, access: Access) -> Join {
        self.join(access, |word| word & !JOINER)
    }

    /// Notes that callbacks are registered; `false` when the task is complete. Partner: [`complete`](Self::complete).
    pub(crate) fn set_callbacks(&self, access: Access) -> bool {
        self.join(access, |word| word | CALLBACKS) == Join::Changed
    }

    fn join(&self, access: Access, step: impl Fn(u64) -> u64) -> Join {
        match self.update(access, |word| (word & COMPLETE == 0).then(|| step(word))) {
            Ok(_) => Join::Changed,
            Err(_) => Join::Complete,
        }
    }

    /// The handle goes and the task lives on; its join slot must be empty and its own.
    #[inline]
    pub(crate) fn detach(&self, access: Access) -> Detach {
        match self.update(access, |word| {
            (word & COMPLETE == 0 || mutant("task-detach-complete")).then(|| (word & !HANDLE) - REFERENCE)
        }) {
            Ok(_) => Detach::Done,
            Err(_) => Detach::DropOutput,
        }
    }

    /// One more reference, by somebody who has one.
    #[inline]
    pub(crate) fn acquire(&self, access: Access) {
        let before = match access {
            // Relaxed is enough for an increment: the caller's own reference keeps the cell alive.
            Access::Shared => self.0.fetch_add(REFERENCE, Ordering::Relaxed),
            Access::Owner => {
                let word = self.0.load(Ordering::Relaxed);
                self.0.store(word + REFERENCE, owner_store());
                word
            }
        };
        check_bounded(before);
    }

    /// [`AT_ONCE`] more references of a shared task, by the side that polls it.
    #[inline]
    pub(crate) fn acquire_at_once(&self) {
        // Relaxed as in `acquire`: the task is not complete, so the registry's reference is there.
        check_bounded(self.0.fetch_add(AT_ONCE * REFERENCE, Ordering::Relaxed));
    }

    /// One more reference, by somebody who has none: only if the cell holds a task, of the kind that `access` is for.
    /// (A cell may have been freed and filled with the other kind since the caller looked.)
    ///
    /// A shared task must not be complete: the last who holds that one frees it without asking. See
    /// [`release_ended`](Self::release_ended).
    pub(crate) fn acquire_if_alive(&self, access: Access) -> bool {
        let (flags, wanted) = match access {
            Access::Owner => (LOCAL, LOCAL),
            Access::Shared if mutant("task-walk-passes-by-ended") => (LOCAL, 0),
            Access::Shared => (LOCAL | COMPLETE, 0),
        };
        let step = |word| (references(word) > 0 && word & flags == wanted).then(|| word + REFERENCE);
        self.update(access, step).is_ok()
    }

    /// Whether any reference is counted.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn holds_any(&self) -> bool {
        references(self.load()) > 0
    }

    /// As [`release`](Self::release), of a task that has ended: the last reference of a shared one is given back without a
    /// read-modify-write. New references come from those that are counted, and from walkers of the registry, who pass it by.
    #[inline]
    pub(crate) fn release_ended(&self, access: Access) -> bool {
        // Acquire pairs with the release of the others: the last one sees all that they did with the task.
        let word = self.0.load(Ordering::Acquire);
        if access == Access::Owner || word & COMPLETE == 0 || references(word) != 1 {
            return self.release(access);
        }
        // Release: a walker that finds the cell empty has seen it so.
        self.0.store(word - REFERENCE, Ordering::Release);
        true
    }

    /// Gives a reference back; `true` when it was the last and the cell must be freed.
    #[inline]
    pub(crate) fn release(&self, access: Access) -> bool {
        let before = match access {
            // AcqRel: the last one sees all that the others did with the task.
            Access::Shared => self.0.fetch_sub(REFERENCE, Ordering::AcqRel),
            Access::Owner => {
                let word = self.0.load(Ordering::Relaxed);
                self.0.store(word - REFERENCE, owner_store());
                word
            }
        };
        check_held(before);
        references(before) == 1
    }

    /// Makes a local word a shared one, and lends it [`LOAN`] references. Owner only.
    pub(crate) fn share(&self) {
        let word = self.0.load(Ordering::Relaxed);
        let loan = if mutant("remote-share-lends") { 0 } else { LOAN as u64 };
        // Release pairs with the Acquire load of whoever finds `LOCAL` clear.
        self.0.store((word & !LOCAL).wrapping_add(loan * REFERENCE), Ordering::Release);
    }

    /// Adds `count` references, which may be negative, to a local word. Owner only.
    pub(crate) fn adjust_owner(&self, count: i64) {
        let word = self.0.load(Ordering::Relaxed);
        self.0.store(word.wrapping_add((count as u64).wrapping_mul(REFERENCE)), Ordering::Release);
    }

    /// Adds `count` references, which may be negative, to a shared word; `true` when none is left.
    pub(crate) fn adjust(&self, count: i64) -> bool {
        let delta = (count as u64).wrapping_mul(REFERENCE);
        let before = self.0.fetch_add(delta, Ordering::AcqRel);
        references(before.wrapping_add(delta)) == 0
    }
}

/// How the owner stores a local word: always Release, also where only a count changes. A foreign thread may find
/// `COMPLETE` in any later value, and a plain store after a Release store does not carry that one on.
#[inline]
fn owner_store() -> Ordering {
    if mutant("task-owner-releases") { Ordering::Relaxed } else { Ordering::Release }
}

/// There may be more references.
#[inline]
fn check_bounded(before: u64) {
    if references(before) >= MAX_REFERENCES {
        // Wakers were forgotten in a loop: going on would wrap the count and free a task in use.
        if cfg!(heist_loom) {
            panic!("the count of references wrapped");
        }
        std::process::abort();
    }
}

/// Where it costs nothing that matters: a reference that is given back was there.
#[inline]
fn check_held(before: u64) {
    if cfg!(any(debug_assertions, heist_loom)) {
        assert!(references(before) > 0, "a reference was given back that nobody had");
    }
}

/// A word with one more wake and without `IDLE`.
#[inline]
fn woken(word: u64) -> u64 {
    let counted = if word & WAKES == WAKES { word } else { word + WAKE };
    counted & !IDLE
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    const BOTH: [Access; 2] = [Access::Shared, Access::Owner];

    #[test]
    fn a_wake_during_the_poll_repeats_it() {
        for access in BOTH {
            let word = Word::new(NEW);
            let start = word.start();
            assert_eq!(word.wake_by_ref(access), Wake::Nothing);
            assert_eq!(word.end(access, start), End::Again);
            let start = word.start();
            assert_eq!(word.end(access, start), End::Idle);
            assert_eq!(word.wake_by_ref(access), Wake::Queue);
            assert_eq!(word.wake_by_ref(access), Wake::Nothing);
        }
    }

    #[test]
    fn a_full_count_of_wakes_is_not_lost() {
        for access in BOTH {
            let word = Word::new(NEW);
            for _ in 0..(1 << 24) + 5 {
                assert_eq!(word.wake_by_ref(access), Wake::Nothing);
            }
            let start = word.start();
            assert_eq!(start & WAKES, WAKES);
            assert!(word.is_woken_since(start), "nobody can tell");
            assert_eq!(word.end(access, start), End::Again);
            let start = word.start();
            assert_eq!(start & WAKES, 0, "the count begins anew");
            assert!(!word.is_woken_since(start));
            for _ in 0..1 << 24 {
                let _ = word.wake_by_ref(access);
            }
            // A wrapping count would stand where it stood at the start.
            assert_eq!(word.end(access, start), End::Again);
        }
    }

    #[test]
    fn wake_by_value_gives_its_reference_back_once() {
        for access in BOTH {
            let word = Word::new(NEW);
            word.acquire(access);
            let start = word.start();
            assert_eq!(word.end(access, start), End::Idle);
            assert_eq!(word.wake_by_value(access), Wake::Queue);
            assert_eq!(references(word.load()), 2);
            assert_eq!(word.complete(access, 0, false, 0), Complete::Done, "a handle wants the output");
            assert_eq!(word.detach(access), Detach::DropOutput);
            assert!(word.release(access));
        }
    }

    #[test]
    fn the_last_late_waker_frees() {
        for access in BOTH {
            let word = Word::new(NEW_DETACHED);
            word.acquire(access);
            assert_eq!(word.complete(access, 0, false, 0), Complete::Unwanted);
            assert_eq!(word.complete(access, 0, true, 0), Complete::Done);
            assert_eq!(word.wake_by_value(access), Wake::Free);
        }
    }
}
