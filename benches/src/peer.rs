//! The adapter: what a runtime must offer to be measured.
//!
//! Futures yield `u64` throughout. That keeps the trait free of generic associated types, and lets the plain executor
//! hold every output in a plain slot.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How the runtime is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// That many threads which run tasks. Where the runtime makes the calling thread one of them, it is counted;
    /// where the calling thread only waits, it is not.
    Workers(usize),
    /// Everything on the calling thread.
    Current,
}

/// One runtime, as the workloads see it.
pub(crate) trait Peer: Send + Sync + 'static {
    /// The handle of a task.
    type Join: Send + 'static;
    /// What a foreign thread needs in order to spawn.
    type Remote: Clone + Send + 'static;
    /// The handle that a foreign thread gets.
    type RemoteJoin: Send + 'static;
    /// The handle of a blocking call.
    type Thread: Send + 'static;
    /// The sending half of a oneshot channel.
    type Sender: Send + 'static;
    /// The receiving half of a oneshot channel.
    type Receiver: Send + 'static;
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;
    /// A TCP connection.
    type Stream: Send + 'static;

    /// Starts the runtime, polls `main` to its end on the calling thread, and shuts the runtime down.
    fn run<F>(flavour: Flavour, main: F) -> u64
    where
        F: Future<Output = u64> + Send + 'static;

    /// Spawns a task from inside the runtime.
    fn spawn<F>(future: F) -> Self::Join
    where
        F: Future<Output = u64> + Send + 'static;

    /// Spawns a task that nobody awaits, from inside the runtime.
    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = u64> + Send + 'static;

    /// Waits for a task.
    fn join(handle: Self::Join) -> impl Future<Output = u64> + Send;

    /// Hands a blocking call to a thread of the runtime's.
    fn to_thread<F>(call: F) -> Self::Thread
    where
        F: FnOnce() -> u64 + Send + 'static;

    /// Waits for a blocking call.
    fn join_thread(handle: Self::Thread) -> impl Future<Output = u64> + Send;

    /// Taken inside the runtime and given to a foreign thread.
    fn remote() -> Self::Remote;

    /// Spawns from a foreign thread.
    fn spawn_remote<F>(remote: &Self::Remote, future: F) -> Self::RemoteJoin
    where
        F: Future<Output = u64> + Send + 'static;

    /// Blocks a foreign thread until the task is done.
    fn join_remote(handle: Self::RemoteJoin) -> u64;

    /// Lets every other ready task run first.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Waits for a span of time.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// `None` if the future takes longer than `duration`.
    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<u64>> + Send
    where
        F: Future<Output = u64> + Send;

    /// A channel for one value.
    fn oneshot() -> (Self::Sender, Self::Receiver);

    /// Sends the one value.
    fn send(sender: Self::Sender, value: u64);

    /// Receives the one value.
    fn receive(receiver: Self::Receiver) -> impl Future<Output = u64> + Send;

    /// Listens on an address.
    fn bind(address: SocketAddr) -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// Accepts one connection and sets TCP_NODELAY on it.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads what is there, at least one byte unless the peer has closed.
    fn read<'a>(
        stream: &'a mut Self::Stream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes everything.
    fn write_all<'a>(
        stream: &'a mut Self::Stream,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// A runtime by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Runtime {
    /// This project.
    Heist,
    /// The same, with sockets by `start_server` and its streams.
    HeistStreams,
    /// tokio.
    Tokio,
    /// smol: async-executor on N threads, each in async-io's `block_on`.
    Smol,
    /// A single-threaded executor without atomics, or a plain epoll loop.
    Plain,
}

/// A runtime in one configuration, with the name by which the command line and the report know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId {
    /// The name, for example `tokio-2`.
    pub(crate) name: &'static str,
    /// Which runtime.
    pub(crate) runtime: Runtime,
    /// In which configuration.
    pub(crate) flavour: Flavour,
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

const fn peer(name: &'static str, runtime: Runtime, flavour: Flavour) -> PeerId {
    PeerId { name, runtime, flavour }
}

/// Every peer, in the order of the report's columns.
pub(crate) const PEERS: &[PeerId] = &[
    peer("heist-1", Runtime::Heist, Flavour::Workers(1)),
    peer("heist-2", Runtime::Heist, Flavour::Workers(2)),
    peer("heist-4", Runtime::Heist, Flavour::Workers(4)),
    peer("heist-8", Runtime::Heist, Flavour::Workers(8)),
    peer("heist-16", Runtime::Heist, Flavour::Workers(16)),
    peer("heist-ct", Runtime::Heist, Flavour::Current),
    peer("streams-1", Runtime::HeistStreams, Flavour::Workers(1)),
    peer("streams-2", Runtime::HeistStreams, Flavour::Workers(2)),
    peer("tokio-1", Runtime::Tokio, Flavour::Workers(1)),
    peer("tokio-2", Runtime::Tokio, Flavour::Workers(2)),
    peer("tokio-4", Runtime::Tokio, Flavour::Workers(4)),
    peer("tokio-8", Runtime::Tokio, Flavour::Workers(8)),
    peer("tokio-16", Runtime::Tokio, Flavour::Workers(16)),
    peer("tokio-ct", Runtime::Tokio, Flavour::Current),
    peer("smol-1", Runtime::Smol, Flavour::Workers(1)),
    peer("smol-2", Runtime::Smol, Flavour::Workers(2)),
    peer("smol-4", Runtime::Smol, Flavour::Workers(4)),
    peer("smol-8", Runtime::Smol, Flavour::Workers(8)),
    peer("smol-16", Runtime::Smol, Flavour::Workers(16)),
    peer("plain", Runtime::Plain, Flavour::Current),
];

impl PeerId {
    /// The peer of that name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        PEERS.iter().copied().find(|peer| peer.name == name).ok_or_else(|| {
            let known: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
            format!("there is no peer `{name}`; the peers are {}", known.join(", "))
        })
    }

    /// Whether it is measured where nobody names it: more than two workers are for machines that have the cores.
    pub(crate) fn is_usual(self) -> bool {
        !matches!(self.flavour, Flavour::Workers(3..)) && self.runtime != Runtime::HeistStreams
    }

    /// The peers of tokio that it is compared with, the better one in each row: with two workers or fewer, tokio with 1
    /// and with 2, since on two cores the second one often costs more than it brings; with more, tokio with as many.
    pub(crate) fn rivals(self) -> Vec<Self> {
        let is_rival = |rival: &Self| match self.flavour {
            _ if rival.runtime != Runtime::Tokio || self.runtime == Runtime::Tokio => false,
            Flavour::Current if self.runtime != Runtime::Plain => rival.flavour == Flavour::Current,
            Flavour::Workers(3..) => rival.flavour == self.flavour,
            _ => matches!(rival.flavour, Flavour::Workers(..=2)),
        };
        PEERS.iter().copied().filter(is_rival).collect()
    }
}

/// Evaluates an expression with `P` as the adapter type of a [`Runtime`]; of one of some, as an `Option`.
macro_rules! with_peer {
    ($runtime:expr, $peer:ident => $body:expr) => {
        match $runtime {
            $crate::peer::Runtime::Heist | $crate::peer::Runtime::HeistStreams => {
                $crate::peer::as_peer!(Heist, $peer => $body)
            }
            $crate::peer::Runtime::Tokio => $crate::peer::as_peer!(Tokio, $peer => $body),
            $crate::peer::Runtime::Smol => $crate::peer::as_peer!(Smol, $peer => $body),
            $crate::peer::Runtime::Plain => $crate::peer::as_peer!(Plain, $peer => $body),
        }
    };
    ($runtime:expr, $peer:ident in [$($name:ident),*] => $body:expr) => {
        match $runtime {
            $($crate::peer::Runtime::$name => Some($crate::peer::as_peer!($name, $peer => $body)),)*
            _ => None,
        }
    };
}
pub(crate) use with_peer;

/// Evaluates an expression with `P` as one adapter type.
macro_rules! as_peer {
    ($name:ident, $peer:ident => $body:expr) => {{
        type $peer = $crate::peers::$name;
        $body
    }};
}
pub(crate) use as_peer;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_are_of_the_same_kind() {
        let rivals = |name| -> Vec<_> {
            PeerId::parse(name).unwrap().rivals().iter().map(|rival| rival.name).collect()
        };
        assert_eq!(rivals("heist-2"), ["tokio-1", "tokio-2"]);
        assert_eq!(rivals("plain"), ["tokio-1", "tokio-2"]);
        assert_eq!(rivals("heist-ct"), ["tokio-ct"]);
        assert_eq!(rivals("smol-16"), ["tokio-16"]);
        assert!(rivals("tokio-1").is_empty());
    }
}
