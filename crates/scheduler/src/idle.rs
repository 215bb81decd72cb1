//! Who sleeps and who searches: how a push finds a sleeper, and how a sleeper misses no push.
//!
//! Two words: `idle` has a bit for each worker that sleeps or is about to, `searching` counts the workers that look for
//! work. Each on a line of its own; a push that must tell the others only *loads* them, unless it really wakes somebody.
//!
//! | publisher | sleeper |
//! |---|---|
//! | P1 push the task | S1 lower `searching` |
//! | P2 fence(SeqCst) | S2 set own bit in `idle` |
//! | P3 load `searching`: not 0, done | S3 fence(SeqCst) |
//! | P4 take a bit out of `idle`, raise `searching`, unpark that worker | S4 look at every queue; work: take own bit back |
//! | | S5 park |
//!
//! The fences are ordered: either P2 comes first, and S4 sees the push, or S3 does, and P3 and P4 see the sleeper. In
//! P3 the publisher leaves the task to a searcher: that one is still before S1, so before its S4, and will look. This is
//! why S1 must come before S4: lowered after the look, a push in between would be seen by neither.
//!
//! The last searcher that *finds* work passes the duty on: it stops searching, so publishers that relied on it must be
//! answered for, and it calls [`Idle::notify`] in its turn while there is more.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

use crossbeam_utils::CachePadded;
use heist_core::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use heist_core::sync::mutant;

const WORD: usize = u64::BITS as usize;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Idle {
    words: Box<[CachePadded<AtomicU64>]>,
    /// A bit for each worker that a thread runs. Changes with threads and runs, not with tasks.
    active: Box<[AtomicU64]>,
    searching: CachePadded<AtomicUsize>,
    /// No more than this many search at a time: more would only compete for the same few tasks.
    max_searching: usize,
}

impl Idle {
    pub(crate) fn new(slots: usize, workers: usize) -> Self {
        Self {
            words: (0..slots.div_ceil(WORD)).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            active: (0..slots.div_ceil(WORD)).map(|_| AtomicU64::new(0)).collect(),
            searching: CachePadded::new(AtomicUsize::new(0)),
            max_searching: workers.div_ceil(2),
        }
    }

    /// Begins to search, unless enough others do.
    pub(crate) fn start_searching(&self) -> bool {
        if self.searching.load(Ordering::Relaxed) >= self.max_searching {
            return false;
        }
        self.searching.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Whether the caller, which `searches` already or begins to now, is the only one.
    pub(crate) fn search_alone(&self, searches: bool) -> bool {
        if searches {
            return self.searching.load(Ordering::Relaxed) == 1;
        }
        if mutant("idle-alone-compares") {
            return self.searching.fetch_add(1, Ordering::AcqRel) < self.max_searching;
        }
        self.searching.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Stops searching; `true` for the last one, who must look whether a push relied on it: the fence orders that look
    /// after the count. Partner: P2.
    pub(crate) fn stop_searching(&self) -> bool {
        let last = self.searching.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && !mutant("idle-last-searcher-fence") {
            fence(Ordering::SeqCst);
        }
        last
    }

    /// S1 to S3: from here on a publisher finds this worker. The caller must look at every queue (S4) before it parks.
    pub(crate) fn prepare_to_sleep(&self, worker: usize, searching: bool) {
        if searching && !mutant("idle-lower-after-look") {
            // No fence of its own: S3 follows.
            self.searching.fetch_sub(1, Ordering::AcqRel);
        }
        self.words[worker / WORD].fetch_or(bit(worker), Ordering::AcqRel);
        if !mutant("idle-sleeper-fence") {
            fence(Ordering::SeqCst);
        }
    }

    /// Where S1 would be if it came after S4: what the models show to be wrong.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn looked(&self, searching: bool) {
        if searching && mutant("idle-lower-after-look") {
            self.searching.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Takes the own bit back; `false` when a publisher took it, which made this worker a searcher and unparked it.
    pub(crate) fn stop_sleeping(&self, worker: usize) -> bool {
        let word = &self.words[worker / WORD];
        word.load(Ordering::Relaxed) & bit(worker) != 0
            && word.fetch_and(!bit(worker), Ordering::AcqRel) & bit(worker) != 0
    }

    /// A thread begins or ceases to run `worker`.
    pub(crate) fn set_active(&self, worker: usize, active: bool) {
        let word = &self.active[worker / WORD];
        if active {
            word.fetch_or(bit(worker), Ordering::AcqRel);
        } else {
            word.fetch_and(!bit(worker), Ordering::AcqRel);
        }
    }

    /// The workers of a word that are awake: the others have nothing in their queues.
    ///
    /// A worker's own queues are empty when it sets its bit, and it clears the bit before it takes anything. What it wakes at
    /// the end of a wait in the driver it pushes a moment earlier; but it looks for a helper only after clearing. A worker
    /// whose bit is still seen here clears it after the caller set its own (S2): in the same word by the order of the two
    /// read-modify-writes, in another one by the fences (S3, and the one in `Watchdog::worker_awake`). So it sees the caller
    /// when it decides whether to wake a helper.
    #[inline]
    fn awake(&self, word: usize) -> u64 {
        self.active[word].load(Ordering::Acquire) & !self.words[word].load(Ordering::Acquire)
    }

    /// Calls `f` with every worker but `me` that is awake, beginning with the one at or after `start`, until it gives
    /// something.
    #[inline(always)]
    pub(crate) fn find_awake<R>(
        &self,
        me: usize,
        start: usize,
        f: impl FnMut(usize) -> Option<R>,
    ) -> Option<R> {
        match &*self.words {
            [_] if self.awake(0) & !bit(me) == 0 => None,
            _ => self.find_in_words(me, start, f),
        }
    }

    #[inline(never)]
    fn find_in_words<R>(&self, me: usize, start: usize, mut f: impl FnMut(usize) -> Option<R>) -> Option<R> {
        let words = self.words.len();
        // The word of `start` comes twice: first from `start` on, at last up to it.
        for offset in 0..=words {
            let word = (start / WORD + offset) % words;
            let from = !0 << (start % WORD);
            let mut left = match offset {
                0 => self.awake(word) & from,
                _ if offset == words => self.awake(word) & !from,
                _ => self.awake(word),
            };
            if word == me / WORD {
                left &= !bit(me);
            }
            while left != 0 {
                let worker = word * WORD + left.trailing_zeros() as usize;
                left &= left - 1;
                if let Some(found) = f(worker) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Whether anybody sleeps: a load, without a fence. For decisions that a later look corrects.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::Relaxed) != 0)
    }

    /// Whether `worker` sleeps or is about to.
    pub(crate) fn is_idle(&self, worker: usize) -> bool {
        self.words[worker / WORD].load(Ordering::Acquire) & bit(worker) != 0
    }

    /// Whether every worker that a thread runs sleeps or is about to.
    pub(crate) fn all_sleep(&self) -> bool {
        (0..self.words.len()).all(|word| self.awake(word) == 0)
    }

    /// P2 to P4 after a push: the worker to unpark, if one is to be woken. `prefer` says which sleepers to take first.
    ///
    /// The chosen worker counts as searching; its bit is taken.
    pub(crate) fn notify(&self, prefer: impl Fn(usize) -> bool) -> Option<usize> {
        if !mutant("idle-publisher-fence") {
            fence(Ordering::SeqCst);
        }
        if self.searching.load(Ordering::Relaxed) != 0 {
            return None;
        }
        self.take(prefer)
    }

    /// As [`notify`](Self::notify), after a push behind a lock through which sleepers pass to look at the queue (S4): the lock
    /// stands for the fence. Either the push came before the look, which sees it; or the look, and what came before
    /// it (S1, S2), before this. Partner: `Injector::may_have_any`.
    #[inline]
    pub(crate) fn notify_behind_lock(&self, prefer: impl Fn(usize) -> bool) -> Option<usize> {
        if self.searching.load(Ordering::Relaxed) != 0 || !self.any() {
            return None;
        }
        self.take(prefer)
    }

    /// Takes a sleeper although others may be searching: for what is no push (the watchdog, the last hold on time). What
    /// the caller wrote before is seen by a sleeper's S4, or the sleeper here, as in P2.
    pub(crate) fn poke(&self, prefer: impl Fn(usize) -> bool) -> Option<usize> {
        if !mutant("idle-poke-fence") {
            fence(Ordering::SeqCst);
        }
        self.take(prefer)
    }

    fn take(&self, prefer: impl Fn(usize) -> bool) -> Option<usize> {
        for pass in 0..2 {
            for (index, word) in self.words.iter().enumerate() {
                let mut left = word.load(Ordering::Relaxed);
                while left != 0 {
                    let worker = index * WORD + left.trailing_zeros() as usize;
                    left &= left - 1;
                    // The second pass takes anybody.
                    if (pass == 1 || prefer(worker))
                        && word.fetch_and(!bit(worker), Ordering::AcqRel) & bit(worker) != 0
                    {
                        self.searching.fetch_add(1, Ordering::AcqRel);
                        return Some(worker);
                    }
                }
            }
        }
        None
    }
}

fn bit(worker: usize) -> u64 {
    1 << (worker % WORD)
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_awake_worker_is_found_once_from_any_start() {
        for slots in [1, 3, 64, 65, 150] {
            let idle = Idle::new(slots, slots);
            let awake: Vec<usize> = (0..slots).filter(|worker| worker % 3 != 1).collect();
            for worker in 0..slots {
                idle.set_active(worker, true);
                if worker % 3 == 1 {
                    idle.prepare_to_sleep(worker, false);
                }
            }
            for start in [0, slots / 2, slots - 1] {
                let mut found = Vec::new();
                let none: Option<()> = idle.find_awake(0, start, |worker| {
                    found.push(worker);
                    None
                });
                assert!(none.is_none());
                found.sort_unstable();
                assert_eq!(found, awake[1..], "{slots} slots from {start}");
            }
        }
    }
}
