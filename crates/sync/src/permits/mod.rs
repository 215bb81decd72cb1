//! Counted permits with a fair line: what the lock, the read-write lock and the semaphores stand on.
//!
//! Vocabulary:
//!
//! * a *permit* is free (in the word), or out (with whoever took it);
//! * a *claim* wants a number of permits. A waiting claim is given all of them at once, under the lock of the line;
//! * a claim is *due* from then until its future is polled and finds them.
//!
//! One word holds it all: how many are free, how many claims are due, and `QUEUED`. With the lock of the line free,
//! `QUEUED` says exactly whether anybody waits. While it is clear, permits are taken and given back by one exchange
//! each; while it is set, both go through the lock of the line, and only claims that find their gift change the word
//! without it.
//!
//! A newcomer waits while anybody waits or is due, so nobody is overtaken. Why no permit is lost: `docs/design/sync.md`.

mod claim;

use std::fmt;
use std::pin::Pin;
use std::task::Waker;

use heist_core::context;
use heist_core::sync::atomic::{AtomicU64, Ordering};
use heist_core::sync::{Mutex, mutant};

pub(crate) use self::claim::{Claim, Source};
use crate::waitlist::{End, Offer, Turn, WaitList, Waiter, WakeBatch};

/// Somebody is in line.
const QUEUED: u64 = 1;
/// One claim that is due.
const ONE_DUE: u64 = 1 << 1;
/// The claims that are due: 31 bits.
const DUE: u64 = (1 << 32) - ONE_DUE;
/// Where the free permits are: 32 bits.
const FREE_SHIFT: u32 = 32;

/// One look at the word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(u64);

impl Word {
    /// A lock that is held, for which nobody waits.
    const HELD: Self = Self(0);
    /// A lock that is free.
    const ONE_FREE: Self = Self(1 << FREE_SHIFT);

    fn free(self) -> u32 {
        (self.0 >> FREE_SHIFT) as u32
    }

    fn with_free(self, free: u32) -> Self {
        Self(u64::from(free) << FREE_SHIFT | self.0 & (DUE | QUEUED))
    }

    fn queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    fn with_queued(self, queued: bool) -> Self {
        Self(self.0 & !QUEUED | u64::from(queued))
    }

    /// Whether somebody came before a newcomer.
    fn has_line(self) -> bool {
        self.0 & (QUEUED | DUE) != 0
    }

    /// The word after a newcomer took `want`, if it may.
    fn taken(self, want: u32) -> Option<Self> {
        if self.has_line() { None } else { self.free().checked_sub(want).map(|free| self.with_free(free)) }
    }
}

/// How permits get back, and what that does to the claims that are due.
#[derive(Clone, Copy)]
struct Back {
    permits: u32,
    due: u64,
}

impl Back {
    const NOTHING: Self = Self { permits: 0, due: 0 };
}

/// A number of permits, and a line of claims on them.
pub struct Permits {
    word: AtomicU64,
    /// There are never more free ones than this.
    bound: u32,
    /// The gift of a claim that is due, for the other claims of its task.
    offer: Offer,
    line: Mutex<WaitList>,
}

/// There are as many free permits as there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("free", &self.free()).field("waiting", &self.waiting()).finish()
    }
}

impl Permits {
    /// So many free permits, of which there are never more than `bound`.
    pub(crate) fn new(free: u32, bound: u32) -> Self {
        let word = u64::from(free.min(bound)) << FREE_SHIFT;
        Self { word: AtomicU64::new(word), bound, offer: Offer::new(), line: Mutex::new(WaitList::new()) }
    }

    /// What an exchange starts from: what is there. loom keeps only the last access of a thread, so that a load just
    /// before an exchange would hide what comes in between; a model starts from a guess, and the exchange tells.
    #[inline(always)]
    fn guess(&self, guess: u32) -> Word {
        if cfg!(heist_loom) { Word(u64::from(guess) << FREE_SHIFT) } else { self.look() }
    }

    #[inline(always)]
    fn look(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed))
    }

    /// Acquire, paired with the Release of `give_back` and of `serve`: who takes permits sees what was done by those
    /// who held them. On failure: what is there.
    #[inline(always)]
    fn step(&self, from: Word, to: Word, success: Ordering) -> Result<(), Word> {
        let result = self.word.compare_exchange(from.0, to.0, success, Ordering::Relaxed);
        result.map(drop).map_err(Word)
    }

    /// Takes `want` permits if they are free and nobody came before: one exchange.
    #[inline]
    pub(crate) fn try_take(&self, want: u32) -> bool {
        let mut word = self.guess(self.bound);
        loop {
            let Some(taken) = word.taken(want) else { return false };
            match self.step(word, taken, Ordering::Acquire) {
                Ok(()) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// As [`try_take`](Self::try_take), of a lock's one permit. Of all words a newcomer may take one alone, so the exchange
    /// needs no look before it; but it asks for the cache line where the look would only share it.
    #[inline(always)]
    pub(crate) fn try_take_only(&self) -> bool {
        debug_assert_eq!(self.bound, 1, "for locks");
        self.step(Word::ONE_FREE, Word::HELD, Ordering::Acquire).is_ok()
    }

    /// As [`give_back`](Self::give_back), of a lock's one permit, which somebody holds: that nobody waits is tried first.
    #[inline(always)]
    pub(crate) fn give_back_only(&self) {
        debug_assert_eq!(self.bound, 1, "for locks");
        if let Err(now) = self.step(Word::HELD, Word::ONE_FREE, Self::back_order()) {
            self.give_back_only_from(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_back_only_from(&self, now: Word) {
        let unlocked = self.give_back_from(now, 1);
        debug_assert_eq!(unlocked, Ok(()), "a lock that was free is unlocked");
    }

    /// Gives permits back: one exchange while nobody waits.
    ///
    /// # Errors
    ///
    /// [`TooMany`], and nothing has changed, where there would be more than there may be.
    #[inline]
    pub(crate) fn give_back(&self, permits: u32) -> Result<(), TooMany> {
        self.give_back_from(self.guess(0), permits)
    }

    /// As [`give_back`](Self::give_back), beginning with the last look.
    #[inline]
    fn give_back_from(&self, mut word: Word, permits: u32) -> Result<(), TooMany> {
        while !word.queued() {
            let free = self.with_back(word, permits)?;
            match self.step(word, word.with_free(free), Self::back_order()) {
                Ok(()) => return Ok(()),
                Err(now) => word = now,
            }
        }
        self.give_back_to_line(permits)
    }

    /// Release pairs with the Acquire of who takes what comes back.
    #[inline(always)]
    fn back_order() -> Ordering {
        if mutant("sync-permits-relaxed") { Ordering::Relaxed } else { Ordering::Release }
    }

    /// How many are free when so many come back.
    #[inline(always)]
    fn with_back(&self, word: Word, permits: u32) -> Result<u32, TooMany> {
        // There are never more than the bound.
        if self.bound - word.free() < permits { Err(TooMany) } else { Ok(word.free() + permits) }
    }

    #[cold]
    #[inline(never)]
    fn give_back_to_line(&self, permits: u32) -> Result<(), TooMany> {
        let mut batch = WakeBatch::new();
        {
            let mut line = self.line.lock();
            self.with_back(self.look(), permits)?;
            self.serve(&mut line, &mut batch, Back { permits, due: 0 });
        }
        batch.wake();
        Ok(())
    }

    /// Puts back what comes, and gives those at the front of the line what they wait for as long as there is enough.
    /// One read-modify-write for each of them, and one if there is none. Call with the lock of the line held.
    fn serve(&self, line: &mut WaitList, batch: &mut WakeBatch, mut back: Back) {
        loop {
            let (want, is_last) = (line.first_want(), line.waiting() <= 1);
            let mut word = self.look();
            let (after, given) = loop {
                let (after, given) = self.served(word, back, want, is_last);
                // Release hands on what those did who gave back, and Acquire takes it over.
                match self.step(word, after, Ordering::AcqRel) {
                    Ok(()) => break (after, given),
                    Err(now) => word = now,
                }
            };
            if !given {
                return;
            }
            back = Back::NOTHING;
            // After the word: who finds the gift counts itself off the claims that are due.
            batch.push(line.give_on_offer(&self.offer));
            if line.first_want().is_none_or(|want| want > after.free()) {
                return;
            }
        }
    }

    /// What the word becomes when `back` comes back and the first in line wants `want`; whether it gets it.
    fn served(&self, word: Word, back: Back, want: Option<u32>, is_last: bool) -> (Word, bool) {
        let free = word.free().saturating_add(back.permits).min(self.bound);
        let word = Word(word.0 - back.due);
        match want {
            None => (word.with_free(free).with_queued(false), false),
            Some(want) if want > free => (word.with_free(free), false),
            Some(want) => {
                let word = word.with_free(free - want).with_queued(!is_last);
                (Word(word.0 + ONE_DUE), true)
            }
        }
    }

    /// Looks at a claim that could not take its permits at once; whether it has them now.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this line; before it goes, it [`received`](Self::received) or [`left`](Self::leave).
    #[inline(never)]
    unsafe fn poll_take(&self, want: u32, mut waiter: Pin<&mut Waiter>, waker: &Waker) -> bool {
        if waiter.as_mut().entered() {
            // SAFETY: the waiter entered this line.
            unsafe { self.look_again(waiter, waker) }
        } else {
            // SAFETY: the waiter is idle; the rest is the caller's word.
            unsafe { self.take_or_enter(want, waiter, waker) }
        }
    }

    /// Takes `want` permits, or enters the line. Ready says that they are taken.
    ///
    /// # Safety
    ///
    /// The waiter is idle; before it goes, it [`received`](Self::received) or [`left`](Self::leave).
    unsafe fn take_or_enter(&self, want: u32, waiter: Pin<&mut Waiter>, waker: &Waker) -> bool {
        // A clone may panic, and is foreign code: it comes before the lock.
        let waker = waker.clone();
        let mut line = self.line.lock();
        if self.take_over(&mut line, want, &waker) {
            drop(line);
            self.count_off();
            return true;
        }
        let mut word = self.look();
        loop {
            let taken = word.taken(want);
            let after = taken.unwrap_or(word.with_queued(true));
            // Acquire as in `try_take`. With the same compare nobody gives back between the look and the mark, and
            // whoever is due last sees the mark.
            match self.step(word, after, Ordering::Acquire) {
                Ok(()) if taken.is_some() => return true,
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        // SAFETY: the caller's word; the lock is held.
        unsafe { line.enter_for(waiter, waker, End::Back, want) };
        false
    }

    /// Whether a claim that entered the line has been given its permits, which are its own from now on.
    #[inline]
    pub(crate) fn received(&self, waiter: Pin<&mut Waiter>) -> bool {
        let received = waiter.received_or_accepted(&self.offer);
        if received {
            self.count_off();
        }
        received
    }

    /// Has a claim of the current task that is due wait on, and takes what it was given for another one of that task, which is
    /// being polled: else a task that awaits this one, and keeps the other without polling it, would wait for itself.
    fn take_over(&self, line: &mut WaitList, want: u32, waker: &Waker) -> bool {
        // A model has no tasks; there who has the same waker is the same.
        let is_tasks_own = if cfg!(heist_loom) {
            !waker.data().is_null()
        } else {
            context::with(|context| context.is_some_and(|context| context.is_current(waker)))
        };
        let taken = is_tasks_own && line.take_over_offer(&self.offer, want, waker);
        if taken {
            // Acquire as in `take_or_enter`: from the mark on, permits come back through the lock of the line.
            self.word.fetch_or(QUEUED, Ordering::Acquire);
        }
        taken
    }

    /// A claim is no longer due.
    #[inline]
    fn count_off(&self) {
        // Acquire takes over the mark of a newcomer that found this claim due and so did not take what was free.
        let before = Word(self.word.fetch_sub(ONE_DUE, Ordering::AcqRel));
        if before.queued() && before.free() > 0 && !mutant("sync-permits-no-look-when-due") {
            self.serve_line();
        }
    }

    #[cold]
    #[inline(never)]
    fn serve_line(&self) {
        let mut batch = WakeBatch::new();
        self.serve(&mut self.line.lock(), &mut batch, Back::NOTHING);
        batch.wake();
    }

    /// Looks at a claim that entered the line; one that waits on is woken by `waker`.
    ///
    /// # Safety
    ///
    /// The waiter entered this line.
    #[inline]
    pub(crate) unsafe fn look_again(&self, mut waiter: Pin<&mut Waiter>, waker: &Waker) -> bool {
        if self.received(waiter.as_mut()) {
            return true;
        }
        // What `turn` and `leave` hand out is dropped after the lock.
        let (turn, _old, mut _left);
        let mut given;
        {
            let mut line = self.line.lock();
            waiter.as_mut().withdraw(&self.offer);
            // SAFETY: the caller's word; the lock is held.
            (turn, _old) = unsafe { line.turn(waiter.as_mut(), waker) };
            given = turn != Turn::Waiting;
            if !given {
                // SAFETY: as above.
                let want = unsafe { line.want(waiter.as_mut()) };
                given = self.take_over(&mut line, want, waker);
                if given {
                    // SAFETY: as above.
                    _left = unsafe { line.leave(waiter) };
                }
            }
        }
        if given {
            self.count_off();
        }
        given
    }

    /// Takes a claim out of the line; what it has been given goes to the next.
    ///
    /// # Safety
    ///
    /// The waiter entered this line.
    pub(crate) unsafe fn leave(&self, mut waiter: Pin<&mut Waiter>) {
        let mut batch = WakeBatch::new();
        let left;
        {
            let mut line = self.line.lock();
            waiter.as_mut().withdraw(&self.offer);
            // SAFETY: the caller's word; the lock is held.
            left = unsafe { line.leave(waiter) };
            let kept = mutant("sync-permits-keep-the-gift");
            let permits = if left.granted && !kept { left.want } else { 0 };
            let due = if left.granted { ONE_DUE } else { 0 };
            self.serve(&mut line, &mut batch, Back { permits, due });
        }
        batch.wake();
        drop(left.waker);
    }

    /// Takes up to `n` waiters over from another line, whose lock is held, each for one permit.
    pub(crate) fn take_in(&self, from: &mut WaitList, n: usize, batch: &mut WakeBatch) {
        if n == 0 || from.waiting() == 0 {
            return;
        }
        let mut line = self.line.lock();
        for _ in 0..n {
            if !from.move_first_to(&mut line, 1) {
                break;
            }
        }
        // Acquire as in `take_or_enter`: from the mark on, permits come back through the lock of the line.
        self.word.fetch_or(QUEUED, Ordering::Acquire);
        self.serve(&mut line, batch, Back::NOTHING);
    }

    /// What they are known by as long as they live.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// How many permits are free.
    pub(crate) fn free(&self) -> u32 {
        self.look().free()
    }

    /// Whether a newcomer that wants one permit has to wait.
    pub(crate) fn locked(&self) -> bool {
        self.look().taken(1).is_none()
    }

    /// How many claims wait.
    pub(crate) fn waiting(&self) -> usize {
        if self.look().queued() { self.line.lock().waiting() } else { 0 }
    }

    /// Makes up to `permits` free ones vanish; how many did.
    pub(crate) fn forget(&self, permits: u32) -> u32 {
        let mut word = self.look();
        loop {
            let gone = word.free().min(permits);
            match self.step(word, word.with_free(word.free() - gone), Ordering::Acquire) {
                Ok(()) => return gone,
                Err(now) => word = now,
            }
        }
    }
}
