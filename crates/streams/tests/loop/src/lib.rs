//! A loop of scheduler, reactor and timers, as the facade makes one. A crate of its own, so that the examples in the
//! documentation of heist-streams can use it and are compiled together, in one program: none of them can have it as a module,
//! since the path of a module's file is not known there.
#![cfg(not(heist_loom))]
#![forbid(unsafe_code)]

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use heist_core::{Clock, Driver, WorkerState};
use heist_reactor::Reactor;
use heist_scheduler::{Config, LocalScheduler, Scheduler};
use heist_timer::TimerService;

/// How long a loop may take to close: nothing here takes as long as that.
const LIMIT: Duration = Duration::from_secs(20);

struct IoAndTime {
    reactor: Arc<Reactor>,
    timers: Arc<TimerService>,
}

impl Driver for IoAndTime {
    fn worker_state(&self, worker: usize) -> WorkerState {
        self.timers.worker_state(worker)
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.reactor.clone())
    }
    fn turn(&self, worker: usize, now: u64, io: bool) {
        self.timers.fire(worker, now);
        if io {
            self.reactor.poll(worker);
        }
    }
    fn next_deadline(&self, worker: usize) -> u64 {
        self.timers.next_deadline(worker)
    }
    fn claim(&self, worker: usize) -> bool {
        self.reactor.claim(worker)
    }
    fn park(&self, worker: usize, deadline: u64) {
        self.reactor.park(worker, deadline);
    }
    fn release(&self, worker: usize) {
        self.reactor.release(worker);
    }
    fn unpark(&self, worker: usize) {
        self.reactor.unpark(worker);
    }
    fn rescue(&self, worker: usize, now: u64) {
        self.timers.rescue(worker, now);
        self.reactor.poll(worker);
    }
    fn io_waiting(&self) -> bool {
        self.reactor.io_waiting()
    }
    fn close(&self) {
        self.reactor.close();
        self.timers.close();
    }
}

fn parts(workers: usize) -> (Config, Arc<Clock>, Arc<IoAndTime>) {
    let config = Config::new(workers);
    let slots = config.workers + config.spares;
    let clock = Clock::real();
    let reactor = Reactor::new(clock.clone(), slots).unwrap();
    let timers = TimerService::new(clock.clone(), slots);
    (config, clock, Arc::new(IoAndTime { reactor, timers }))
}

/// Runs `future` on a loop with so many workers, and closes the loop.
pub fn run_on<F: Future>(workers: usize, future: F) -> F::Output {
    let (config, clock, driver) = parts(workers);
    let reactor = driver.reactor.clone();
    let scheduler = Scheduler::new(config, clock, driver);
    let output = scheduler.block_on(future).unwrap();
    let report = scheduler.close(LIMIT, LIMIT).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(!reactor.io_waiting(), "{workers} workers: a socket is still registered: {reactor:?}");
    output
}

/// Runs `future` on a current-thread loop, and closes the loop.
pub fn run_local<F: Future>(future: F) -> F::Output {
    let (config, clock, driver) = parts(1);
    let reactor = driver.reactor.clone();
    let scheduler = LocalScheduler::new(config, clock, driver);
    let output = scheduler.block_on(future).unwrap();
    let report = scheduler.close(LIMIT, LIMIT).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(!reactor.io_waiting(), "current thread: a socket is still registered: {reactor:?}");
    output
}
