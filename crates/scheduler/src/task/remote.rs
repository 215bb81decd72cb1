//! The remote word of a local task: what other threads want of it.
//!
//! A task of the current-thread flavour is touched by its owner thread with plain loads and stores. Other threads hold
//! wakers and handles of it all the same. What they do is noted in this second word, and the task is put into the
//! loop's inbox once; the owner merges the note when it next looks.
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | [`INBOX`] | the task is in the inbox, or on its way: the owner will merge, and must not free the cell before |
//! | 1 | [`WOKEN`] | wake it |
//! | 2 | [`CANCEL`] | cancel it |
//! | 3 | [`DETACH`] | its handle was dropped |
//! | 4 | [`JOIN`] | a waker for its completion lies in the cold part |
//! | 5 | [`CLOSED`] | the loop is closed: the state word is shared now, nothing is noted here any more |
//! | 8..16 | advance | of a shared task: references that its state word counts in advance; the side's that polls it |
//! | 32..64 | count | references that other threads added (or, negative, gave back) since the last merge |
//!
//! A foreign thread that gives a reference back cannot know whether it was the last: that is local count + this count.
//! So every decrement also puts the task into the inbox. The owner frees a cell only when its local count is zero and
//! this word is zero: a foreign reference would show as a count, a decrement under way as `INBOX`.
//!
//! Protocol page: `docs/design/task-state.md`.

use heist_core::sync::atomic::{AtomicU64, Ordering};

pub(crate) const INBOX: u64 = 1;
pub(crate) const WOKEN: u64 = 1 << 1;
pub(crate) const CANCEL: u64 = 1 << 2;
pub(crate) const DETACH: u64 = 1 << 3;
pub(crate) const JOIN: u64 = 1 << 4;
pub(crate) const CLOSED: u64 = 1 << 5;

const ADVANCE: u64 = 1 << 8;
const ADVANCES: u64 = 0xFF << 8;

const ONE: u64 = 1 << 32;

/// What a note was answered with.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Noted {
    /// The caller put the task on its way: it must push it into the inbox.
    Push,
    /// It is on its way already.
    Underway,
    /// The loop is closed: use the state word, which is shared now.
    Closed,
}

/// The remote word of one task.
#[derive(Debug)]
pub(crate) struct Remote(AtomicU64);

impl Remote {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Sets the word of a cell that nobody holds yet.
    #[inline]
    pub(crate) fn reset(&self, word: u64) {
        self.0.store(word, Ordering::Relaxed);
    }

    /// How many references the state word counts in advance; none of a local task. Relaxed: what hands the task from one poll to
    /// the next orders this, too.
    #[inline]
    pub(crate) fn advance(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) & ADVANCES) / ADVANCE
    }

    /// Notes how many they are, for the side that polls a shared task, of which the word holds nothing else.
    #[inline]
    pub(crate) fn set_advance(&self, advance: u64) {
        self.0.store(advance * ADVANCE, Ordering::Relaxed);
    }

    /// Notes `flags` and a change of `references`, and puts the task on its way to the inbox if `flags` or a decrement
    /// asks for that.
    fn note(&self, flags: u64, references: i32) -> Noted {
        let arrives = if flags != 0 || references < 0 { INBOX } else { 0 };
        let delta = (references as i64 as u64).wrapping_mul(ONE);
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                // Pairs with the AcqRel swap in `close`: the state word's new form is visible.
                heist_core::sync::atomic::fence(Ordering::Acquire);
                return Noted::Closed;
            }
            let next = (word | flags | arrives).wrapping_add(delta);
            // Release pairs with the Acquire swap in `merge`: the owner sees what this thread did before.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if arrives & !word != 0 => return Noted::Push,
                Ok(_) => return Noted::Underway,
                Err(now) => word = now,
            }
        }
    }

    /// A foreign thread cloned a waker or a reference.
    pub(crate) fn acquire(&self) -> Noted {
        self.note(0, 1)
    }

    /// A foreign thread dropped one.
    pub(crate) fn release(&self) -> Noted {
        self.note(0, -1)
    }

    /// A foreign thread woke the task and keeps its waker.
    pub(crate) fn wake_by_ref(&self) -> Noted {
        self.note(WOKEN, 0)
    }

    /// A foreign thread cancelled the task.
    pub(crate) fn cancel(&self) -> Noted {
        self.note(CANCEL, 0)
    }

    /// A foreign thread dropped the handle; its reference goes with the merge.
    pub(crate) fn detach(&self) -> Noted {
        self.note(DETACH, 0)
    }

    /// A foreign thread waits for the task to complete.
    pub(crate) fn join(&self) -> Noted {
        self.note(JOIN, 0)
    }

    /// Whether a foreign thread waits for the task to complete. Owner only.
    #[inline]
    pub(crate) fn joined(&self) -> bool {
        self.0.load(Ordering::Acquire) & JOIN != 0
    }

    /// Whether nothing is noted and nobody foreign holds a reference. Owner only.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        // Acquire pairs with the decrement of the last foreign holder, merged or not.
        self.0.load(Ordering::Acquire) & !JOIN == 0
    }

    /// Takes the change of references alone; notes that are on their way stay. Owner only.
    #[inline]
    pub(crate) fn take_count(&self) -> i64 {
        let mut word = self.0.load(Ordering::Relaxed);
        // Nothing to take is what a task of one thread always finds: a load.
        while word >= ONE {
            // Acquire pairs with the Release of who counted: the owner sees what that thread did with the task.
            match self.0.compare_exchange_weak(word, word & (ONE - 1), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return split(word).1,
                Err(now) => word = now,
            }
        }
        0
    }

    /// Takes the notes: flags (`JOIN` stays set) and the change of references. Owner only.
    pub(crate) fn merge(&self) -> (u64, i64) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            match self.0.compare_exchange_weak(word, word & JOIN, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return split(word),
                Err(now) => word = now,
            }
        }
    }

    /// Closes the word: from now on every foreign operation goes to the state word, which must be a shared one already.
    /// Returns the last notes; `None` while the task is on its way to the inbox: merge it first. Owner only.
    pub(crate) fn close(&self) -> Option<(u64, i64)> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word & INBOX != 0 && !heist_core::sync::mutant("remote-close-waits") {
                return None;
            }
            match self.0.compare_exchange_weak(word, CLOSED, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(split(word)),
                Err(now) => word = now,
            }
        }
    }

    /// As [`close`](Self::close), by who holds the task's place in the inbox: nobody else merges. Returns the last notes.
    pub(crate) fn close_arrived(&self) -> (u64, i64) {
        // Acquire and Release as in `close`.
        split(self.0.swap(CLOSED, Ordering::AcqRel))
    }
}

fn split(word: u64) -> (u64, i64) {
    (word & 0xFFFF_FFFF, i64::from((word >> 32) as u32 as i32))
}
