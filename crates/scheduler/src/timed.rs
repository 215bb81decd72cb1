//! Callbacks for later: what stands behind `call_later` and `call_at`.
//!
//! One map of a loop, ordered by due time and, among equals, by arrival. Worker 0, which is the thread of the run, waits for
//! the earliest as for a timer of its own, and hands what is due to the line of callbacks in that order. A callback that is
//! cancelled leaves the map at once, so no cancelled one shortens a wait, or piles up.
//!
//! | `call_later`, any thread | worker 0 |
//! |---|---|
//! | T1 lock; put it in the map; it is the earliest: `next` = its time; unlock | W1 load `next`, with its own timers |
//! | T2 it was the earliest: unpark worker 0 | W2 park until then |
//!
//! T1 before W1: the wait is short enough. T1 after W1: T2 comes after W1, too, and its token ends the park of W2, or keeps it
//! from beginning. Then W1 comes again, and sees T1 by the token.
//!
//! What is due when it comes is called in the next pass, as in asyncio: behind what stands in line by then, also on a loop that
//! is too busy to look at the time. Current-thread: `asked` says so, and the owner looks between two passes. On several workers,
//! where a pass is none, a callback of the loop's own goes in line, and fires when its turn comes.
//!
//! Whoever fires (worker 0, or on its behalf the watchdog, or who lets virtual time jump) holds `firing` from the look at
//! the map until all that was due is in line: so two of them cannot change the order. User code that runs meanwhile (the
//! drop of a callback that a closed loop refuses) may use the map, whose own lock is free then.
//!
//! Protocol page: `docs/design/event-loop.md`.

use std::collections::BTreeMap;

use heist_core::clock::NEVER;
use heist_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use heist_core::sync::{Mutex, MutexGuard, mutant};

/// When a callback is due, in nanoseconds of the loop's time, and as which of its kind it came.
pub(crate) type Due = (u64, u64);

/// The map, without what is in it, so that a model can use it.
pub(crate) struct Timed<J> {
    waiting: Mutex<Waiting<J>>,
    /// When the earliest is due; [`NEVER`] for none. Written with the lock held; its partner is the token of worker 0's parker.
    next: AtomicU64,
    /// Whether something was due when it came. Bookkeeping: what a fire takes it finds under the lock.
    asked: AtomicBool,
    firing: Mutex<()>,
}

struct Waiting<J> {
    jobs: BTreeMap<Due, J>,
    came: u64,
    closed: bool,
}

impl<J> Timed<J> {
    pub(crate) fn new() -> Self {
        let waiting = Waiting { jobs: BTreeMap::new(), came: 0, closed: false };
        Self {
            waiting: Mutex::new(waiting),
            next: AtomicU64::new(NEVER),
            asked: AtomicBool::new(false),
            firing: Mutex::new(()),
        }
    }

    /// T1. Whether it is the earliest now, which worker 0 must be told; the job comes back from a closed loop.
    pub(crate) fn put(&self, when: u64, job: J) -> Result<(Due, bool), J> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(job);
        }
        let due = (when, waiting.came);
        waiting.came += 1;
        waiting.jobs.insert(due, job);
        let earliest = when < self.next.load(Ordering::Relaxed);
        if earliest {
            self.next.store(when, Ordering::Relaxed);
        }
        Ok((due, earliest))
    }

    /// Something that was put is due: a fire is asked for before the next pass.
    pub(crate) fn ask(&self) {
        // A fire that takes the note back after this takes the lock after the put, too.
        self.asked.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Takes one out, if it is still there.
    pub(crate) fn remove(&self, due: Due) -> Option<J> {
        let mut waiting = self.waiting.lock();
        let job = waiting.jobs.remove(&due);
        self.publish(&waiting);
        job
    }

    /// W1.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Calls `each` with every job that is due at `now`, in order.
    pub(crate) fn fire(&self, now: u64, mut each: impl FnMut(J)) {
        let _firing = (!mutant("timed-fire-without-firing")).then(|| self.firing.lock());
        let late = mutant("timed-note-taken-back-late");
        if !late {
            self.asked.store(false, Ordering::Relaxed);
        }
        let mut due = Vec::new();
        {
            let mut waiting = self.waiting.lock();
            while let Some(first) = waiting.jobs.first_entry().filter(|first| first.key().0 <= now) {
                due.push(first.remove());
            }
            self.publish(&waiting);
        }
        if late {
            self.asked.store(false, Ordering::Relaxed);
        }
        due.into_iter().for_each(&mut each);
    }

    /// Takes no more, and gives what has not come to its turn.
    pub(crate) fn close(&self) -> Vec<J> {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        let jobs = std::mem::take(&mut waiting.jobs);
        self.publish(&waiting);
        jobs.into_values().collect()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().jobs.len()
    }

    fn publish(&self, waiting: &MutexGuard<'_, Waiting<J>>) {
        let first = waiting.jobs.first_key_value().map_or(NEVER, |(due, _)| due.0);
        self.next.store(first, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn fired(timed: &Timed<u32>, now: u64) -> Vec<u32> {
        let mut fired = Vec::new();
        timed.fire(now, |job| fired.push(job));
        fired
    }

    #[test]
    fn the_earliest_comes_first_and_equals_in_the_order_of_arrival() {
        let timed = Timed::new();
        let earliest: Vec<_> =
            [(5, 1), (3, 2), (5, 3), (3, 4)].map(|(when, job)| timed.put(when, job).unwrap().1).into();
        assert_eq!((earliest, timed.next()), (vec![true, true, false, false], 3));
        assert_eq!(fired(&timed, 2), []);
        assert_eq!(fired(&timed, 4), [2, 4]);
        assert_eq!(timed.next(), 5);
        assert_eq!(fired(&timed, u64::MAX), [1, 3]);
        assert_eq!(timed.next(), NEVER);
    }

    #[test]
    fn what_is_removed_shortens_no_wait() {
        let timed = Timed::new();
        let (first, _) = timed.put(3, 1).unwrap();
        timed.put(9, 2).unwrap();
        assert_eq!((timed.remove(first), timed.next(), timed.len()), (Some(1), 9, 1));
        assert_eq!(timed.remove(first), None);
        assert_eq!(timed.close(), [2]);
        assert_eq!((timed.put(1, 3), timed.next()), (Err(3), NEVER));
    }
}
