//! The catalogue: every workload, what it measures, and on which peers it makes sense.

use crate::peer::{PeerId, Runtime};
use crate::workloads::tasks::Op;

/// What a workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An operation inside the runtime, timed in batches.
    Op(Op),
    /// Spawn and join from a thread that is not the runtime's.
    Foreign,
    /// 100 000 sleeps of 1 to 100 ms at once.
    Sleeps,
    /// Sleeps of 1 ms, one after another.
    Lateness,
    /// TCP echo of 64 bytes over that many connections.
    Echo(usize),
    /// Bytes that an idle task holds.
    Memory,
}

/// One cost that a workload yields; lower is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// The key in the JSON.
    pub(crate) key: &'static str,
    /// The unit.
    pub(crate) unit: &'static str,
}

/// A row (or several) of the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) kind: Kind,
    /// What it measures.
    pub(crate) metrics: &'static [Metric],
}

const fn metric(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit }
}

const TIMES: &[Metric] = &[metric("wall", "ns"), metric("cpu", "ns")];
const SLEEPS: &[Metric] =
    &[metric("cpu each", "ns"), metric("wall in all", "ms"), metric("mean lateness", "ms")];
const LATENESS: &[Metric] = &[metric("p50", "us"), metric("p99", "us")];
const ECHO: &[Metric] = &[
    metric("server cpu", "us"),
    metric("wall", "us"),
    metric("p50", "us"),
    metric("p99", "us"),
    metric("server switches", "per request"),
];
const MEMORY: &[Metric] = &[metric("asked for", "bytes"), metric("resident", "bytes")];

const fn op(name: &'static str, title: &'static str, op: Op) -> Workload {
    Workload { name, title, kind: Kind::Op(op), metrics: TIMES }
}

/// Every workload, in the order of the report.
pub(crate) const WORKLOADS: &[Workload] = &[
    op("spawn-join", "spawn + join from a worker, batches of 10 000", Op::SpawnJoin),
    Workload {
        name: "spawn-foreign",
        title: "spawn + join from a foreign thread, batches of 10 000",
        kind: Kind::Foreign,
        metrics: TIMES,
    },
    op("chained-spawn", "chained spawn, 1000 deep", Op::ChainedSpawn),
    op("ping-pong", "ping-pong: 2 spawns + 2 oneshots, 1000 pairs", Op::PingPong),
    op("yield", "yield, 200 tasks x 1000", Op::Yield),
    op("oneshot", "oneshot: make, send, receive in one task", Op::Oneshot),
    op("timeout", "timeout of 60 s that never fires, body pending once", Op::Timeout),
    Workload {
        name: "sleeps",
        title: "100 000 sleeps of 1-100 ms at once",
        kind: Kind::Sleeps,
        metrics: SLEEPS,
    },
    Workload { name: "lateness", title: "sleep of 1 ms: how late", kind: Kind::Lateness, metrics: LATENESS },
    Workload { name: "echo-1", title: "TCP echo 64 B, 1 connection", kind: Kind::Echo(1), metrics: ECHO },
    Workload { name: "echo-64", title: "TCP echo 64 B, 64 connections", kind: Kind::Echo(64), metrics: ECHO },
    Workload {
        name: "echo-1000",
        title: "TCP echo 64 B, 1000 connections",
        kind: Kind::Echo(1000),
        metrics: ECHO,
    },
    Workload { name: "memory", title: "an idle task", kind: Kind::Memory, metrics: MEMORY },
];

impl Workload {
    /// The workload of that name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        WORKLOADS.iter().copied().find(|workload| workload.name == name).ok_or_else(|| {
            let known: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            format!("there is no workload `{name}`; the workloads are {}", known.join(", "))
        })
    }

    /// Whether the peer can run it: nothing can wake the plain executor from another thread.
    pub(crate) fn runs_on(self, peer: PeerId) -> bool {
        !(self.kind == Kind::Foreign && peer.runtime == Runtime::Plain)
    }
}
