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

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_core::sync::model;
pub(crate) use heist_core::sync::model::side;

use crate::config::Config;
use crate::scheduler;
use crate::shared::{CLOSED, CLOSING, RUNNING, Shared};
use crate::worker::{Next, Worker};

/// Explores the interleavings of `model`; see [`model::check`]. No iteration knows the loops of another one.
pub(crate) fn check(name: &str, bound: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    model::check(name, bound, move || {
        ALIVE.with_borrow_mut(HashSet::clear);
        model();
    });
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
