//! Yielding, and waking one another.
//!
//! The tasks wake each other through a baton that is the same for every peer: what is measured is the runtime's wake and
//! poll, and no channel.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::measure::{Batches, Timing};
use crate::operation::Operation;
use crate::os::Placement;
use crate::peer::{Flavour, Peer};
use crate::workloads::join_all;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// 200 tasks that yield `n / 200` times each.
    Yield,
    /// One task that yields, with nobody to yield to.
    YieldAlone,
    /// Two tasks that wake each other by turns, there and back; the measuring task waits.
    Tasks,
}

/// How many tasks yield to one another.
const YIELDING_TASKS: u64 = 200;

impl<P: Peer> Operation<P> for Op {
    fn batch(self) -> u64 {
        match self {
            Self::Yield => YIELDING_TASKS * 1_000,
            Self::YieldAlone => 20_000,
            Self::Tasks => 4_000,
        }
    }

    async fn run(self, n: u64) {
        match self {
            Self::Yield => yields::<P>(YIELDING_TASKS, n / YIELDING_TASKS).await,
            Self::YieldAlone => yields::<P>(1, n).await,
            Self::Tasks => between_tasks::<P>(n).await,
        }
    }
}

async fn yields<P: Peer>(tasks: u64, each: u64) {
    let yielding = |_| async move {
        let mut count = 0;
        while count < each {
            P::yield_now().await;
            count = black_box(count + 1);
        }
        count
    };
    assert_eq!(join_all::<P, _>(tasks, yielding).await, tasks * each, "a yield was lost");
}

/// Goes to and fro between two sides, 0 and 1. Its count of passes says whose turn it is: an even count is side 0's.
///
/// Each side leaves its waker here once, when it first waits, so that a pass costs one addition beside the wake.
#[derive(Default)]
pub(crate) struct Baton {
    passes: AtomicU64,
    wakers: [OnceLock<Waker>; 2],
}

impl Baton {
    /// Waits for the baton. The same task takes a side each time.
    pub(crate) async fn take(&self, side: usize) {
        poll_fn(|context| self.poll_take(side, context)).await;
    }

    fn poll_take(&self, side: usize, context: &mut Context<'_>) -> Poll<()> {
        if self.is_at(side) {
            return Poll::Ready(());
        }
        let Some(waker) = self.wakers[side].get() else { return self.poll_first_take(side, context) };
        assert!(
            std::ptr::eq(waker.data(), context.waker().data()),
            "side {side} is another task than before"
        );
        Poll::Pending
    }

    #[cold]
    fn poll_first_take(&self, side: usize, context: &Context<'_>) -> Poll<()> {
        self.wakers[side].get_or_init(|| context.waker().clone());
        // AcqRel: either this addition of nothing sees the other side's pass, or the pass comes after it and sees the waker.
        let passes = self.passes.fetch_add(0, Ordering::AcqRel);
        if passes % 2 == side as u64 { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_at(&self, side: usize) -> bool {
        // Acquire: pairs with the addition in `pass`.
        self.passes.load(Ordering::Acquire) % 2 == side as u64
    }

    /// Hands the baton, which the caller has, to the other side.
    pub(crate) fn pass(&self, from: usize) {
        // AcqRel: see `poll_first_take`; and what the caller did before is seen by who takes the baton.
        self.passes.fetch_add(1, Ordering::AcqRel);
        if let Some(waker) = self.wakers[1 - from].get() {
            waker.wake_by_ref();
        }
    }

    /// Takes and passes it `times` times.
    async fn play(&self, side: usize, times: u64) -> u64 {
        for _ in 0..times {
            self.take(side).await;
            self.pass(side);
        }
        times
    }

    fn passes(&self) -> u64 {
        self.passes.load(Ordering::Acquire)
    }
}

async fn between_tasks<P: Peer>(n: u64) {
    let baton = Arc::new(Baton::default());
    join_all::<P, _>(2, |side| {
        let baton = Arc::clone(&baton);
        async move { baton.play(side as usize, n).await }
    })
    .await;
    assert_eq!(baton.passes(), 2 * n, "a wake was lost");
}

/// Round trips of the workloads below in one batch.
const TRIPS: u64 = 500;

/// Request and reply between the main future and a task: wall and processor time per round trip.
pub(crate) fn from_main<P: Peer>(flavour: Flavour, timing: Timing) -> Batches {
    let (batches, results) = mpsc::channel();
    P::run(flavour, async move {
        let mut measured = Batches::new(TRIPS);
        while let Some(begun) = measured.begin(timing) {
            let baton = Arc::new(Baton::default());
            let served = Arc::clone(&baton);
            let server = P::spawn(async move { served.play(1, TRIPS).await });
            baton.play(0, TRIPS).await;
            assert_eq!(P::join(server).await, TRIPS);
            assert_eq!(baton.passes(), 2 * TRIPS, "a wake was lost");
            measured.end(&begun);
        }
        let _ = batches.send(measured);
        0
    });
    results.recv().expect("main has sent its figures")
}

/// The baton between two sides of which the second only answers, until it is told to stop.
#[derive(Default)]
struct Game {
    baton: Baton,
    is_over: AtomicBool,
}

impl Game {
    /// The second side; returns how often it has answered.
    async fn answer(self: Arc<Self>) -> u64 {
        let mut answers = 0;
        loop {
            self.baton.take(1).await;
            // The baton orders this load after the store.
            if self.is_over.load(Ordering::Relaxed) {
                return answers;
            }
            answers = black_box(answers + 1);
            self.baton.pass(1);
        }
    }

    /// The first side, once it has the baton for good.
    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.baton.pass(0);
    }

    /// Panics if a pass was lost.
    fn check(&self, answers: u64) {
        assert_eq!(self.baton.passes(), 2 * answers + 1, "a wake was lost");
    }
}

/// A plain thread and a task that wake each other, with nothing else to run: wall and processor time per round trip.
pub(crate) fn from_thread<P: Peer>(placement: Placement, flavour: Flavour, timing: Timing) -> Batches {
    placement.bind_first();
    let (batches, results) = mpsc::channel();
    P::run(flavour, async move {
        let game = Arc::new(Game::default());
        let asking = Arc::clone(&game);
        let thread = thread::spawn(move || {
            placement.bind_second();
            let mut measured = Batches::new(TRIPS);
            measured.run(timing, || {
                for _ in 0..TRIPS {
                    asking.baton.pass(0);
                    smol::future::block_on(asking.baton.take(0));
                }
            });
            let _ = batches.send(measured);
            asking.end();
        });
        let answers = P::join(P::spawn(Arc::clone(&game).answer())).await;
        thread.join().expect("the thread has passed the baton for the last time");
        game.check(answers);
        answers
    });
    results.recv().expect("the thread has sent its figures")
}

/// Two tasks that wake each other, each in a runtime of its own, so that they never share a worker: wall and processor
/// time per round trip.
pub(crate) fn between_runtimes<P: Peer>(flavour: Flavour, timing: Timing) -> Batches {
    let (batches, results) = mpsc::channel();
    let game = Arc::new(Game::default());
    let (answering, asking) = (Arc::clone(&game), Arc::clone(&game));
    let answering =
        thread::spawn(move || P::run(flavour, async move { P::join(P::spawn(answering.answer())).await }));
    P::run(flavour, async move {
        let asked = P::spawn(async move {
            let mut measured = Batches::new(TRIPS);
            while let Some(begun) = measured.begin(timing) {
                for _ in 0..TRIPS {
                    asking.baton.pass(0);
                    asking.baton.take(0).await;
                }
                measured.end(&begun);
            }
            asking.end();
            let _ = batches.send(measured);
            0
        });
        P::join(asked).await
    });
    game.check(answering.join().expect("the other runtime has ended"));
    results.recv().expect("the task has sent its figures")
}
