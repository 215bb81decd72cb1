//! What the models of all crates share: how one is searched, and a thread of a model that sleeps. Only under
//! `--cfg heist_loom`; see `docs/design/models.md`.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

use super::{Condvar, Mutex, thread};

/// How often the threads of one iteration may be scheduled: a model that goes on longer has a thread that spins.
const MAX_BRANCHES: usize = 20_000;

thread_local! {
    /// Whether [`side`] lets the new thread go first.
    static OTHERS_FIRST: Cell<bool> = const { Cell::new(false) };
}

/// Explores the interleavings of `model`, with at most `bound` preemptions where one is given, and says how many there
/// were.
///
/// loom remembers one access an object when it decides which orders to try: a thread's own load hides another's load
/// from its compare-and-swap, and an order in which the other loads afterwards may never be tried. So the search is made
/// twice, from both ends: once beginning with the model's main thread, once with the threads that it starts by [`side`].
///
/// # Panics
///
/// Where the model does in one of its interleavings.
pub fn check(name: &str, bound: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let iterations = Arc::new(AtomicUsize::new(0));
    let model = Arc::new(model);
    let begun = Instant::now();
    for others_first in [false, true] {
        OTHERS_FIRST.set(others_first);
        let (counted, model) = (iterations.clone(), model.clone());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bound;
        builder.max_branches = MAX_BRANCHES;
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }
    let bound = bound.map_or("none".into(), |bound| bound.to_string());
    let (iterations, took) = (iterations.load(Ordering::Relaxed), begun.elapsed().as_millis());
    println!("model {name}: bound {bound}, {iterations} iterations, {took} ms");
}

/// Starts another thread of a model; see [`check`].
pub fn side<T: 'static>(f: impl FnOnce() -> T + 'static) -> thread::JoinHandle<T> {
    if !OTHERS_FIRST.get() {
        return thread::spawn(f);
    }
    // Waits until the other has begun, and it goes on while it can. (Not by `yield_now`: after that loom shows a thread
    // no old values any more.)
    let begun = Sleeper::new();
    let told = begun.clone();
    let side = thread::spawn(move || {
        told.wake();
        f()
    });
    begun.sleep();
    side
}

/// A thread of a model that sleeps until it is woken: what a worker and its parker are to a real task.
///
/// It stands on a condition variable, because loom's `park` knows one state for a thread that is parked and for one that
/// waits for a lock: an `unpark` meanwhile is taken by the lock, and the thread then parks for ever.
#[derive(Debug, Default)]
pub struct Sleeper {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Sleeper {
    /// One that nobody has woken.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Waits for a wake, which may have come before.
    pub fn sleep(&self) {
        let mut is_woken = self.is_woken.lock();
        while !*is_woken {
            is_woken = self.changed.wait(is_woken);
        }
        *is_woken = false;
    }

    /// A waker of this thread; all of them are alike.
    pub fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock() = true;
        self.changed.notify_one();
    }
}
