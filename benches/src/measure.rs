//! How a child takes its measurement.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::net;
use crate::operation::{Job, Operation};
use crate::os::cpu_ns;
use crate::peer::{Flavour, Peer, PeerId, Runtime, with_peer};
use crate::stats::median;
use crate::workload::{Kind, Workload};
use crate::workloads::{foreign, memory, starvation, threads, timers, wakes};

/// What a workload yields: metric and value.
pub(crate) type Metrics = Vec<(&'static str, f64)>;

/// What a measurement yields.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The metrics.
    pub(crate) metrics: Metrics,
    /// Latencies in microseconds at the shares of `net::latency::SHARES`, where there are some.
    pub(crate) curve: Vec<f64>,
}

impl From<Metrics> for Measured {
    fn from(metrics: Metrics) -> Self {
        Self { metrics, curve: Vec::new() }
    }
}

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

    /// How long a client talks to a server.
    pub(crate) fn exchange(self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 1000 })
    }
}

/// Repeated batches of one operation, with the times of each.
#[derive(Debug)]
pub(crate) struct Batches {
    operations: u64,
    /// Since the end of the batch that only warms up; before it, nothing is counted.
    since: Option<Instant>,
    wall_ns: Vec<f64>,
    cpu_ns: Vec<f64>,
}

/// A batch that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    wall: Instant,
    cpu: u64,
}

impl Batches {
    /// Batches of that many operations each.
    pub(crate) fn new(operations: u64) -> Self {
        Self { operations, since: None, wall_ns: Vec::new(), cpu_ns: Vec::new() }
    }

    /// Begins a batch, unless the time is up; at least three are counted, whatever they take.
    pub(crate) fn begin(&self, timing: Timing) -> Option<Begun> {
        let is_up = |since: Instant| self.wall_ns.len() >= 3 && since.elapsed() >= timing.budget();
        if self.since.is_some_and(is_up) {
            return None;
        }
        let cpu = cpu_ns();
        Some(Begun { wall: Instant::now(), cpu })
    }

    /// Ends a batch. The first one only warms up.
    pub(crate) fn end(&mut self, begun: &Begun) {
        let wall = begun.wall.elapsed();
        if self.since.is_none() {
            self.since = Some(Instant::now());
            return;
        }
        let operations = self.operations as f64;
        self.wall_ns.push(wall.as_nanos() as f64 / operations);
        self.cpu_ns.push((cpu_ns() - begun.cpu) as f64 / operations);
    }

    /// Runs batches of blocking code until the time is up.
    pub(crate) fn run(&mut self, timing: Timing, mut batch: impl FnMut()) {
        while let Some(begun) = self.begin(timing) {
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

/// Times an operation in batches, from a task.
struct Time {
    flavour: Flavour,
    timing: Timing,
}

impl Job for Time {
    type Output = Batches;

    fn on<P: Peer, O: Operation<P>>(self, operation: O) -> Batches {
        let (batches, results) = mpsc::channel();
        P::run(self.flavour, async move {
            let measured = P::spawn(async move {
                let mut measured = Batches::new(operation.batch());
                while let Some(begun) = measured.begin(self.timing) {
                    operation.run(operation.batch()).await;
                    measured.end(&begun);
                }
                let _ = batches.send(measured);
                0
            });
            P::join(measured).await
        });
        results.recv().expect("the task has sent its figures")
    }
}

/// Does an operation so many times from a task and nothing else.
struct Repeat {
    flavour: Flavour,
    count: u64,
}

impl Job for Repeat {
    type Output = ();

    fn on<P: Peer, O: Operation<P>>(self, operation: O) {
        P::run(self.flavour, async move {
            let repeated = P::spawn(async move {
                operation.run(self.count).await;
                0
            });
            P::join(repeated).await
        });
    }
}

/// Takes one measurement in this process.
pub(crate) fn measure(workload: Workload, peer: PeerId, timing: Timing) -> Result<Measured, String> {
    if let Kind::Net(scenario) = workload.kind {
        return net::measure(workload, scenario, peer, timing);
    }
    in_process(workload, peer, timing).map(Measured::from)
}

fn in_process(workload: Workload, peer: PeerId, timing: Timing) -> Result<Metrics, String> {
    let flavour = peer.flavour;
    if let (Runtime::Plain, Some(op)) = (peer.runtime, workload.threads) {
        return Ok(threads::measure(op, timing).metrics());
    }
    match workload.kind {
        Kind::Foreign => Ok(with_peer!(peer.runtime, P => foreign::measure::<P>(flavour, timing)).metrics()),
        Kind::WakeMain => Ok(with_peer!(peer.runtime, P => wakes::from_main::<P>(flavour, timing)).metrics()),
        Kind::WakeForeign(placement) => {
            Ok(with_peer!(peer.runtime, P => wakes::from_thread::<P>(placement, flavour, timing)).metrics())
        }
        Kind::WakeRuntimes => {
            Ok(with_peer!(peer.runtime, P => wakes::between_runtimes::<P>(flavour, timing)).metrics())
        }
        Kind::Sleeps => Ok(with_peer!(peer.runtime, P => timers::sleeps::<P>(flavour))),
        Kind::Lateness => Ok(with_peer!(peer.runtime, P => timers::lateness::<P>(flavour, timing))),
        Kind::Starvation => Ok(with_peer!(peer.runtime, P => starvation::measure::<P>(flavour, timing))),
        Kind::Memory(subject) => memory::measure_on(subject, peer, timing),
        kind => Ok(kind.operate(peer.runtime, Time { flavour, timing })?.metrics()),
    }
}

/// Does one operation `count` times from a task and nothing else, for an instruction counter.
pub(crate) fn repeat(workload: Workload, peer: PeerId, count: u64) -> Result<(), String> {
    workload.kind.operate(peer.runtime, Repeat { flavour: peer.flavour, count })
}
