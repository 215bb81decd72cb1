//! Waiting on a plain thread: the future is polled where it is, and the thread sleeps in between.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::context;
use heist_core::sync::{Condvar, Mutex};

/// Wakes a thread that sleeps in [`block_until`].
struct Sleeper {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *self.woken.lock() = true;
        self.changed.notify_one();
    }
}

impl Sleeper {
    fn sleep(&self) {
        let mut woken = self.woken.lock();
        while !*woken {
            woken = self.changed.wait(woken);
        }
        *woken = false;
    }
}

/// Polls until there is a result; the thread sleeps in between.
pub(crate) fn block_until<F, T>(future: F, poll: impl Fn(Pin<&mut F>, &mut Context<'_>) -> Poll<T>) -> T {
    let mut future = pin!(future);
    // Most often there is nothing to wait for, and no waker to make.
    if let Poll::Ready(value) = poll(future.as_mut(), &mut Context::from_waker(Waker::noop())) {
        return value;
    }
    let sleeper = Arc::new(Sleeper { woken: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(sleeper.clone());
    loop {
        // Also before the first sleep: what came meanwhile has woken nobody.
        if let Poll::Ready(value) = poll(future.as_mut(), &mut Context::from_waker(&waker)) {
            return value;
        }
        sleeper.sleep();
    }
}

/// Waits for a future as it is, budget and all.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block_until(future, |future, cx| {
        lend_budget();
        future.poll(cx)
    })
}

/// On a worker, whose task does not come back to the scheduler while it blocks, a used-up budget would never be renewed.
fn lend_budget() {
    context::with(|context| {
        if let Some(context) = context {
            context.set_budget(context.budget().max(1));
        }
    });
}
