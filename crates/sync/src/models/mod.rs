//! loom models of the primitives; see `docs/design/sync.md`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::atomic::AtomicBool;
use heist_core::sync::thread;

mod barrier;
mod broadcast;
mod condition;
mod event;
mod future;
mod mpmc;
mod mpsc;
mod notify;
mod oneshot;
mod permits;
mod queue;
mod watch;

/// Runs `model` in all interleavings (within `bound` preemptions) and prints how many there were.
fn explore(name: &str, bound: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let iterations = Arc::new(Count::new(0));
    let counted = iterations.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    let started = std::time::Instant::now();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let bound = bound.map_or("none".to_owned(), |bound| bound.to_string());
    let (n, ms) = (iterations.load(Ordering::Relaxed), started.elapsed().as_millis());
    println!("model {name}: bound {bound}, {n} iterations, {ms} ms");
}

/// A flag that a wake sets, as loom sees it.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Woken {
    fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self(AtomicBool::new(false)));
        (woken.clone(), woken.into())
    }
    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Polls `future` while `other` runs on a thread of its own; if that was too early, it must have been woken, and be ready
/// at the second poll. Gives what both came to.
fn race<F: Future, R: 'static>(future: F, other: impl FnOnce() -> R + Send + 'static) -> (F::Output, R) {
    let other = thread::spawn(other);
    let (woken, waker) = Woken::new();
    let mut future = pin!(future);
    let mut polled = poll(future.as_mut(), &waker);
    let result = other.join().unwrap();
    if polled.is_pending() {
        assert!(woken.is(), "the wake is lost");
        polled = poll(future, &waker);
    }
    let Poll::Ready(output) = polled else { panic!("woken too early") };
    (output, result)
}
