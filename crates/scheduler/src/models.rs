//! What the models of this crate share: how one is run, and a loop whose worker the model itself is.
//!
//! loom checks protocols, each in a model of its own, never the whole runtime. A model of a task drives the real cells,
//! words, wakers and handles on a real [`Shared`]; the threads of a loop do not exist: the model's main thread enters
//! worker 0, and the others are the foreign threads.
//!
//! `RUSTFLAGS="--cfg heist_loom" cargo test -p heist-scheduler --release --lib models`

mod blocking;
mod callbacks;
mod idle;
mod interrupt;
mod park;
mod queue;
mod shutdown;
mod stop;
mod watchdog;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_core::sync::{Condvar, Mutex, thread};

use crate::config::Config;
use crate::scheduler;
use crate::shared::{CLOSED, CLOSING, RUNNING, Shared};
use crate::worker::{Next, Worker};

thread_local! {
    /// Whether [`side`] lets the new thread go first.
    static OTHERS_FIRST: Cell<bool> = const { Cell::new(false) };
}

/// Explores the interleavings of `model`, with at most `bound` preemptions where one is given, and says how many there
/// were.
///
/// loom remembers one access an object when it decides which orders to try: a thread's own load hides another's load
/// from its compare-and-swap, and an order in which the other loads afterwards may never be tried. So the search is made
/// twice, from both ends: once beginning with the model's main thread, once with the threads that it starts.
pub(crate) fn check(name: &str, bound: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let iterations = Arc::new(AtomicUsize::new(0));
    let model = Arc::new(model);
    let begun = Instant::now();
    for others_first in [false, true] {
        OTHERS_FIRST.set(others_first);
        let (counted, model) = (iterations.clone(), model.clone());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bound;
        builder.max_branches = 20_000;
        ALIVE.with_borrow_mut(HashSet::clear);
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
pub(crate) fn side<T: 'static>(f: impl FnOnce() -> T + 'static) -> thread::JoinHandle<T> {
    if !OTHERS_FIRST.get() {
        return thread::spawn(f);
    }
    // Waits until the other has begun, and it goes on while it can. (Not by `yield_now`: after that loom shows a thread
    // no old values any more.)
    let begun = loom::sync::Arc::new((Mutex::new(false), Condvar::new()));
    let told = begun.clone();
    let side = thread::spawn(move || {
        *told.0.lock() = true;
        told.1.notify_one();
        f()
    });
    let mut begun_now = begun.0.lock();
    while !*begun_now {
        begun_now = begun.1.wait(begun_now);
    }
    drop(begun_now);
    side
}

thread_local! {
    /// The shared blocks that exist: they are counted by the standard library's `Arc`, which loom does not see.
    static ALIVE: RefCell<HashSet<usize>> = RefCell::default();
}

/// A step on the shared block of a loop must find it there.
pub(crate) fn assert_alive(shared: &Shared) {
    assert!(
        ALIVE.with_borrow(|alive| alive.contains(&shared.id())),
        "a loop's shared block was used after its end"
    );
}

/// A shared block goes.
pub(crate) fn note_gone(shared: &Shared) {
    ALIVE.with_borrow_mut(|alive| alive.remove(&shared.id()));
}

/// Every loop of this iteration is gone, with its pages.
pub(crate) fn assert_none_alive() {
    assert!(ALIVE.with_borrow(HashSet::is_empty), "a loop's shared block was leaked");
}

/// A loop with one worker and no threads of its own.
pub(crate) struct Loop {
    pub(crate) shared: Arc<Shared>,
    worker: Option<Box<Worker>>,
}

impl Loop {
    pub(crate) fn new(local: bool) -> Self {
        let config = Config { spares: 0, max_blocking_threads: 1, ..Config::new(1) };
        let shared = Shared::make(config, local, Clock::real(), Arc::new(NoDriver));
        ALIVE.with_borrow_mut(|alive| alive.insert(shared.id()));
        let worker = shared.resting[0].lock().take();
        shared.set_phase(RUNNING);
        Self { shared, worker }
    }

    pub(crate) fn worker(&self) -> &Worker {
        self.worker.as_deref().expect("there until the loop is closed")
    }

    /// Calls `f` as worker 0.
    pub(crate) fn enter<R>(&self, f: impl FnOnce(&Worker) -> R) -> R {
        let worker = self.worker();
        // SAFETY: the guard ends with this function, and the worker outlives it.
        let _entered = unsafe { worker.enter() };
        f(worker)
    }

    /// Polls what is queued, as worker 0, until nothing is.
    pub(crate) fn drain(&self) {
        self.enter(|worker| {
            while let Some(Next::Task(task)) = worker.next() {
                worker.poll(task);
            }
        });
    }

    /// The tasks that anybody holds, complete ones among them.
    pub(crate) fn held(&self) -> usize {
        self.enter(|_| self.shared.count_held())
    }

    /// Closes the loop as [`Scheduler::close`](crate::Scheduler::close) does, without the waiting.
    pub(crate) fn close(mut self) {
        self.shared.set_phase(CLOSING);
        self.drain();
        let worker = self.worker.take().expect("closed once");
        // SAFETY: the guard is dropped below, before the worker retires.
        let entered = unsafe { worker.enter() };
        scheduler::end_tasks(&self.shared, &worker);
        drop(entered);
        self.shared.set_phase(CLOSED);
        worker.retire();
        self.shared.with_foreign_heap(|heap| heap.close(&self.shared));
    }
}

/// A waker that counts its wakes.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl std::task::Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
