//! Counts what a callback costs: `callbacks [rounds]` prints nanoseconds for `call_soon` and the call, on each flavour.

use std::sync::Arc;
use std::time::Instant;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, Handle, LocalScheduler, Scheduler, yield_now};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000);
    let local = LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver));
    println!("ns a callback:");
    println!("  current-thread {:8.1}", local.block_on(churn(rounds)).unwrap_or(f64::NAN));
    for workers in [1, 2] {
        let scheduler = Scheduler::new(Config::new(workers), Clock::real(), Arc::new(NoDriver));
        println!("  {workers} workers      {:8.1}", scheduler.block_on(churn(rounds)).unwrap_or(f64::NAN));
    }
}

/// Batches of 32 callbacks, with a turn for the loop after each.
async fn churn(rounds: u32) -> f64 {
    let Some(handle) = Handle::current() else { return f64::NAN };
    let started = Instant::now();
    for _ in 0..rounds / 32 {
        for _ in 0..32 {
            let called = handle.call_soon(|| {});
            assert!(called.is_ok(), "the loop runs");
        }
        yield_now().await;
    }
    started.elapsed().as_nanos() as f64 / f64::from(rounds)
}
