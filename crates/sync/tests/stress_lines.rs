//! Conditions, barriers, events and notifications on four threads, with waiters that give up at any time.
#![cfg(not(heist_loom))]

mod support;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use heist_sync::{Barrier, Condition, Event, Lock, Notify, OnceCell};
use support::{Hand, THREADS, block_on, on_threads, perhaps};

const ROUNDS: u64 = 15_000;

/// Every item that is put is taken: a notification that comes to one who gives up is passed on.
#[test]
fn condition_loses_no_notification() {
    let (stock, put, taken) = (Lock::new(0_u64), AtomicU64::new(0), AtomicU64::new(0));
    let filled = Condition::new();
    on_threads(|random| {
        for _ in 0..ROUNDS {
            let mut guard = block_on(stock.lock());
            *guard += 1;
            put.fetch_add(1, Relaxed);
            filled.notify(&guard, 1).unwrap();
            drop(guard);
            let guard = block_on(stock.lock());
            if let Some(guard) = perhaps(random, filled.wait_for(guard, |stock| *stock > 0)) {
                *guard.unwrap() -= 1;
                taken.fetch_add(1, Relaxed);
            }
        }
    });
    assert!(!stock.locked());
    assert_eq!(filled.statistics().waiting, 0);
    assert_eq!(put.into_inner() - taken.into_inner(), stock.into_inner());
}

#[test]
fn barrier_rounds_never_mix() {
    let barrier = Barrier::new(THREADS as usize).unwrap();
    let arrived: Vec<AtomicU32> = (0..ROUNDS).map(|_| AtomicU32::new(0)).collect();
    on_threads(|_| {
        for round in &arrived {
            round.fetch_add(1, Relaxed);
            assert!(block_on(barrier.wait()).unwrap() < THREADS as usize);
            assert_eq!(round.load(Relaxed), THREADS as u32, "somebody was ahead");
        }
    });
    assert_eq!(barrier.n_waiting(), 0);
}

/// Resets and aborts at any time end every wait, and leave a barrier that works.
#[test]
fn barrier_broken_at_any_time_keeps_nobody() {
    let barrier = Barrier::new(2).unwrap();
    let working = AtomicU64::new(THREADS);
    thread::scope(|scope| {
        scope.spawn(|| {
            while working.load(Relaxed) > 0 {
                barrier.abort();
                barrier.reset();
                thread::yield_now();
            }
        });
        on_threads(|random| {
            for _ in 0..ROUNDS {
                let _outcome = perhaps(random, barrier.wait());
            }
            working.fetch_sub(1, Relaxed);
        });
    });
    barrier.reset();
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
}

#[test]
fn event_wakes_all_who_wait() {
    let (event, working) = (Event::new(), AtomicU64::new(THREADS));
    thread::scope(|scope| {
        scope.spawn(|| {
            while working.load(Relaxed) > 0 {
                event.set();
                event.clear();
            }
        });
        on_threads(|random| {
            for _ in 0..ROUNDS {
                let _waited = perhaps(random, event.wait());
            }
            working.fetch_sub(1, Relaxed);
        });
    });
    assert_eq!(event.statistics().waiting, 0);
}

/// As many wait as are notified, and those who give up pass it on: nobody is left.
#[test]
fn notify_loses_no_notification() {
    let (notify, work) = (Notify::new(), Lock::new(0_u64));
    thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let mut done = 0;
            while done < ROUNDS * THREADS {
                block_on(notify.notified());
                done += std::mem::take(&mut *work.lock_blocking());
            }
        });
        on_threads(|random| {
            for _ in 0..ROUNDS {
                *work.lock_blocking() += 1;
                notify.notify_one();
                // One who goes to wait and gives up at once has taken no notification away.
                let mut gives_up = Hand::new(notify.notified());
                if random.below(8) == 0 && gives_up.poll().is_ready() {
                    notify.notify_one();
                }
            }
        });
        consumer.join().unwrap();
    });
}

#[test]
fn once_cell_makes_one_value() {
    for _ in 0..ROUNDS / 10 {
        let (cell, made) = (OnceCell::new(), AtomicU32::new(0));
        on_threads(|random| {
            let _value = perhaps(
                random,
                cell.get_or_init(|| async {
                    thread::yield_now();
                    made.fetch_add(1, Relaxed)
                }),
            );
        });
        assert_eq!(block_on(cell.get_or_init(|| async { made.fetch_add(1, Relaxed) })), &0);
        assert_eq!(made.into_inner(), 1);
    }
}
