//! Threads for work that blocks: the pool of a loop.
//!
//! How a job meets a thread is the business of [`crate::line`]. The job itself is a task cell, linked through its header, so a
//! submission allocates one cell and nothing else.
//!
//! Protocol page: `docs/design/blocking-pool.md`.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use heist_core::Hold;
use heist_core::sync::{Condvar, Mutex};

use crate::executor::{self, ThreadPool};
use crate::line::{Counts, Line, Submitted, Taker};
use crate::shared::Shared;
use crate::task::state::{Access, CANCEL, CANCELLED, FAILED};
use crate::task::{CancelledError, Raw, TaskError};
use crate::trace;

/// A closure in a task cell, and what holds virtual time while it waits or runs.
#[derive(Debug)]
pub(crate) struct Job {
    task: Raw,
    hold: Hold,
}

impl Job {
    /// Runs the closure, on this thread, or fails the task if it was cancelled before.
    fn run(self) {
        let header = self.task.header();
        let start = header.word.start();
        if start & CANCEL != 0 {
            let asked = self.task.tree_if_any().and_then(|tree| tree.take_fresh());
            self.fail(TaskError::cancelled(asked.unwrap_or_default()));
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        let polled = trace::in_span(self.task, || {
            // SAFETY: the job is the only side that polls this cell, once.
            unsafe { (header.vtable.poll)(self.task.0, &mut cx) }
        });
        let Poll::Ready(outcome) = polled else { unreachable!("a closure ends in one poll") };
        self.task.shared().foreign_tally.task_ended();
        if outcome & (FAILED | CANCELLED) == FAILED {
            self.task.shared().task_panicked(self.task);
        }
        // SAFETY: this is the side that polled, and it does not touch the task afterwards.
        unsafe { self.task.complete(Access::Shared, outcome) };
        drop(self.hold);
    }

    /// Ends the task without running the closure.
    fn fail(self, error: TaskError) {
        // SAFETY: the job is the only side that polls this cell, and it has not been polled; it is not touched afterwards.
        unsafe { self.task.end_with(Access::Shared, error) };
    }
}

/// A job on its way through an executor that may drop it: then it fails.
struct Sent(Option<Job>);

impl Sent {
    fn run(mut self) {
        if let Some(job) = self.0.take() {
            job.run();
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.fail(TaskError::refused(executor::CLOSED));
        }
    }
}

/// The pool of one loop: its default executor.
#[derive(Debug)]
pub(crate) struct Pool {
    line: Arc<Line<Job>>,
    keep_alive: Duration,
    /// The threads that the program gave in place of the loop's own.
    given: Mutex<Option<Arc<ThreadPool>>>,
}

impl Pool {
    pub(crate) fn new(most: usize, keep_alive: Duration) -> Self {
        Self { line: Arc::new(Line::new(most)), keep_alive, given: Mutex::new(None) }
    }

    /// Has `task`, a cell with a closure, run on a thread of the pool.
    pub(crate) fn submit(&self, task: Raw, shared: &Arc<Shared>) {
        let job = Job { task, hold: shared.clock.hold() };
        if let Some(given) = self.given() {
            if self.line.is_closed() {
                return job.fail(TaskError::refused(executor::CLOSED));
            }
            let sent = Sent(Some(job));
            // One that is closed drops the job, which fails it.
            let _ = given.execute(Box::new(move || sent.run()));
            return;
        }
        match self.line.submit(job) {
            (Submitted::Done, _) => {}
            (Submitted::Closed, Some(job)) => job.fail(TaskError::refused(executor::CLOSED)),
            (Submitted::Closed, None) => {}
            (Submitted::Start, _) => self.start(shared),
        }
    }

    fn start(&self, shared: &Arc<Shared>) {
        let (line, keep_alive, config) = (self.line.clone(), self.keep_alive, shared.config.clone());
        let name = format!("{}-blocking", shared.config.thread_name);
        let started = std::thread::Builder::new().name(name).spawn(move || {
            config.on_thread(|| {
                let taker = Taker::new();
                let wait = |changed: &Condvar, state| changed.wait_timeout(state, keep_alive);
                while let Some(job) =
                    line.next(&taker, |changed, state| taker.waits.timed(|| wait(changed, state)))
                {
                    job.run();
                }
            });
            line.left();
        });
        // The thread ends by itself: `close` waits for the count, not for the handle.
        if started.is_err() {
            // Out of threads: run here what no thread of ours will ever take, rather than lose it.
            for job in self.line.not_started() {
                job.run();
            }
        }
    }

    /// How many jobs its threads have before them, of those that they will get to soon; a guess.
    pub(crate) fn ready(&self) -> usize {
        self.line.ready()
    }

    /// How many there are of the loop's own threads and jobs.
    pub(crate) fn counts(&self) -> Counts {
        self.line.counts()
    }

    /// Fails what is in line, and waits at most `limit` for what runs; returns how many threads still do.
    pub(crate) fn close(&self, limit: Duration) -> usize {
        for job in self.line.close() {
            job.fail(TaskError::cancelled(CancelledError::new(None)));
        }
        if let Some(given) = self.given() {
            given.close();
            given.drop_waiting();
        }
        self.wait(limit)
    }

    /// Has the closures that come from now on run by other threads.
    pub(crate) fn give(&self, threads: Arc<ThreadPool>) {
        let before = self.given.lock().replace(threads);
        drop(before);
    }

    fn given(&self) -> Option<Arc<ThreadPool>> {
        self.given.lock().clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.line.is_closed()
    }

    /// Takes no more closures; those in line are run.
    pub(crate) fn finish(&self) {
        self.line.finish();
        if let Some(given) = self.given() {
            given.close();
        }
    }

    /// Waits at most `limit` for what runs; returns how many threads still do.
    pub(crate) fn wait(&self, limit: Duration) -> usize {
        let begun = Instant::now();
        let own = self.line.wait_for(limit, 0);
        let given = self.given().map_or(0, |given| given.wait(Some(limit.saturating_sub(begun.elapsed()))));
        own + given
    }
}
