//! Channels and queues.
//!
//! Every value is summed where it arrives, and the sum is checked.

use std::hint::black_box;

use crate::operation::Operation;
use crate::peer::Peer;
use crate::primitives::{Broadcast, Broadcasts, Channel, Channels, Queues, SharedChannels};
use crate::workloads::join_all;
use crate::workloads::tasks::sum_below;

/// One value through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// From one task to another through 1000 places.
    Bounded,
    /// From eight tasks to one through 1000 places.
    BoundedFanIn,
    /// From one task to another, without bound.
    Unbounded,
    /// From eight tasks to one, without bound.
    UnboundedFanIn,
    /// There and back between two tasks, through one place each way.
    PingPong,
}

/// One value through a channel with many receivers: from four tasks to four others through 1000 places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MpmcOp;

/// One value through a queue of asyncio's kind: from four tasks to four others through 100 places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueOp;

/// One value to one of four receivers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BroadcastOp;

/// Places of the channels.
const CAPACITY: usize = 1_000;

/// Places of the queue.
const QUEUE_CAPACITY: usize = 100;

/// Senders where many send to one.
const SENDERS: u64 = 8;

/// Senders, and receivers, where many send to many.
const MANY: u64 = 4;

/// Receivers of a broadcast.
const LISTENERS: u64 = 4;

/// Values that are broadcast before their receipt is waited for; the channel holds twice as many, so that nobody lags.
const BURST: u64 = 256;

impl<P: Channels> Operation<P> for Op {
    fn batch(self) -> u64 {
        match self {
            Self::PingPong => 4_000,
            _ => 16_000,
        }
    }

    async fn run(self, n: u64) {
        match self {
            Self::Bounded => to_one::<P, P::Bounded>(1, n).await,
            Self::BoundedFanIn => to_one::<P, P::Bounded>(SENDERS, n).await,
            Self::Unbounded => to_one::<P, P::Unbounded>(1, n).await,
            Self::UnboundedFanIn => to_one::<P, P::Unbounded>(SENDERS, n).await,
            Self::PingPong => ping_pong::<P, P::Bounded>(n).await,
        }
    }
}

impl<P: SharedChannels> Operation<P> for MpmcOp {
    fn batch(self) -> u64 {
        16_000
    }

    async fn run(self, n: u64) {
        to_many::<P, P::Mpmc>(CAPACITY, n).await;
    }
}

impl<P: Queues> Operation<P> for QueueOp {
    fn batch(self) -> u64 {
        16_000
    }

    async fn run(self, n: u64) {
        to_many::<P, P::Queue>(QUEUE_CAPACITY, n).await;
    }
}

impl<P: Broadcasts> Operation<P> for BroadcastOp {
    fn batch(self) -> u64 {
        BURST * LISTENERS * 16
    }

    async fn run(self, n: u64) {
        broadcast::<P>(n / (BURST * LISTENERS)).await;
    }
}

/// A task that sends 0 to `count - 1`.
async fn send_all<C: Channel>(sender: C::Sender, count: u64) -> u64 {
    for i in 0..count {
        C::send(&sender, black_box(i)).await;
    }
    count
}

/// Receives `count` values and sums them.
async fn receive_all<C: Channel>(mut receiver: C::Receiver, count: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..count {
        sum += C::receive(&mut receiver).await;
    }
    sum
}

/// The receiver is a task like the senders.
async fn to_one<P: Peer, C: Channel>(senders: u64, n: u64) {
    let each = n / senders;
    let (sender, receiver) = C::open(CAPACITY);
    let receiving = P::spawn(receive_all::<C>(receiver, each * senders));
    let sent = join_all::<P, _>(senders, |_| send_all::<C>(sender.clone(), each)).await;
    assert_eq!(sent, each * senders, "a sender stopped early");
    assert_eq!(P::join(receiving).await, sum_below(each) * senders, "a value was lost or changed");
}

async fn to_many<P: Peer, C: Channel<Receiver: Clone>>(capacity: usize, n: u64) {
    let each = n / MANY;
    let (sender, receiver) = C::open(capacity);
    let receiving: Vec<_> = (0..MANY).map(|_| P::spawn(receive_all::<C>(receiver.clone(), each))).collect();
    join_all::<P, _>(MANY, |_| send_all::<C>(sender.clone(), each)).await;
    let mut sum = 0;
    for task in receiving {
        sum += P::join(task).await;
    }
    assert_eq!(sum, sum_below(each) * MANY, "a value was lost or changed");
}

async fn ping_pong<P: Peer, C: Channel>(n: u64) {
    let (ping, mut pinged) = C::open(1);
    let (pong, mut ponged) = C::open(1);
    let answering = P::spawn(async move {
        for _ in 0..n {
            let value = C::receive(&mut pinged).await;
            C::send(&pong, value + 1).await;
        }
        n
    });
    let asking = P::spawn(async move {
        for i in 0..n {
            C::send(&ping, black_box(i)).await;
            assert_eq!(C::receive(&mut ponged).await, i + 1, "a ping came back changed");
        }
        n
    });
    assert_eq!(P::join(asking).await + P::join(answering).await, 2 * n);
}

async fn broadcast<P: Broadcasts>(bursts: u64) {
    let (sender, receivers) = P::Broadcast::open(2 * BURST as usize, LISTENERS as usize);
    let (received, mut acknowledged) = P::Bounded::open(LISTENERS as usize);
    let mut listening = Vec::new();
    for mut receiver in receivers {
        let received = received.clone();
        listening.push(P::spawn(async move {
            let mut sum = 0;
            for _ in 0..bursts {
                for _ in 0..BURST {
                    sum += P::Broadcast::receive(&mut receiver).await;
                }
                P::Bounded::send(&received, 1).await;
            }
            sum
        }));
    }
    let sending = P::spawn(async move {
        for _ in 0..bursts {
            for i in 0..BURST {
                P::Broadcast::send(&sender, black_box(i));
            }
            for _ in 0..LISTENERS {
                P::Bounded::receive(&mut acknowledged).await;
            }
        }
        0
    });
    P::join(sending).await;
    for task in listening {
        assert_eq!(P::join(task).await, sum_below(BURST) * bursts, "a value was lost or changed");
    }
}
