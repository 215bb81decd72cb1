//! Counts what timers cost: `churn [timers]` prints nanoseconds; under `valgrind --tool=callgrind` it gives instructions.
//!
//! Each part is a function of its own that is never inlined, so that a profile names it.

use std::any::Any;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use heist_core::{Clock, Driver, WorkerState, context};
use heist_timer::{Sleep, TimerService, sleep, sleep_until, timeout};

struct TimersOnly(Arc<TimerService>);

impl Driver for TimersOnly {
    fn worker_state(&self, worker: usize) -> WorkerState {
        self.0.worker_state(worker)
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    fn turn(&self, worker: usize, now: u64, _io: bool) {
        self.0.fire(worker, now);
    }
    fn next_deadline(&self, worker: usize) -> u64 {
        self.0.next_deadline(worker)
    }
    fn claim(&self, _worker: usize) -> bool {
        false
    }
    fn park(&self, _worker: usize, _deadline: u64) {}
    fn release(&self, _worker: usize) {}
    fn unpark(&self, _worker: usize) {}
    fn rescue(&self, worker: usize, now: u64) {
        self.0.rescue(worker, now);
    }
    fn io_waiting(&self) -> bool {
        false
    }
    fn close(&self) {
        self.0.close();
    }
}

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000u32);
    // One after the other: where there is a virtual clock, limits ask whether it is theirs.
    for name in ["real", "virtual"] {
        let clock = if name == "real" { Clock::real() } else { Clock::virtual_time() };
        let service = TimerService::new(clock.clone(), 1);
        let driver = Arc::new(TimersOnly(service.clone()));
        let worker = heist_core::Context::new(0, 1, clock.clone(), driver);
        // SAFETY: `worker` outlives the guard.
        let _entered = unsafe { context::enter(&worker) };
        println!("{name} clock, ns each:");
        report("  read the clock", count, || read_clock(&clock, count));
        report("  timeout that never fires", count, || timeouts(count, &service));
        report("  sleep armed and dropped", count, || arm_and_drop(count));
        let mut standing: Vec<Sleep> = (0..10_000).map(|_| armed(sleep(Duration::from_secs(30)))).collect();
        report("  the same beside 10 000 others", count, || arm_and_drop(count));
        report("  turn with nothing due", count, || turns(count, &service));
        standing.clear();
        let timers = count.min(100_000);
        let mut sleeps = Vec::with_capacity(timers as usize);
        let now = clock.now() + 1_000_000_000;
        report("  arm, 1..100 ms apart", timers, || arm_all(timers, now, &mut sleeps));
        report("  fire them, in 1 ms steps", timers, || fire_all(now, &service));
        report("  drop the fired ones", timers, || sleeps.clear());
        assert_eq!(service.armed(), 0);
    }
}

fn report(name: &str, count: u32, part: impl FnOnce()) {
    let started = Instant::now();
    part();
    println!("{name:32} {:8.1}", started.elapsed().as_nanos() as f64 / f64::from(count));
}

fn armed(mut sleep: Sleep) -> Sleep {
    assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    sleep
}

#[inline(never)]
fn read_clock(clock: &Clock, count: u32) {
    for _ in 0..count {
        black_box(clock.now());
    }
}

#[inline(never)]
fn timeouts(count: u32, service: &TimerService) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let mut limited = std::pin::pin!(timeout(Duration::from_secs(5), std::future::pending::<()>()));
        assert!(limited.as_mut().poll(&mut cx).is_pending());
        black_box(&limited);
    }
    assert_eq!(service.armed(), 0);
}

#[inline(never)]
fn arm_and_drop(count: u32) {
    for _ in 0..count {
        drop(black_box(armed(sleep(Duration::from_secs(5)))));
    }
}

#[inline(never)]
fn turns(count: u32, service: &TimerService) {
    for now in 0..count {
        black_box(service).fire(0, u64::from(now));
    }
}

#[inline(never)]
fn arm_all(count: u32, from: u64, sleeps: &mut Vec<Sleep>) {
    let mut random = 1u64;
    for _ in 0..count {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleeps.push(armed(sleep_until(from + 1_000_000 + (random >> 33) % 99_000_000)));
    }
}

#[inline(never)]
fn fire_all(from: u64, service: &TimerService) {
    for step in 1..=101 {
        service.fire(0, from + step * 1_000_000);
    }
}
