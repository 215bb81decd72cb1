//! I/O and time as one driver: what the facade gives the scheduler.

use std::any::Any;
use std::io;
use std::sync::Arc;

use heist_core::driver::DriverCounts;
use heist_core::{Clock, Driver, WorkerState};
use heist_reactor::Reactor;
use heist_timer::TimerService;

/// A reactor and the timers of one loop.
pub(crate) struct LoopDriver {
    reactor: Arc<Reactor>,
    timers: Arc<TimerService>,
}

impl LoopDriver {
    /// Makes the driver of a loop with so many workers, and spare ones behind them.
    pub(crate) fn new(clock: &Arc<Clock>, workers: usize, spares: usize) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            reactor: Reactor::with_spares(clock.clone(), workers, spares)?,
            timers: TimerService::new(clock.clone(), workers + spares),
        }))
    }
}

impl Driver for LoopDriver {
    fn worker_state(&self, worker: usize) -> WorkerState {
        self.timers.worker_state(worker)
    }

    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.reactor.clone())
    }

    #[inline]
    fn turn(&self, worker: usize, now: u64, io: bool) {
        self.timers.fire(worker, now);
        if io {
            self.reactor.poll(worker);
        }
    }

    #[inline]
    fn next_deadline(&self, worker: usize) -> u64 {
        self.timers.next_deadline(worker)
    }

    #[inline]
    fn claim(&self, worker: usize) -> bool {
        self.reactor.claim(worker)
    }

    #[inline]
    fn park(&self, worker: usize, deadline: u64) {
        self.reactor.park(worker, deadline);
    }

    #[inline]
    fn release(&self, worker: usize) {
        self.reactor.release(worker);
    }

    #[inline]
    fn unpark(&self, worker: usize) {
        self.reactor.unpark(worker);
    }

    fn rescue(&self, worker: usize, now: u64) {
        self.timers.rescue(worker, now);
        self.reactor.poll(worker);
    }

    #[inline]
    fn io_waiting(&self) -> bool {
        self.reactor.io_waiting()
    }

    fn counts(&self) -> DriverCounts {
        DriverCounts { timers: self.timers.armed(), io_sources: self.reactor.sources() }
    }

    fn close(&self) {
        self.reactor.close();
        self.timers.close();
    }
}
