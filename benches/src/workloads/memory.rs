//! What things that wait cost in memory.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use crate::measure::{Metrics, Timing};
use crate::os::{live_bytes, resident_bytes};
use crate::peer::{Flavour, Peer, PeerId, with_peer};
use crate::primitives::{Channel, Channels};

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A task that has been polled once and waits for ever. Its future holds one pointer.
    Task,
    /// A task that sleeps for an hour.
    Sleeper,
    /// A channel of 16 places with both ends, empty and idle. It has carried one value before.
    Channel,
}

/// Bytes of each of many that wait: as asked of the allocator, and as resident memory grows. What holds them is not
/// counted.
pub(crate) fn measure_on(subject: Subject, peer: PeerId, timing: Timing) -> Result<Metrics, String> {
    let count = if timing.quick { 50_000 } else { 200_000 };
    let flavour = peer.flavour;
    let measured = match subject {
        Subject::Task => Some(with_peer!(peer.runtime, P => tasks::<P>(flavour, count, false))),
        Subject::Sleeper => Some(with_peer!(peer.runtime, P => tasks::<P>(flavour, count, true))),
        Subject::Channel => {
            with_peer!(peer.runtime, P in [Heist, Tokio, Smol] => channels::<P>(flavour, count / 10))
        }
    };
    measured.ok_or_else(|| format!("{peer} has nothing for {subject:?}"))
}

/// `main` ends while the tasks wait, so that the runtime's shutdown has them all to drop.
fn tasks<P: Peer>(flavour: Flavour, count: u64, asleep: bool) -> Metrics {
    in_task::<P, _>(flavour, move |figures| async move {
        let polled = Arc::new(AtomicU64::new(0));
        // Threads, tables and the first pages are there before anything is counted.
        let mut tasks = Vec::with_capacity(count as usize + 1000);
        idle::<P>(1000, asleep, &polled, &mut tasks).await;
        let before = Held::now();
        idle::<P>(count, asleep, &polled, &mut tasks).await;
        // The handles' own pages became resident meanwhile.
        let _ = figures.send(before.until_now(count, count * size_of::<P::Join>() as u64));
        0
    })
}

fn channels<P: Channels>(flavour: Flavour, count: u64) -> Metrics {
    in_task::<P, _>(flavour, move |figures| async move {
        let mut channels = Vec::with_capacity(count as usize + 1000);
        open::<P>(1000, &mut channels).await;
        let before = Held::now();
        open::<P>(count, &mut channels).await;
        let size = size_of_val(&channels[0]) as u64;
        let _ = figures.send(before.until_now(count, count * size));
        0
    })
}

/// Runs what `body` makes as a task, and returns what it sends.
fn in_task<P: Peer, F>(flavour: Flavour, body: impl FnOnce(mpsc::Sender<Metrics>) -> F) -> Metrics
where
    F: Future<Output = u64> + Send + 'static,
{
    let (figures, results) = mpsc::channel();
    let body = body(figures);
    P::run(flavour, async move { P::join(P::spawn(body)).await });
    results.recv().expect("the task has sent its figures")
}

/// What the process holds at one time.
struct Held {
    live: u64,
    resident: u64,
}

impl Held {
    fn now() -> Self {
        Self { live: live_bytes(), resident: resident_bytes() }
    }

    /// What each of `count` has added, when `not_counted` resident bytes are something else's.
    fn until_now(&self, count: u64, not_counted: u64) -> Metrics {
        let now = Self::now();
        let resident = now.resident.saturating_sub(self.resident).saturating_sub(not_counted);
        vec![
            ("asked for", now.live.saturating_sub(self.live) as f64 / count as f64),
            ("resident", resident as f64 / count as f64),
        ]
    }
}

/// Spawns `count` tasks that never end, or sleep, and returns when each has been polled.
async fn idle<P: Peer>(count: u64, asleep: bool, polled: &Arc<AtomicU64>, tasks: &mut Vec<P::Join>) {
    polled.store(0, Ordering::Relaxed);
    for _ in 0..count {
        let polled = Arc::clone(polled);
        tasks.push(if asleep { P::spawn(sleep_polled::<P>(polled)) } else { P::spawn(wait_polled(polled)) });
    }
    while polled.load(Ordering::Relaxed) < count {
        P::yield_now().await;
    }
}

/// Waits for ever; counts its first poll.
fn wait_polled(polled: Arc<AtomicU64>) -> impl Future<Output = u64> + Send {
    let mut counted = false;
    poll_fn(move |_| {
        if !counted {
            counted = true;
            polled.fetch_add(1, Ordering::Relaxed);
        }
        Poll::Pending
    })
}

/// Sleeps for an hour; counts its first poll.
async fn sleep_polled<P: Peer>(polled: Arc<AtomicU64>) -> u64 {
    polled.fetch_add(1, Ordering::Relaxed);
    drop(polled);
    P::sleep(Duration::from_secs(3600)).await;
    0
}

type Ends<C> = (<C as Channel>::Sender, <C as Channel>::Receiver);

async fn open<P: Channels>(count: u64, channels: &mut Vec<Ends<P::Bounded>>) {
    for i in 0..count {
        let (sender, mut receiver) = P::Bounded::open(16);
        P::Bounded::send(&sender, i).await;
        assert_eq!(P::Bounded::receive(&mut receiver).await, i, "a value was lost or changed");
        channels.push((sender, receiver));
    }
}
