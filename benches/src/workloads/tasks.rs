//! Spawning and joining inside the runtime, values that pass between tasks, and timeouts.
//!
//! Each operation sums what its tasks hand back and checks the sum, so that nothing can be left out.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crate::operation::Operation;
use crate::peer::Peer;
use crate::workloads::join_all;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Spawn `n` tasks, then join them in order.
    SpawnJoin,
    /// Spawn `n` tasks that nobody joins; the last one to run says so.
    Detached,
    /// Each task spawns the next one, `n` deep.
    ChainedSpawn,
    /// Spawn 100 tasks and join them, `n / 100` times.
    FanIn,
    /// A tree of tasks with `n` leaves: each of the others spawns ten and sums what they yield.
    Tree,
    /// `n` pairs of tasks that exchange two values over two oneshot channels.
    PingPong,
    /// Make a oneshot channel, send, receive.
    Oneshot,
    /// Arm a timeout of 60 s around a future that is pending once.
    Timeout,
}

/// Children of one fan-in.
const CHILDREN: u64 = 100;

/// Children of each task of the tree.
const BRANCHES: u64 = 10;

impl<P: Peer> Operation<P> for Op {
    fn batch(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::Detached | Self::Oneshot | Self::Timeout => 10_000,
            Self::ChainedSpawn | Self::PingPong => 1_000,
            Self::FanIn => CHILDREN * 100,
            Self::Tree => 1_000_000,
        }
    }

    async fn run(self, n: u64) {
        let (sum, expected) = match self {
            Self::SpawnJoin => (join_all::<P, _>(n, |i| async move { black_box(i) }).await, sum_below(n)),
            Self::Detached => (detached::<P>(n).await, n),
            Self::ChainedSpawn => (chained_spawn::<P>(n).await, n),
            Self::FanIn => (fan_in::<P>(n / CHILDREN).await, n / CHILDREN * sum_below(CHILDREN)),
            Self::Tree => (tree::<P>(0, n).await, sum_below(n)),
            Self::PingPong => (ping_pong::<P>(n).await, n),
            Self::Oneshot => (oneshots::<P>(n).await, sum_below(n)),
            Self::Timeout => (timeouts::<P>(n).await, sum_below(n)),
        };
        assert_eq!(sum, expected, "{self:?} lost or changed a value");
    }
}

/// 0 + 1 + ... + (n - 1).
pub(crate) fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

async fn detached<P: Peer>(n: u64) -> u64 {
    let left = Arc::new(AtomicU64::new(n));
    let (done, result) = P::oneshot();
    let done = Arc::new(Mutex::new(Some(done)));
    for i in 0..n {
        let (left, done) = (Arc::clone(&left), Arc::clone(&done));
        P::spawn_detached(async move {
            count_down::<P>(&left, &done, n);
            black_box(i)
        });
    }
    P::receive(result).await
}

/// Whoever brings the count to zero sends `value`.
fn count_down<P: Peer>(left: &AtomicU64, done: &Mutex<Option<P::Sender>>, value: u64) {
    if left.fetch_sub(1, Ordering::AcqRel) == 1 {
        let done = done.lock().ok().and_then(|mut done| done.take());
        P::send(done.expect("only the last one takes it"), value);
    }
}

async fn fan_in<P: Peer>(rounds: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..rounds {
        sum += join_all::<P, _>(CHILDREN, |i| async move { black_box(i) }).await;
    }
    sum
}

/// The leaves `first` to `first + leaves - 1`; each yields its number.
fn tree<P: Peer>(first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if leaves < BRANCHES {
            return (first..first + leaves).map(black_box).sum();
        }
        let each = leaves / BRANCHES;
        join_all::<P, _>(BRANCHES, |i| tree::<P>(first + i * each, each)).await
    })
}

async fn chained_spawn<P: Peer>(n: u64) -> u64 {
    fn link<P: Peer>(left: u64, depth: u64, done: P::Sender) {
        if left == 0 {
            P::send(done, depth);
        } else {
            P::spawn_detached(async move {
                link::<P>(left - 1, black_box(depth + 1), done);
                0
            });
        }
    }
    let (done, result) = P::oneshot();
    link::<P>(n, 0, done);
    P::receive(result).await
}

async fn ping_pong<P: Peer>(n: u64) -> u64 {
    let left = Arc::new(AtomicU64::new(n));
    let (done, result) = P::oneshot();
    let done = Arc::new(Mutex::new(Some(done)));
    for i in 0..n {
        let (left, done) = (Arc::clone(&left), Arc::clone(&done));
        P::spawn_detached(async move {
            let (ping, pinged) = P::oneshot();
            let (pong, ponged) = P::oneshot();
            P::spawn_detached(async move {
                let value = P::receive(pinged).await;
                P::send(pong, value + 1);
                0
            });
            P::send(ping, black_box(i));
            assert_eq!(P::receive(ponged).await, i + 1, "a ping came back changed");
            count_down::<P>(&left, &done, n);
            0
        });
    }
    P::receive(result).await
}

async fn oneshots<P: Peer>(n: u64) -> u64 {
    let mut sum = 0;
    for i in 0..n {
        let (sender, receiver) = P::oneshot();
        P::send(sender, black_box(i));
        sum += P::receive(receiver).await;
    }
    sum
}

async fn timeouts<P: Peer>(n: u64) -> u64 {
    let mut sum = 0;
    for i in 0..n {
        let body = pending_once(black_box(i));
        sum += P::timeout(Duration::from_secs(60), body).await.expect("60 s are long enough");
    }
    sum
}

/// A future that wakes itself and is pending at its first poll: the timeout around it has to be armed. The same for
/// every peer, unlike their `yield_now`.
fn pending_once(value: u64) -> impl Future<Output = u64> + Send {
    let mut polled = false;
    poll_fn(move |context| {
        if polled {
            return Poll::Ready(value);
        }
        polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
