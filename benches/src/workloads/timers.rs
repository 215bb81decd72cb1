//! Sleeps: many at once, and one after another.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::measure::{Metrics, Timing};
use crate::os::cpu_ns;
use crate::peer::{Flavour, Peer};
use crate::stats::quantile;

/// Sleeps in flight at once.
const SLEEPS: u64 = 100_000;

/// One in so many sleeps reads the clock to see how late it is; the others do nothing but sleep.
const PROBED: u64 = 64;

/// Processor time of each of 100 000 sleeps, the wall time of all, and the mean lateness.
pub(crate) fn sleeps<P: Peer>(flavour: Flavour) -> Metrics {
    let (figures, results) = mpsc::channel();
    P::run(flavour, async move {
        let measured = P::spawn(async move {
            // Grows the runtime's tables.
            at_once::<P>(SLEEPS / 10).await;
            let (cpu, wall) = (cpu_ns(), Instant::now());
            let late_ns = at_once::<P>(SLEEPS).await;
            let (wall, cpu) = (wall.elapsed(), cpu_ns() - cpu);
            let probed = SLEEPS.div_ceil(PROBED);
            let _ = figures.send(vec![
                ("cpu each", cpu as f64 / SLEEPS as f64),
                ("wall in all", wall.as_secs_f64() * 1e3),
                ("mean lateness", late_ns as f64 / probed as f64 / 1e6),
            ]);
            0
        });
        P::join(measured).await
    });
    results.recv().expect("the task has sent its figures")
}

/// Sleeps `count` times at once, for 1 to 100 ms each, and returns the summed lateness of the probed ones in ns.
async fn at_once<P: Peer>(count: u64) -> u64 {
    let sleeping = |i: u64| {
        let duration = Duration::from_millis(i * 7919 % 100 + 1);
        P::spawn(async move {
            if i % PROBED != 0 {
                P::sleep(duration).await;
                return 0;
            }
            let deadline = Instant::now() + duration;
            P::sleep(duration).await;
            late(deadline)
        })
    };
    let tasks: Vec<_> = (0..count).map(sleeping).collect();
    let mut sum = 0;
    for task in tasks {
        sum += P::join(task).await;
    }
    sum
}

/// How late it is, in ns. Panics when it is early: a sleep that ends too soon is wrong, however fast.
fn late(deadline: Instant) -> u64 {
    let now = Instant::now();
    assert!(now >= deadline, "a sleep ended {:?} too early", deadline - now);
    (now - deadline).as_nanos() as u64
}

/// The lateness of sleeps of 1 ms, one after another.
pub(crate) fn lateness<P: Peer>(flavour: Flavour, timing: Timing) -> Metrics {
    let count = if timing.quick { 100 } else { 500 };
    let (figures, results) = mpsc::channel();
    P::run(flavour, async move {
        let measured = P::spawn(async move {
            let mut late_us = Vec::with_capacity(count);
            for _ in 0..count {
                let deadline = Instant::now() + Duration::from_millis(1);
                P::sleep(Duration::from_millis(1)).await;
                late_us.push(late(deadline) as f64 / 1e3);
            }
            late_us.sort_by(f64::total_cmp);
            let _ = figures.send(vec![("p50", quantile(&late_us, 0.5)), ("p99", quantile(&late_us, 0.99))]);
            0
        });
        P::join(measured).await
    });
    results.recv().expect("the task has sent its figures")
}
