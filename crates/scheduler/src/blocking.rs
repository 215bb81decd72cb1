//! Threads for work that blocks.
//!
//! A bounded pool: a submission wakes an idle thread, or starts one while there are fewer than the limit, or waits in
//! line. A thread without work for the keep-alive time ends. One lock guards the line and the counts; the job itself is a
//! task cell, linked through its header, so a submission allocates one cell and nothing else.
//!
//! The race that such pools get wrong is a submission that counts on an idle thread which is just giving up. Here a
//! submission that wakes a thread *assigns* the wake by counting it in `notified`, under the lock. A thread whose wait
//! ran out looks at `notified` under the same lock before it leaves: if a wake is assigned, it takes it and stays.
//!
//! Protocol page: `docs/design/blocking-pool.md`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use heist_core::Hold;
use heist_core::patience::Waits;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Condvar, Mutex, MutexGuard, mutant};

use crate::executor::{self, ThreadPool};
use crate::shared::Shared;
use crate::task::state::{Access, CANCEL, CANCELLED, FAILED};
use crate::task::{CancelledError, Raw, TaskError};
use crate::trace;

/// What a submission must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Submitted {
    /// A thread will come.
    Done,
    /// Start a thread.
    Start,
    /// The pool is closed; the job was not taken.
    Closed,
}

#[derive(Debug)]
pub(crate) struct State<J> {
    line: VecDeque<J>,
    /// Threads that wait for work.
    idle: usize,
    /// Wakes that were assigned to idle threads and not taken yet.
    notified: usize,
    /// Of the idle threads, the one that waits awake and needs no notification; at most 1.
    awake: usize,
    /// Threads that take jobs.
    threads: usize,
    /// Threads that take no more and have not ended: what the program has called around them is about to return.
    leaving: usize,
    closed: bool,
}

/// What a pool has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) threads: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
}

/// The line and the counts: everything but the threads themselves, so that a model can run it.
#[derive(Debug)]
pub(crate) struct Line<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    most: usize,
    /// Counts the jobs that were put in line. Written under the lock; who waits awake looks at it without.
    submitted: AtomicUsize,
}

impl<J> Line<J> {
    pub(crate) fn new(most: usize) -> Self {
        let state = State {
            line: VecDeque::new(),
            idle: 0,
            notified: 0,
            awake: 0,
            threads: 0,
            leaving: 0,
            closed: false,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Self { state, changed, most: most.max(1), submitted: AtomicUsize::new(0) }
    }

    /// How many there are of all that it has.
    pub(crate) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts { threads: state.threads, idle: state.idle, waiting: state.line.len() }
    }

    /// Puts a job in line. On [`Submitted::Start`] the thread is counted already.
    pub(crate) fn submit(&self, job: J) -> (Submitted, Option<J>) {
        let mut state = self.state.lock();
        if state.closed {
            return (Submitted::Closed, Some(job));
        }
        state.line.push_back(job);
        // Relaxed: who sees it comes by the lock.
        self.submitted.store(self.submitted.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        if state.idle > state.notified {
            state.notified += 1;
            let asleep = state.notified > state.awake;
            drop(state);
            if asleep {
                self.changed.notify_one();
            }
            (Submitted::Done, None)
        } else if state.threads < self.most {
            state.threads += 1;
            (Submitted::Start, None)
        } else {
            (Submitted::Done, None)
        }
    }

    /// The next job of a pool thread; `None` when the thread must end, and say so by [`left`](Self::left). `wait` waits on
    /// the condition variable and says whether the keep-alive time ran out; `waits` knows whether to stay awake before.
    pub(crate) fn next<'a>(
        &'a self,
        waits: &Waits,
        mut wait: impl FnMut(&'a Condvar, MutexGuard<'a, State<J>>) -> (MutexGuard<'a, State<J>>, bool),
    ) -> Option<J> {
        let mut state = self.state.lock();
        let mut stayed_awake = false;
        loop {
            if let Some(job) = state.line.pop_front() {
                return Some(job);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let mut ran_out = false;
            // Once before each sleep.
            stayed_awake = !stayed_awake && state.awake == 0 && waits.may_wait();
            if stayed_awake {
                state = self.stay_awake(state, waits);
            }
            // What came meanwhile came without a notification, so who was awake looks before it waits for one.
            if !stayed_awake || mutant("blocking-awake-looks") {
                (state, ran_out) = wait(&self.changed, state);
            }
            state.idle -= 1;
            if state.notified > 0 && !(ran_out && mutant("blocking-exit-looks")) {
                // The wake may have been meant for another idle thread; that one then finds nothing and waits on.
                state.notified -= 1;
            } else if ran_out {
                break;
            }
        }
        state.threads -= 1;
        state.leaving += 1;
        None
    }

    /// Stays awake for a moment, as one of the idle threads that needs no notification.
    fn stay_awake<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<J>>,
        waits: &Waits,
    ) -> MutexGuard<'a, State<J>> {
        let before = self.submitted.load(Ordering::Relaxed);
        state.awake += 1;
        drop(state);
        waits.look_out(|| self.submitted.load(Ordering::Relaxed) != before);
        state = self.state.lock();
        state.awake -= 1;
        state
    }

    /// A thread that was sent home has nothing more to do.
    pub(crate) fn left(&self) {
        self.state.lock().leaving -= 1;
        self.changed.notify_all();
    }

    /// A thread that was counted could not be started. Gives the line, when no other thread will ever take it.
    pub(crate) fn not_started(&self) -> VecDeque<J> {
        let mut state = self.state.lock();
        state.threads -= 1;
        if state.threads == 0 { std::mem::take(&mut state.line) } else { VecDeque::new() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes no more jobs. Threads take what is in line, and then go home.
    pub(crate) fn finish(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes the jobs that no thread has.
    pub(crate) fn take_all(&self) -> VecDeque<J> {
        std::mem::take(&mut self.state.lock().line)
    }

    /// Takes no more jobs, returns those in line, and sends idle threads home.
    pub(crate) fn close(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.closed = true;
        let left = state.line.drain(..).collect();
        drop(state);
        self.changed.notify_all();
        left
    }

    /// Waits until no more than so many threads are left, those that leave among them, or `limit` passes; returns how many
    /// are.
    pub(crate) fn wait_for(&self, limit: Duration, threads: usize) -> usize {
        let end = Instant::now().checked_add(limit);
        let mut state = self.state.lock();
        while state.threads + state.leaving > threads {
            match end {
                None => state = self.changed.wait(state),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    state = self.changed.wait_timeout(state, left).0;
                }
            }
        }
        state.threads + state.leaving
    }

    /// A wait that runs out as soon as the others let it: loom has no time.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn wait_in_vain<'a>(&'a self, state: MutexGuard<'a, State<J>>) -> MutexGuard<'a, State<J>> {
        drop(state);
        self.state.lock()
    }

    /// Wakes that nobody has taken.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn assigned(&self) -> usize {
        self.state.lock().notified
    }

    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.state.lock().threads
    }
}

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
                let waits = Waits::new();
                let wait = |changed: &Condvar, state| changed.wait_timeout(state, keep_alive);
                while let Some(job) = line.next(&waits, |changed, state| waits.timed(|| wait(changed, state)))
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

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_gives_up_still_takes_the_wake_assigned_to_it() {
        let line = Line::new(1);
        assert_eq!(line.submit(1).0, Submitted::Start);
        assert_eq!(line.next(&Waits::new(), |_, _| unreachable!("there is a job")), Some(1));
        let mut rounds = 0;
        let job = line.next(&Waits::new(), |_, state| {
            rounds += 1;
            drop(state);
            // While the thread waits, a job comes; and then the wait runs out all the same.
            assert_eq!(line.submit(2).0, Submitted::Done);
            (line.state.lock(), true)
        });
        assert_eq!((job, rounds), (Some(2), 1));
        assert_eq!(line.next(&Waits::new(), |_, state| (state, true)), None);
        assert_eq!(line.threads(), 0);
        assert_eq!(line.submit(3).0, Submitted::Start);
    }

    #[test]
    fn a_thread_that_waited_awake_in_vain_waits_for_a_notification() {
        let line = Line::new(1);
        assert_eq!(line.submit(1).0, Submitted::Start);
        let waits = Waits::new();
        waits.slept(Some(Duration::ZERO));
        assert_eq!(line.next(&waits, |_, _| unreachable!("there is a job")), Some(1));
        let mut rounds = 0;
        let job = line.next(&waits, |_, state| {
            rounds += 1;
            assert_eq!((state.idle, state.awake), (1, 0), "it is asleep now, and needs a notification");
            drop(state);
            assert_eq!(line.submit(2).0, Submitted::Done);
            (line.state.lock(), false)
        });
        assert_eq!((job, rounds), (Some(2), 1));
        assert!(!waits.may_wait(), "it was in vain, so not before the next sleep");
    }

    #[test]
    fn a_closed_line_hands_jobs_back() {
        let line = Line::new(1);
        let _ = line.submit(1);
        let _ = line.submit(2);
        assert_eq!(line.close(), [1, 2]);
        assert_eq!(line.submit(3), (Submitted::Closed, Some(3)));
    }
}
