//! The idle handshake: a push is seen by a worker that goes to sleep, or its publisher sees the worker.
//!
//! The queue is a counter with the orderings of a deque's end: written before the publisher's fence, read after the
//! sleeper's. Each publisher pushes one item and notifies; a worker that finds items takes all of them.

use std::sync::Arc;

use heist_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{check, side};
use crate::idle::Idle;
use crate::park::Parker;

struct House {
    idle: Idle,
    parkers: Vec<Parker>,
    queue: AtomicUsize,
    taken: AtomicUsize,
}

impl House {
    fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(workers, workers),
            parkers: (0..workers).map(|_| Parker::new()).collect(),
            queue: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        })
    }

    /// P1 to P4.
    fn publish(&self) {
        self.queue.fetch_add(1, Ordering::Release);
        self.notify();
    }

    fn notify(&self) {
        if let Some(worker) = self.idle.notify(|_| true) {
            let _ = self.parkers[worker].unpark();
        }
    }

    fn take(&self) -> usize {
        let taken = self.queue.swap(0, Ordering::AcqRel);
        self.taken.fetch_add(taken, Ordering::AcqRel);
        taken
    }

    /// A worker, searching, until `all` items have been taken by anybody: look, or sleep.
    fn work(&self, worker: usize, all: usize) {
        let mut searching = self.idle.start_searching();
        while self.taken.load(Ordering::Acquire) < all {
            if self.queue.load(Ordering::Relaxed) > 0 && self.take() > 0 {
                // Found: the last searcher passes the duty on.
                if std::mem::take(&mut searching) && self.idle.stop_searching() && self.more() {
                    self.notify();
                }
                if self.taken.load(Ordering::Acquire) >= all {
                    // The others would sleep for ever now that nothing comes.
                    self.parkers.iter().for_each(|parker| _ = parker.unpark());
                }
                continue;
            }
            let searched = std::mem::take(&mut searching);
            self.idle.prepare_to_sleep(worker, searched);
            let more = self.more();
            self.idle.looked(searched);
            if !more && self.taken.load(Ordering::Acquire) < all {
                self.parkers[worker].park(None);
            }
            if !self.idle.stop_sleeping(worker) {
                searching = true;
            }
        }
    }

    /// S4.
    fn more(&self) -> bool {
        self.queue.load(Ordering::Relaxed) > 0
    }
}

fn wakers_and_sleepers(name: &str, bound: Option<usize>, wakers: usize, sleepers: usize) {
    check(name, bound, move || {
        let house = House::new(sleepers);
        let mut others = Vec::new();
        for _ in 0..wakers {
            let house = house.clone();
            others.push(side(move || house.publish()));
        }
        for worker in 1..sleepers {
            let house = house.clone();
            others.push(side(move || house.work(worker, wakers)));
        }
        house.work(0, wakers);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn one_waker_one_sleeper() {
    wakers_and_sleepers("one_waker_one_sleeper", None, 1, 1);
}

#[test]
fn two_wakers_one_sleeper() {
    wakers_and_sleepers("two_wakers_one_sleeper", Some(2), 2, 1);
}

#[test]
fn one_waker_two_sleepers() {
    wakers_and_sleepers("one_waker_two_sleepers", Some(2), 1, 2);
}

/// A searcher that finds other work stops searching; a push that relied on it is answered by the one or the other.
#[test]
fn waker_and_last_searcher() {
    check("waker_and_last_searcher", None, || {
        let house = House::new(2);
        assert!(house.idle.start_searching());
        // The other worker sleeps.
        house.idle.prepare_to_sleep(1, false);
        let publisher = house.clone();
        let other = side(move || publisher.publish());
        // Worker 0 has found work elsewhere, and will be inside it for long.
        if house.idle.stop_searching() && house.more() {
            house.notify();
        }
        other.join().unwrap();
        assert!(!house.idle.is_idle(1), "the push was left to nobody");
    });
}

/// What is no push: the sleeper asks for a reason to stay awake, and who ends the wait sets it and pokes.
#[test]
fn poke_and_sleeper() {
    check("poke_and_sleeper", None, || {
        let house = House::new(1);
        let poker = house.clone();
        let other = side(move || {
            poker.queue.store(1, Ordering::Relaxed);
            if let Some(worker) = poker.idle.poke(|_| true) {
                let _ = poker.parkers[worker].unpark();
            }
        });
        house.work(0, 1);
        other.join().unwrap();
    });
}

/// A spare gives the driver's claim back and pokes (`Worker::leave_driver`), while a worker that goes to sleep finds the
/// driver claimed: it is woken, or its try comes after. The claim has the orderings of the reactor's.
#[test]
fn leave_driver_and_sleeper() {
    check("leave_driver_and_sleeper", None, || {
        let house = House::new(1);
        // By the spare.
        let claimed = Arc::new(AtomicBool::new(true));
        let (leaver, claim) = (house.clone(), claimed.clone());
        let other = side(move || {
            claim.store(false, Ordering::Release);
            if let Some(worker) = leaver.idle.poke(|_| true) {
                let _ = leaver.parkers[worker].unpark();
            }
        });
        loop {
            house.idle.prepare_to_sleep(0, false);
            if !claimed.load(Ordering::Relaxed) && !claimed.swap(true, Ordering::Acquire) {
                break;
            }
            house.parkers[0].park(None);
            house.idle.stop_sleeping(0);
        }
        other.join().unwrap();
    });
}

/// A worker that goes to sleep passes by those that sleep; one of them has just woken a task at the end of its wait in
/// the driver, clears its bit, and looks then whether anybody could help.
#[test]
fn passed_by_and_wake_up() {
    check("passed_by_and_wake_up", None, || {
        let house = House::new(2);
        (0..2).for_each(|worker| house.idle.set_active(worker, true));
        house.idle.prepare_to_sleep(1, false);
        let waker = house.clone();
        let other = side(move || {
            waker.queue.store(1, Ordering::Relaxed);
            waker.idle.stop_sleeping(1);
            // As `wake_helper`: what it reads in the word is no older than its own write.
            if waker.idle.any() {
                waker.notify();
            }
        });
        house.idle.prepare_to_sleep(0, false);
        while house.idle.find_awake(0, 0, |_| house.more().then_some(())).is_none() && house.idle.is_idle(0) {
            house.parkers[0].park(None);
        }
        other.join().unwrap();
    });
}

/// A worker that waits awake counts as the one searcher, so the publisher wakes nobody. Its wait is in vain: one look, too early.
#[test]
fn waker_and_one_who_waits_awake() {
    check("waker_and_one_who_waits_awake", None, || {
        let house = House::new(1);
        let publisher = house.clone();
        let other = side(move || publisher.publish());
        assert!(house.idle.search_alone(false), "nobody else searches");
        if !house.more() {
            house.idle.prepare_to_sleep(0, true);
            let more = house.more();
            house.idle.looked(true);
            if !more {
                house.parkers[0].park(None);
            }
            house.idle.stop_sleeping(0);
        }
        assert_eq!(house.take(), 1, "it was woken for nothing");
        other.join().unwrap();
    });
}

/// Two workers may not both wait awake.
#[test]
fn one_alone_waits_awake() {
    check("one_alone_waits_awake", None, || {
        let house = House::new(4);
        let inside = Arc::new(AtomicUsize::new(0));
        let wait = |house: &House, inside: &AtomicUsize| {
            if house.idle.search_alone(false) {
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "two of them wait");
                inside.fetch_sub(1, Ordering::Relaxed);
                house.idle.stop_searching();
            }
        };
        let (its, there) = (house.clone(), inside.clone());
        let other = side(move || wait(&its, &there));
        wait(&house, &inside);
        other.join().unwrap();
    });
}
