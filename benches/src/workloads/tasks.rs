//! Spawning, joining, yielding and waking inside the runtime.
//!
//! Each operation sums what its tasks hand back and checks the sum, so that nothing can be left out.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crate::peer::Peer;

/// One operation, done `n` times by [`Op::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Spawn `n` tasks, then join them in order.
    SpawnJoin,
    /// Each task spawns the next one, `n` deep.
    ChainedSpawn,
    /// `n` pairs of tasks that exchange two values over two oneshot channels.
    PingPong,
    /// 200 tasks that yield `n / 200` times each.
    Yield,
    /// Make a oneshot channel, send, receive.
    Oneshot,
    /// Arm a timeout of 60 s around a future that is pending once.
    Timeout,
}

/// How many tasks yield to one another.
const YIELDING_TASKS: u64 = 200;

impl Op {
    /// How many operations one batch has.
    pub(crate) fn batch(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::Oneshot | Self::Timeout => 10_000,
            Self::ChainedSpawn | Self::PingPong => 1_000,
            Self::Yield => YIELDING_TASKS * 1_000,
        }
    }

    /// Does the operation `n` times. Panics if the runtime lost or changed a value.
    pub(crate) async fn run<P: Peer>(self, n: u64) {
        let (sum, expected) = match self {
            Self::SpawnJoin => (spawn_join::<P>(n).await, sum_below(n)),
            Self::ChainedSpawn => (chained_spawn::<P>(n).await, n),
            Self::PingPong => (ping_pong::<P>(n).await, n),
            Self::Yield => (yields::<P>(n / YIELDING_TASKS).await, n / YIELDING_TASKS * YIELDING_TASKS),
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

async fn spawn_join<P: Peer>(n: u64) -> u64 {
    let tasks: Vec<_> = (0..n).map(|i| P::spawn(async move { black_box(i) })).collect();
    let mut sum = 0;
    for task in tasks {
        sum += P::join(task).await;
    }
    sum
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
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let done = done.lock().ok().and_then(|mut done| done.take());
                P::send(done.expect("only the last pair takes it"), n);
            }
            0
        });
    }
    P::receive(result).await
}

async fn yields<P: Peer>(each: u64) -> u64 {
    let yielding = |_| {
        P::spawn(async move {
            let mut count = 0;
            while count < each {
                P::yield_now().await;
                count = black_box(count + 1);
            }
            count
        })
    };
    let tasks: Vec<_> = (0..YIELDING_TASKS).map(yielding).collect();
    let mut sum = 0;
    for task in tasks {
        sum += P::join(task).await;
    }
    sum
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
