//! The catalogue: every workload, what it measures, and on which peers it makes sense.

use crate::net::{Direction, Scenario};
use crate::operation::Job;
use crate::os::Placement;
use crate::peer::{PeerId, Runtime, with_peer};
use crate::workloads::channels::{self, BroadcastOp, MpmcOp, QueueOp};
use crate::workloads::events::EventOp;
use crate::workloads::locks::{RwLockOp, SemaphoreOp};
use crate::workloads::memory::Subject;
use crate::workloads::pipeline::PipelineOp;
use crate::workloads::programs::ProgramOp;
use crate::workloads::{blocking, locks, tasks, threads, wakes};

/// What a workload does. The first ones are operations that can be repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Spawning, joining, passing values, timeouts.
    Tasks(tasks::Op),
    /// Yielding and waking.
    Wakes(wakes::Op),
    /// Two tasks that compute, one on what the other made.
    Pipeline,
    /// A program that is started and waited for.
    Program,
    /// Blocking calls on threads.
    Blocking(blocking::Op),
    /// Locks.
    Locks(locks::Op),
    /// A semaphore.
    Semaphore,
    /// A lock with readers and writers.
    RwLock,
    /// An event.
    Event,
    /// A queue of asyncio's kind.
    Queue,
    /// Channels.
    Channels(channels::Op),
    /// A channel with many receivers.
    Mpmc,
    /// A broadcast channel.
    Broadcast,
    /// Spawn and join from a thread that is not the runtime's.
    Foreign,
    /// Request and reply between the main future and a task.
    WakeMain,
    /// A thread that is not the runtime's and a task wake each other.
    WakeForeign(Placement),
    /// Two tasks of two runtimes wake each other.
    WakeRuntimes,
    /// 100 000 sleeps of 1 to 100 ms at once.
    Sleeps,
    /// Sleeps of 1 ms, one after another.
    Lateness,
    /// A task beside one that is always ready.
    Starvation,
    /// Sockets.
    Net(Scenario),
    /// Bytes that something holds while it waits.
    Memory(Subject),
}

impl Kind {
    /// The runtimes on which it makes sense, and that have what it needs.
    fn runtimes(self) -> &'static [Runtime] {
        use Runtime::{Heist, HeistStreams, Plain, Smol, Tokio};
        match self {
            // Nothing can wake the plain executor from another thread; for some, threads do the same: see
            // `Workload::threads`.
            Self::Foreign | Self::WakeForeign(_) => &[Heist, Tokio, Smol],
            // smol's executor is one for the whole process.
            Self::WakeRuntimes => &[Heist, Tokio],
            Self::Blocking(_) | Self::Program => &[Heist, Tokio, Smol],
            // It has no locks and no channels: those of the plain kind are threads'.
            Self::Locks(_) | Self::Semaphore | Self::RwLock | Self::Event => &[Heist, Tokio, Smol],
            Self::Queue | Self::Channels(_) | Self::Mpmc | Self::Broadcast => &[Heist, Tokio, Smol],
            Self::Memory(Subject::Channel) => &[Heist, Tokio, Smol],
            Self::Net(_) => &[Heist, HeistStreams, Tokio, Smol, Plain],
            _ => &[Heist, Tokio, Smol, Plain],
        }
    }

    /// Does a job with the operation on a runtime.
    pub(crate) fn operate<J: Job>(self, runtime: Runtime, job: J) -> Result<J::Output, String> {
        let done = match self {
            Self::Tasks(op) => Some(with_peer!(runtime, P => job.on::<P, _>(op))),
            Self::Wakes(op) => Some(with_peer!(runtime, P => job.on::<P, _>(op))),
            Self::Pipeline => Some(with_peer!(runtime, P => job.on::<P, _>(PipelineOp))),
            Self::Program => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(ProgramOp)),
            Self::Blocking(op) => Some(with_peer!(runtime, P => job.on::<P, _>(op))),
            Self::Locks(op) => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(op)),
            Self::Semaphore => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(SemaphoreOp)),
            Self::RwLock => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(RwLockOp)),
            Self::Event => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(EventOp)),
            Self::Queue => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(QueueOp)),
            Self::Channels(op) => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(op)),
            Self::Mpmc => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(MpmcOp)),
            Self::Broadcast => with_peer!(runtime, P in [Heist, Tokio, Smol] => job.on::<P, _>(BroadcastOp)),
            _ => return Err(format!("{self:?} is no operation that can be repeated")),
        };
        done.ok_or_else(|| format!("{runtime:?} has nothing for {self:?}"))
    }
}

/// One cost that a workload yields; lower is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// The key in the JSON.
    pub(crate) key: &'static str,
    /// The unit.
    pub(crate) unit: &'static str,
    /// Whether a comparison with a saved run looks at it: the tail of a distribution says too little for that.
    pub(crate) is_gate: bool,
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
    /// What the plain yardstick does in its place, on threads.
    pub(crate) threads: Option<threads::Op>,
    /// Whether `--quick` keeps it where nobody names it.
    pub(crate) is_quick: bool,
}

const fn metric(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, is_gate: true }
}

const fn tail(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, is_gate: false }
}

const TIMES: &[Metric] = &[metric("wall", "ns"), metric("cpu", "ns")];
const SLEEPS: &[Metric] =
    &[metric("cpu each", "ns"), metric("wall in all", "ms"), metric("mean lateness", "ms")];
const LATENESS: &[Metric] = &[metric("p50", "us"), tail("p99", "us")];
const ECHO: &[Metric] = &[
    metric("server cpu", "us"),
    metric("wall", "us"),
    metric("p50", "us"),
    tail("p99", "us"),
    tail("server switches", "per request"),
];
const PACED: &[Metric] = &[
    metric("server cpu", "us"),
    metric("p50", "us"),
    tail("p99", "us"),
    tail("p99.9", "us"),
    tail("server switches", "per request"),
];
const BULK: &[Metric] = &[metric("server cpu", "s per GiB"), metric("wall", "s per GiB")];
const ACCEPT: &[Metric] =
    &[metric("server cpu", "us"), metric("wall", "us"), tail("server switches", "per request")];
const MEMORY: &[Metric] = &[metric("asked for", "bytes"), metric("resident", "bytes")];

const STARVATION: &[Metric] = &[tail("p99", "ms"), tail("longest", "ms")];

const fn timed(name: &'static str, title: &'static str, kind: Kind) -> Workload {
    costs(name, title, kind, TIMES)
}

const fn costs(name: &'static str, title: &'static str, kind: Kind, metrics: &'static [Metric]) -> Workload {
    Workload { name, title, kind, metrics, threads: None, is_quick: true }
}

const fn paced(name: &'static str, title: &'static str, placement: Placement) -> Workload {
    costs(name, title, Kind::Net(Scenario::Paced(placement)), PACED).not_quick()
}

const fn bulk(
    name: &'static str,
    title: &'static str,
    direction: Direction,
    connections: usize,
    placement: Placement,
) -> Workload {
    costs(name, title, Kind::Net(Scenario::Bulk(direction, connections, placement)), BULK).not_quick()
}

const fn wake_foreign(name: &'static str, title: &'static str, placement: Placement) -> Workload {
    timed(name, title, Kind::WakeForeign(placement)).on_threads(threads::Op::Parking(placement))
}

impl Workload {
    /// The plain yardstick does this on threads.
    const fn on_threads(mut self, op: threads::Op) -> Self {
        self.threads = Some(op);
        self
    }

    /// `--quick` leaves it out: others say nearly the same.
    const fn not_quick(mut self) -> Self {
        self.is_quick = false;
        self
    }
}

/// Every workload, in the order of the report.
pub(crate) const WORKLOADS: &[Workload] = &[
    timed("spawn-join", "spawn + join from a worker, batches of 10 000", Kind::Tasks(tasks::Op::SpawnJoin)),
    timed("spawn-foreign", "spawn + join from a foreign thread, batches of 10 000", Kind::Foreign)
        .on_threads(threads::Op::CallBatch),
    timed(
        "spawn-detached",
        "spawn of a task that nobody joins, batches of 10 000",
        Kind::Tasks(tasks::Op::Detached),
    )
    .not_quick(),
    timed("chained-spawn", "chained spawn, 1000 deep", Kind::Tasks(tasks::Op::ChainedSpawn)),
    timed("fan-in", "fan-out and fan-in of 100, per child", Kind::Tasks(tasks::Op::FanIn)).not_quick(),
    timed("tree", "tree of 1 111 111 tasks, ten children each, per leaf", Kind::Tasks(tasks::Op::Tree))
        .not_quick(),
    timed("ping-pong", "ping-pong: 2 spawns + 2 oneshots, 1000 pairs", Kind::Tasks(tasks::Op::PingPong)),
    timed("yield", "yield, 200 tasks x 1000", Kind::Wakes(wakes::Op::Yield)),
    timed("yield-alone", "yield, one task with nobody to yield to", Kind::Wakes(wakes::Op::YieldAlone))
        .not_quick(),
    timed("wake-tasks", "two tasks wake each other, there and back", Kind::Wakes(wakes::Op::Tasks)),
    timed("pipeline", "two tasks of 20 us each, one on what the other made, per item", Kind::Pipeline)
        .not_quick(),
    timed("wake-main", "request and reply between the main future and a task", Kind::WakeMain).not_quick(),
    wake_foreign(
        "wake-foreign",
        "a foreign thread and a task wake each other, there and back",
        Placement::BySystem,
    ),
    wake_foreign(
        "wake-foreign-near",
        "a foreign thread and a task bound to one core wake each other",
        Placement::OneCore,
    )
    .not_quick(),
    wake_foreign(
        "wake-foreign-far",
        "a foreign thread and a task bound to two cores wake each other",
        Placement::TwoCores,
    )
    .not_quick(),
    timed("wake-runtimes", "two tasks of two runtimes wake each other, there and back", Kind::WakeRuntimes)
        .on_threads(threads::Op::Parking(Placement::BySystem))
        .not_quick(),
    costs(
        "starvation",
        "wait of a task that yields beside one that is always ready",
        Kind::Starvation,
        STARVATION,
    )
    .not_quick(),
    timed("to-thread-bulk", "blocking call on a thread, 1000 at once", Kind::Blocking(blocking::Op::Bulk))
        .on_threads(threads::Op::CallBulk)
        .not_quick(),
    timed("to-thread-alone", "blocking call on a thread, one at a time", Kind::Blocking(blocking::Op::Alone))
        .on_threads(threads::Op::CallAlone),
    timed("program", "a program started and waited for, one at a time", Kind::Program)
        .on_threads(threads::Op::Program)
        .not_quick(),
    timed("timeout", "timeout of 60 s that never fires, body pending once", Kind::Tasks(tasks::Op::Timeout)),
    costs("sleeps", "100 000 sleeps of 1-100 ms at once", Kind::Sleeps, SLEEPS),
    costs("lateness", "sleep of 1 ms: how late", Kind::Lateness, LATENESS),
    timed("oneshot", "oneshot: make, send, receive in one task", Kind::Tasks(tasks::Op::Oneshot)),
    timed("lock-uncontended", "lock + unlock, nobody else", Kind::Locks(locks::Op::Uncontended))
        .on_threads(threads::Op::Lock),
    timed("lock-8-tasks", "lock + unlock by 8 tasks at once", Kind::Locks(locks::Op::Contended))
        .on_threads(threads::Op::LockContended),
    timed("lock-across-await", "lock held across a yield, 8 tasks", Kind::Locks(locks::Op::AcrossAwait)),
    timed("semaphore", "semaphore of 10 held across a yield, 100 tasks", Kind::Semaphore).not_quick(),
    timed("rwlock", "9 reads and 1 write, held across a yield, 8 tasks", Kind::RwLock).not_quick(),
    timed("event", "event that 100 tasks wait for, per waiter", Kind::Event).not_quick(),
    timed("queue", "queue of 100 places, 4 tasks put and 4 get", Kind::Queue),
    timed("mpsc-bounded-1", "channel of 1000 places, 1 sender", Kind::Channels(channels::Op::Bounded))
        .on_threads(threads::Op::Bounded(1)),
    timed("mpsc-bounded-8", "channel of 1000 places, 8 senders", Kind::Channels(channels::Op::BoundedFanIn))
        .on_threads(threads::Op::Bounded(8))
        .not_quick(),
    timed("mpsc-unbounded-1", "channel without bound, 1 sender", Kind::Channels(channels::Op::Unbounded))
        .on_threads(threads::Op::Unbounded(1)),
    timed(
        "mpsc-unbounded-8",
        "channel without bound, 8 senders",
        Kind::Channels(channels::Op::UnboundedFanIn),
    )
    .on_threads(threads::Op::Unbounded(8))
    .not_quick(),
    timed("mpmc", "channel of 1000 places, 4 senders and 4 receivers", Kind::Mpmc).not_quick(),
    timed("broadcast", "broadcast to 4 receivers, per receipt", Kind::Broadcast).not_quick(),
    timed(
        "channel-ping-pong",
        "two tasks, two channels of 1 place, there and back",
        Kind::Channels(channels::Op::PingPong),
    ),
    costs("echo-1", "TCP echo 64 B, 1 connection", Kind::Net(Scenario::Echo(1)), ECHO),
    costs("echo-64", "TCP echo 64 B, 64 connections", Kind::Net(Scenario::Echo(64)), ECHO),
    costs("echo-1000", "TCP echo 64 B, 1000 connections", Kind::Net(Scenario::Echo(1000)), ECHO),
    costs(
        "echo-pipelined",
        "TCP echo 64 B, 16 connections, 16 requests at a time on each",
        Kind::Net(Scenario::Pipelined),
        ECHO,
    )
    .not_quick(),
    costs("http-64", "HTTP/1.1 hello by hyper, 64 connections", Kind::Net(Scenario::Http(64)), ECHO),
    paced("paced", "TCP echo at 10 000 requests a second, 64 connections", Placement::BySystem),
    paced(
        "paced-near",
        "TCP echo at 10 000 requests a second, client and server on one core",
        Placement::OneCore,
    ),
    paced("paced-far", "TCP echo at 10 000 requests a second, a core for each end", Placement::TwoCores),
    costs(
        "paced-busy",
        "TCP echo at 10 000 requests a second, 64 connections, one core kept busy by another process",
        Kind::Net(Scenario::PacedBusy),
        PACED,
    )
    .not_quick(),
    bulk("bulk-in-1", "TCP bulk to the server, 1 connection", Direction::In, 1, Placement::BySystem),
    bulk(
        "bulk-in-1-near",
        "TCP bulk to the server, 1 connection, both ends on one core",
        Direction::In,
        1,
        Placement::OneCore,
    ),
    bulk(
        "bulk-in-1-far",
        "TCP bulk to the server, 1 connection, each end on a core of its own",
        Direction::In,
        1,
        Placement::TwoCores,
    ),
    bulk("bulk-in-8", "TCP bulk to the server, 8 connections", Direction::In, 8, Placement::BySystem),
    bulk("bulk-out-1", "TCP bulk from the server, 1 connection", Direction::Out, 1, Placement::BySystem),
    bulk(
        "bulk-out-1-near",
        "TCP bulk from the server, 1 connection, both ends on one core",
        Direction::Out,
        1,
        Placement::OneCore,
    ),
    bulk(
        "bulk-out-1-far",
        "TCP bulk from the server, 1 connection, each end on a core of its own",
        Direction::Out,
        1,
        Placement::TwoCores,
    ),
    bulk("bulk-out-8", "TCP bulk from the server, 8 connections", Direction::Out, 8, Placement::BySystem),
    costs("accept", "TCP accept + close", Kind::Net(Scenario::Accept), ACCEPT),
    costs("memory-task", "an idle task", Kind::Memory(Subject::Task), MEMORY),
    costs("memory-sleeper", "a task that sleeps", Kind::Memory(Subject::Sleeper), MEMORY).not_quick(),
    costs("memory-channel", "an idle channel of 16 places", Kind::Memory(Subject::Channel), MEMORY),
    costs("memory-connection", "an idle connection and its task", Kind::Net(Scenario::Idle), MEMORY)
        .not_quick(),
];

impl Workload {
    /// The workload of that name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        WORKLOADS.iter().copied().find(|workload| workload.name == name).ok_or_else(|| {
            let known: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            format!("there is no workload `{name}`; the workloads are {}", known.join(", "))
        })
    }

    /// Whether it goes over sockets, between processes.
    pub(crate) fn is_net(self) -> bool {
        matches!(self.kind, Kind::Net(_))
    }

    /// Whether the peer's runtime has what it needs.
    pub(crate) fn runs_on_runtime(self, peer: PeerId) -> bool {
        self.kind.runtimes().contains(&peer.runtime)
    }

    /// Whether it can be measured on the peer, if need be on plain threads.
    pub(crate) fn runs_on(self, peer: PeerId) -> bool {
        self.runs_on_runtime(peer) || peer.runtime == Runtime::Plain && self.threads.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_what_each_workload_is() {
        let page = include_str!("../../docs/benchmarks/README.md");
        let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
        let named: Vec<String> = cells.flat_map(|(names, _)| expanded(names)).collect();
        for Workload { name, .. } in WORKLOADS {
            assert!(named.iter().any(|named| named == name), "`{name}` is not on the page");
        }
    }

    /// `a-1, -8; b` stands for `a-1`, `a-8` and `b`.
    fn expanded(names: &str) -> Vec<String> {
        let mut stem = "";
        let names = names.split([',', ';']).map(str::trim);
        names
            .map(|name| match name.strip_prefix('-') {
                Some(end) => format!("{stem}-{end}"),
                None => {
                    stem = name.rsplit_once('-').map_or(name, |(stem, _)| stem);
                    name.to_owned()
                }
            })
            .collect()
    }
}
