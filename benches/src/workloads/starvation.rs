//! How long a task that is always ready keeps another one from running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::measure::{Metrics, Timing};
use crate::peer::{Flavour, Peer};
use crate::stats::quantile;

/// Turns of the greedy task between two looks at the clock.
const TURNS: u64 = 64;

/// The waits of a task that yields beside one that never has to wait: a loop over oneshot channels which hold their value
/// already. The greedy task ends by itself after a while, or a runtime without a budget would never come back.
pub(crate) fn measure<P: Peer>(flavour: Flavour, timing: Timing) -> Metrics {
    let limit = if timing.quick { Duration::from_millis(200) } else { Duration::from_secs(1) };
    let (figures, results) = mpsc::channel();
    P::run(flavour, async move {
        let ended = Arc::new(AtomicBool::new(false));
        let greedy_ended = Arc::clone(&ended);
        let measured = P::spawn(async move {
            let greedy = P::spawn(async move {
                let sum = be_greedy::<P>(Instant::now() + limit).await;
                greedy_ended.store(true, Ordering::Relaxed);
                sum
            });
            let mut waits_ms = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let yielded = Instant::now();
                P::yield_now().await;
                waits_ms.push(yielded.elapsed().as_secs_f64() * 1e3);
            }
            waits_ms.sort_by(f64::total_cmp);
            // A second worker runs the yielding task alone: then most waits are short, and the worst one tells.
            let _ =
                figures.send(vec![("p99", quantile(&waits_ms, 0.99)), ("longest", quantile(&waits_ms, 1.0))]);
            P::join(greedy).await
        });
        P::join(measured).await
    });
    results.recv().expect("the task has sent its figures")
}

async fn be_greedy<P: Peer>(until: Instant) -> u64 {
    let mut sum = 0;
    while Instant::now() < until {
        for i in 0..TURNS {
            let (sender, receiver) = P::oneshot();
            P::send(sender, i);
            sum += P::receive(receiver).await;
        }
    }
    sum
}
