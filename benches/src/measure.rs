//! How a child takes its measurement.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::echo;
use crate::os::cpu_ns;
use crate::peer::{Flavour, Peer, PeerId, with_peer};
use crate::stats::median;
use crate::workload::{Kind, Workload};
use crate::workloads::tasks::Op;
use crate::workloads::{foreign, memory, timers};

/// What a measurement yields: metric and value.
pub(crate) type Metrics = Vec<(&'static str, f64)>;

/// How long a measurement may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Trade precision for time.
    pub(crate) quick: bool,
}

impl Timing {
    /// How long batches are repeated.
    pub(crate) fn budget(self) -> Duration {
        Duration::from_millis(if self.quick { 120 } else { 400 })
    }
}

/// Repeated batches of one operation, with the times of each.
#[derive(Debug)]
pub(crate) struct Batches {
    operations: u64,
    wall_ns: Vec<f64>,
    cpu_ns: Vec<f64>,
}

/// A batch that has begun.
struct Begun {
    wall: Instant,
    cpu: u64,
}

impl Batches {
    /// Batches of that many operations each.
    pub(crate) fn new(operations: u64) -> Self {
        Self { operations, wall_ns: Vec::new(), cpu_ns: Vec::new() }
    }

    fn begin(&self) -> Begun {
        let cpu = cpu_ns();
        Begun { wall: Instant::now(), cpu }
    }

    fn end(&mut self, begun: &Begun) {
        let wall = begun.wall.elapsed();
        let operations = self.operations as f64;
        self.wall_ns.push(wall.as_nanos() as f64 / operations);
        self.cpu_ns.push((cpu_ns() - begun.cpu) as f64 / operations);
    }

    /// At least three batches, whatever they take.
    fn enough(&self, since: Instant, timing: Timing) -> bool {
        self.wall_ns.len() >= 3 && since.elapsed() >= timing.budget()
    }

    /// Runs batches of blocking code for the time budget, after one that only warms up.
    pub(crate) fn run(&mut self, timing: Timing, mut batch: impl FnMut()) {
        batch();
        let since = Instant::now();
        while !self.enough(since, timing) {
            let begun = self.begin();
            batch();
            self.end(&begun);
        }
    }

    /// The medians.
    fn metrics(&self) -> Metrics {
        let value = |values| median(values).unwrap_or(f64::NAN);
        vec![("wall", value(&self.wall_ns)), ("cpu", value(&self.cpu_ns))]
    }
}

/// Runs batches of an operation from a task, after one that only warms up.
fn operation<P: Peer>(op: Op, flavour: Flavour, timing: Timing) -> Batches {
    let (batches, results) = mpsc::channel();
    P::run(flavour, async move {
        let measured = P::spawn(async move {
            let mut measured = Batches::new(op.batch());
            op.run::<P>(op.batch()).await;
            let since = Instant::now();
            while !measured.enough(since, timing) {
                let begun = measured.begin();
                op.run::<P>(op.batch()).await;
                measured.end(&begun);
            }
            let _ = batches.send(measured);
            0
        });
        P::join(measured).await
    });
    results.recv().expect("the task has sent its figures")
}

/// Takes one measurement in this process.
pub(crate) fn measure(workload: Workload, peer: PeerId, timing: Timing) -> Result<Metrics, String> {
    let flavour = peer.flavour;
    match workload.kind {
        Kind::Op(op) => Ok(with_peer!(peer.runtime, P => operation::<P>(op, flavour, timing)).metrics()),
        Kind::Foreign => Ok(with_peer!(peer.runtime, P => foreign::measure::<P>(flavour, timing)).metrics()),
        Kind::Sleeps => Ok(with_peer!(peer.runtime, P => timers::sleeps::<P>(flavour))),
        Kind::Lateness => Ok(with_peer!(peer.runtime, P => timers::lateness::<P>(flavour, timing))),
        Kind::Echo(connections) => echo::measure(peer, connections, timing),
        Kind::Memory => Err("the memory workload runs in heist-bench-memory, whose allocator counts".into()),
    }
}

/// Takes the memory measurement in this process, whose allocator counts.
pub(crate) fn measure_memory(peer: PeerId, timing: Timing, live_bytes: fn() -> u64) -> Metrics {
    with_peer!(peer.runtime, P => memory::measure::<P>(peer.flavour, timing, live_bytes))
}

/// Does one operation `count` times from a task and nothing else, for an instruction counter.
pub(crate) fn repeat(op: Op, peer: PeerId, count: u64) {
    with_peer!(peer.runtime, P => {
        P::run(peer.flavour, async move {
            let repeated = P::spawn(async move {
                op.run::<P>(count).await;
                0
            });
            P::join(repeated).await
        })
    });
}
