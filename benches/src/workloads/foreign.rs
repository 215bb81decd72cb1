//! Spawn and join from a thread that is not the runtime's.

use std::hint::black_box;
use std::thread;

use crate::measure::{Batches, Timing};
use crate::peer::{Flavour, Peer};
use crate::workloads::tasks::sum_below;

/// How many tasks one batch spawns before it joins them.
const BATCH: u64 = 10_000;

/// Wall and processor time per task.
pub(crate) fn measure<P: Peer>(flavour: Flavour, timing: Timing) -> Batches {
    let (batches, results) = std::sync::mpsc::channel();
    P::run(flavour, async move {
        let remote = P::remote();
        let (done, finished) = P::oneshot();
        thread::spawn(move || {
            let mut measured = Batches::new(BATCH);
            measured.run(timing, || {
                let spawn = |i| P::spawn_remote(&remote, async move { black_box(i) });
                let tasks: Vec<_> = (0..BATCH).map(spawn).collect();
                let sum: u64 = tasks.into_iter().map(P::join_remote).sum();
                assert_eq!(sum, sum_below(BATCH), "a task was lost");
            });
            // The receiver outlives the runtime, and waits for nothing else.
            let _ = batches.send(measured);
            P::send(done, 0);
        });
        P::receive(finished).await
    });
    results.recv().expect("the foreign thread has sent its figures")
}
