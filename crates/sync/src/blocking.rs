//! Waiting on a plain thread: what stands behind the `blocking_*` forms.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use heist_core::context;
use heist_core::sync::thread;

/// Wakes a thread that is parked.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the thread until `future` is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        lend_budget();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// On a worker, whose task does not come back to the scheduler while it blocks, a used-up budget would never be renewed.
fn lend_budget() {
    context::with(|context| {
        if let Some(context) = context {
            context.set_budget(context.budget().max(1));
        }
    });
}
