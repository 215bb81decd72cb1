//! loom models of the primitives; see `docs/design/sync.md`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::atomic::AtomicBool;
use heist_core::sync::model::{check as explore, side};

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
    let other = side(other);
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
