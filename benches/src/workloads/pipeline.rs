//! Two tasks that compute, one on what the other made: they pay only if a wake brings the second one to another worker
//! while the first goes on.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use crate::operation::Operation;
use crate::peer::Peer;

/// One item through both stages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PipelineOp;

/// Items between the stages at most.
const PLACES: u64 = 8;

/// Steps of the computation of one stage on one item: some 20 microseconds.
const STEPS: u64 = 20_000;

impl<P: Peer> Operation<P> for PipelineOp {
    fn batch(self) -> u64 {
        200
    }

    async fn run(self, n: u64) {
        let line = Arc::new(Line::default());
        let making = Arc::clone(&line);
        let made = P::spawn(async move {
            let mut sum = 0;
            for i in 0..n {
                making.wait(&making.room, |made, taken| made - taken < PLACES).await;
                sum += compute(i);
                Line::count(&making.made, &making.items);
            }
            sum
        });
        let taken = P::spawn(async move {
            let mut sum = 0;
            for i in 0..n {
                line.wait(&line.items, |made, taken| made > taken).await;
                sum += compute(i);
                Line::count(&line.taken, &line.room);
            }
            sum
        });
        assert_eq!(P::join(made).await, P::join(taken).await, "a stage computed something else");
    }
}

/// Work whose result depends on every step.
fn compute(seed: u64) -> u64 {
    (0..STEPS).fold(seed, |value, step| black_box(value.rotate_left(5) ^ step))
}

/// What both stages know: how many items the first has made, and the second taken.
#[derive(Default)]
struct Line {
    made: AtomicU64,
    taken: AtomicU64,
    /// The second stage, when it waits for items.
    items: OnceLock<Waker>,
    /// The first stage, when it waits for room.
    room: OnceLock<Waker>,
}

impl Line {
    /// Adds one to a count of which this stage is the only writer, and wakes the other stage.
    fn count(counter: &AtomicU64, other: &OnceLock<Waker>) {
        // SeqCst here and in `wait`: of a waker that is left and a count that is raised, one side sees the other's.
        counter.fetch_add(1, Ordering::SeqCst);
        if let Some(waker) = other.get() {
            waker.wake_by_ref();
        }
    }

    async fn wait(&self, waker: &OnceLock<Waker>, can_go_on: impl Fn(u64, u64) -> bool) {
        poll_fn(|context| {
            let is_time = || can_go_on(self.made.load(Ordering::SeqCst), self.taken.load(Ordering::SeqCst));
            if is_time() {
                return Poll::Ready(());
            }
            if waker.get().is_some() {
                return Poll::Pending;
            }
            waker.get_or_init(|| context.waker().clone());
            fence(Ordering::SeqCst);
            if is_time() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
