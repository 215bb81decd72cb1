//! Waiting on a plain thread: the future is polled where it is, and the thread sleeps in between.
//!
//! A thread whose sleeps were brief of late first stays awake for a moment (`heist_core::patience`): then a wake is a store under a
//! lock, and no system call. What it looks at there is no more than a hint. What counts stands under the lock, and is looked at once
//! more before the sleep.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::context;
use heist_core::patience::Waits;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::{Condvar, Mutex, MutexGuard, mutant};

/// Wakes a thread that waits in [`block_until`].
#[derive(Default)]
struct Sleeper {
    state: Mutex<Sleep>,
    changed: Condvar,
    /// As [`Sleep::woken`], for who waits awake. Relaxed: who sees it comes by the lock.
    hint: AtomicBool,
}

#[derive(Default)]
struct Sleep {
    woken: bool,
    /// The thread is inside the wait for a notification.
    asleep: bool,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        let asleep = {
            let mut state = self.state.lock();
            state.woken = true;
            self.hint.store(true, Ordering::Relaxed);
            state.asleep
        };
        if asleep {
            self.changed.notify_one();
        }
    }
}

impl Sleeper {
    /// Waits for a wake, which may have come before.
    fn sleep(&self, waits: &Waits) {
        if waits.may_wait() {
            waits.look_out(|| self.hint.load(Ordering::Relaxed));
        }
        let mut state = self.state.lock();
        if !state.woken || mutant("sync-sleeper-looks-again") {
            state.asleep = true;
            (state, _) = waits.timed(|| (self.sleep_until_woken(state), false));
            state.asleep = false;
        }
        state.woken = false;
        self.hint.store(false, Ordering::Relaxed);
    }

    fn sleep_until_woken<'a>(&'a self, mut state: MutexGuard<'a, Sleep>) -> MutexGuard<'a, Sleep> {
        loop {
            state = self.changed.wait(state);
            if state.woken {
                return state;
            }
        }
    }
}

/// Polls until there is a result; the thread sleeps in between.
pub(crate) fn block_until<F, T>(future: F, poll: impl Fn(Pin<&mut F>, &mut Context<'_>) -> Poll<T>) -> T {
    let mut future = pin!(future);
    // Most often there is nothing to wait for, and no waker to make.
    if let Poll::Ready(value) = poll(future.as_mut(), &mut Context::from_waker(Waker::noop())) {
        return value;
    }
    let sleeper = Arc::new(Sleeper::default());
    let waker = Waker::from(sleeper.clone());
    loop {
        // Also before the first sleep: what came meanwhile has woken nobody.
        if let Poll::Ready(value) = poll(future.as_mut(), &mut Context::from_waker(&waker)) {
            return value;
        }
        Waits::of_thread(|waits| sleeper.sleep(waits));
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

#[cfg(all(test, heist_loom))]
mod models {
    use std::time::Duration;

    use heist_core::sync::model::{check, side};

    use super::*;

    /// A thread that has waited awake, in vain as it thinks, goes to sleep while it is woken: loom finds a lost wake as a deadlock.
    #[test]
    fn wake_x_sleep_after_a_wait() {
        check("wake_x_sleep_after_a_wait", None, || {
            let sleeper = Arc::new(Sleeper::default());
            let other = sleeper.clone();
            let other = side(move || other.wake());
            let waits = Waits::new();
            waits.slept(Some(Duration::ZERO));
            sleeper.sleep(&waits);
            other.join().unwrap();
        });
    }
}
