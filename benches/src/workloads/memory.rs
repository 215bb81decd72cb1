//! What an idle task costs in memory.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::Poll;

use crate::measure::{Metrics, Timing};
use crate::os::resident_bytes;
use crate::peer::{Flavour, Peer};

/// Bytes of each of many tasks that have been polled once and wait for ever: as asked of the allocator, and as resident
/// memory grows. The future itself holds one pointer; the handles are kept and not counted.
///
/// `main` ends while they wait, so that the runtime's shutdown has them all to drop.
pub(crate) fn measure<P: Peer>(flavour: Flavour, timing: Timing, live_bytes: fn() -> u64) -> Metrics {
    let count: u64 = if timing.quick { 50_000 } else { 200_000 };
    let (figures, results) = mpsc::channel();
    P::run(flavour, async move {
        let measured = P::spawn(async move {
            let polled = Arc::new(AtomicU64::new(0));
            // Threads, tables and the first pages are there before anything is counted.
            let mut tasks = Vec::with_capacity(count as usize + 1000);
            idle::<P>(1000, &polled, &mut tasks).await;
            let (bytes, resident) = (live_bytes(), resident_bytes());
            idle::<P>(count, &polled, &mut tasks).await;
            let bytes = live_bytes().saturating_sub(bytes);
            let resident = resident_bytes().saturating_sub(resident);
            // The handles' own pages became resident meanwhile.
            let handles = count * size_of::<P::Join>() as u64;
            let _ = figures.send(vec![
                ("asked for", bytes as f64 / count as f64),
                ("resident", resident.saturating_sub(handles) as f64 / count as f64),
            ]);
            0
        });
        P::join(measured).await
    });
    results.recv().expect("the task has sent its figures")
}

/// Spawns `count` tasks that never end, and returns when each has been polled.
async fn idle<P: Peer>(count: u64, polled: &Arc<AtomicU64>, tasks: &mut Vec<P::Join>) {
    polled.store(0, Ordering::Relaxed);
    for _ in 0..count {
        let polled = Arc::clone(polled);
        let mut counted = false;
        tasks.push(P::spawn(poll_fn(move |_| {
            if !counted {
                counted = true;
                polled.fetch_add(1, Ordering::Relaxed);
            }
            Poll::Pending
        })));
    }
    while polled.load(Ordering::Relaxed) < count {
        P::yield_now().await;
    }
}
