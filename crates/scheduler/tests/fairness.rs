//! Tasks that are always ready have turns by one another, however many they are.
#![cfg(not(heist_loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, LocalScheduler, Scheduler, spawn as create_task, yield_now};

/// More than a worker's queue holds.
const TASKS: usize = 300;

/// How often main gives the others a turn.
const TURNS: u64 = 20_000;

/// Runs tasks that yield for ever, and says how often each had a turn.
async fn turns() -> Vec<u64> {
    let over = Arc::new(AtomicBool::new(false));
    let counts: Arc<Vec<AtomicU64>> = Arc::new((0..TASKS).map(|_| AtomicU64::new(0)).collect());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (over, counts) = (over.clone(), counts.clone());
            create_task(async move {
                while !over.load(Ordering::Relaxed) {
                    counts[task].fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            })
        })
        .collect();
    while counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>() < TURNS {
        yield_now().await;
    }
    let counts = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    counts
}

#[test]
fn every_task_that_yields_has_its_turns() {
    for workers in [1, 2] {
        let scheduler = Scheduler::new(Config::new(workers), Clock::real(), Arc::new(NoDriver));
        let counts = scheduler.block_on(turns()).unwrap();
        assert!(counts.iter().all(|&count| count > 0), "{workers} workers: {counts:?}");
    }
}

#[test]
fn on_a_current_thread_loop_they_take_exact_turns() {
    let scheduler = LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver));
    let counts = scheduler.block_on(turns()).unwrap();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most - least <= 1, "{counts:?}");
}
