//! loom models of the primitives; see `docs/design/sync.md`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::atomic::AtomicBool;

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
