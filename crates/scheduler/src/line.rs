//! The line of a pool of threads: how a job meets one, without the threads themselves, so that a model can run it.
//!
//! A submission wakes an idle thread, or has one started while there are fewer than the limit, or waits in line. A thread without
//! work for the keep-alive time ends. One lock guards the line and the counts, and another one the jobs that threads have fetched from it.
//!
//! The race that such pools get wrong is a submission that counts on an idle thread which is just giving up. Here a
//! submission that wakes a thread *assigns* the wake by counting it in `notified`, under the lock. A thread whose wait
//! ran out looks at `notified` under the same lock before it leaves: if a wake is assigned, it takes it and stays.
//!
//! Protocol page: `docs/design/blocking-pool.md`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use heist_core::patience::Waits;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Condvar, Mutex, MutexGuard, hint, mutant};

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

/// A line that is shorter than this is not worth going to again at once.
const MANY: usize = 32;

/// How long a thread leaves a short line to who brings jobs one after the other, counted from when it was there last. On two cores
/// far apart each of the two waits for the other's writes at every job otherwise, for longer than the job takes.
const PAUSE: Duration = Duration::from_micros(2);

/// What one thread knows of its way to the line.
#[derive(Debug)]
pub(crate) struct Taker {
    pub(crate) waits: Waits,
    /// Since it last found the line empty.
    fetched: Cell<Fetched>,
}

/// When a thread was last at the line.
#[derive(Clone, Copy, Debug)]
enum Fetched {
    /// There was nothing.
    Nothing,
    /// Once. Who brings one job at a time and waits for it comes no further, and pays for no look at a clock.
    Once,
    At(Instant),
}

impl Taker {
    pub(crate) fn new() -> Self {
        Self { waits: Waits::new(), fetched: Cell::new(Fetched::Nothing) }
    }

    fn came_to_the_end(&self) {
        self.fetched.set(Fetched::Nothing);
    }

    fn fetches(&self) {
        self.fetched.set(match self.fetched.get() {
            Fetched::Nothing => Fetched::Once,
            _ => Fetched::At(Instant::now()),
        });
    }

    /// Whether to leave the line alone for a moment. (A model has no time.)
    fn has_just_fetched(&self) -> bool {
        matches!(self.fetched.get(), Fetched::At(at) if !cfg!(heist_loom) && at.elapsed() < PAUSE)
    }

    fn pause(&self) {
        while self.has_just_fetched() {
            hint::spin_loop();
        }
    }
}

/// The line and the counts: everything but the threads themselves, so that a model can run it.
#[derive(Debug)]
pub(crate) struct Line<J> {
    /// What was in line when a thread last found nothing here: the front of the line, for whichever thread comes. Who brings
    /// jobs does not touch it. Taken before `state`, where both are.
    fetched: CachePadded<Mutex<VecDeque<J>>>,
    /// How many of them are left. Written behind their lock.
    ready: CachePadded<AtomicUsize>,
    state: CachePadded<Mutex<State<J>>>,
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
        Self {
            fetched: CachePadded::new(Mutex::new(VecDeque::new())),
            ready: CachePadded::new(AtomicUsize::new(0)),
            state: CachePadded::new(Mutex::new(state)),
            changed: Condvar::new(),
            most: most.max(1),
            submitted: AtomicUsize::new(0),
        }
    }

    /// How many there are of all that it has.
    pub(crate) fn counts(&self) -> Counts {
        let (fetched, state) = self.lock_both();
        Counts { threads: state.threads, idle: state.idle, waiting: fetched.len() + state.line.len() }
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
    /// the condition variable and says whether the keep-alive time ran out; `taker` is the thread's.
    pub(crate) fn next<'a>(
        &'a self,
        taker: &Taker,
        mut wait: impl FnMut(&'a Condvar, MutexGuard<'a, State<J>>) -> (MutexGuard<'a, State<J>>, bool),
    ) -> Option<J> {
        let mut stayed_awake = false;
        loop {
            let mut state = match self.take(taker) {
                Ok(job) => return Some(job),
                Err(state) => state,
            };
            if state.closed {
                return Self::leave(state);
            }
            state.idle += 1;
            let mut ran_out = false;
            // Once before each sleep.
            stayed_awake = !stayed_awake && state.awake == 0 && taker.waits.may_wait();
            if stayed_awake {
                state = self.stay_awake(state, &taker.waits);
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
                return Self::leave(state);
            }
        }
    }

    /// The first job, or the lock under which there was none.
    fn take<'a>(&'a self, taker: &Taker) -> Result<J, MutexGuard<'a, State<J>>> {
        loop {
            let mut fetched = self.fetched.lock();
            if let Some(job) = self.pop(&mut fetched) {
                return Ok(job);
            }
            // Inside this lock, too: no thread goes to wait while another one brings jobs here, of which it will run the first.
            if mutant("blocking-take-holds-both") {
                drop(fetched);
                let state = self.state.lock();
                if state.line.is_empty() {
                    return Err(state);
                }
                drop(state);
                fetched = self.fetched.lock();
            }
            let mut state = self.state.lock();
            if state.line.is_empty() {
                taker.came_to_the_end();
                return Err(state);
            }
            if state.line.len() < MANY && taker.has_just_fetched() {
                drop((fetched, state));
                taker.pause();
                continue;
            }
            std::mem::swap(&mut *fetched, &mut state.line);
            drop(state);
            taker.fetches();
            if let Some(job) = self.pop(&mut fetched) {
                return Ok(job);
            }
        }
    }

    fn pop(&self, fetched: &mut VecDeque<J>) -> Option<J> {
        let job = fetched.pop_front()?;
        self.ready.store(fetched.len(), Ordering::Relaxed);
        Some(job)
    }

    /// The thread takes no more.
    fn leave(mut state: MutexGuard<'_, State<J>>) -> Option<J> {
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

    /// How many jobs lie ready for the threads, as one of them last saw. Any thread, without a lock: for decisions that may be wrong.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// All that is in line, behind both locks.
    fn lock_both(&self) -> (MutexGuard<'_, VecDeque<J>>, MutexGuard<'_, State<J>>) {
        let fetched = self.fetched.lock();
        (fetched, self.state.lock())
    }

    /// Takes what no thread has.
    fn drain(
        &self,
        mut fetched: MutexGuard<'_, VecDeque<J>>,
        mut state: MutexGuard<'_, State<J>>,
    ) -> VecDeque<J> {
        self.ready.store(0, Ordering::Relaxed);
        let mut all = std::mem::take(&mut *fetched);
        all.append(&mut state.line);
        all
    }

    /// A thread that was counted could not be started. Gives the line, when no other thread will ever take it.
    pub(crate) fn not_started(&self) -> VecDeque<J> {
        let (fetched, mut state) = self.lock_both();
        state.threads -= 1;
        if state.threads == 0 { self.drain(fetched, state) } else { VecDeque::new() }
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
        let (fetched, state) = self.lock_both();
        self.drain(fetched, state)
    }

    /// Takes no more jobs, returns those in line, and sends idle threads home.
    pub(crate) fn close(&self) -> VecDeque<J> {
        let (fetched, mut state) = self.lock_both();
        state.closed = true;
        let left = self.drain(fetched, state);
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

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_gives_up_still_takes_the_wake_assigned_to_it() {
        let line = Line::new(1);
        assert_eq!(line.submit(1).0, Submitted::Start);
        assert_eq!(line.next(&Taker::new(), |_, _| unreachable!("there is a job")), Some(1));
        let mut rounds = 0;
        let job = line.next(&Taker::new(), |_, state| {
            rounds += 1;
            drop(state);
            // While the thread waits, a job comes; and then the wait runs out all the same.
            assert_eq!(line.submit(2).0, Submitted::Done);
            (line.state.lock(), true)
        });
        assert_eq!((job, rounds), (Some(2), 1));
        assert_eq!(line.next(&Taker::new(), |_, state| (state, true)), None);
        assert_eq!(line.threads(), 0);
        assert_eq!(line.submit(3).0, Submitted::Start);
    }

    #[test]
    fn a_thread_that_waited_awake_in_vain_waits_for_a_notification() {
        let line = Line::new(1);
        assert_eq!(line.submit(1).0, Submitted::Start);
        let taker = Taker::new();
        taker.waits.slept(Some(Duration::ZERO));
        assert_eq!(line.next(&taker, |_, _| unreachable!("there is a job")), Some(1));
        let mut rounds = 0;
        let job = line.next(&taker, |_, state| {
            rounds += 1;
            assert_eq!((state.idle, state.awake), (1, 0), "it is asleep now, and needs a notification");
            drop(state);
            assert_eq!(line.submit(2).0, Submitted::Done);
            (line.state.lock(), false)
        });
        assert_eq!((job, rounds), (Some(2), 1));
        assert!(!taker.waits.may_wait(), "it was in vain, so not before the next sleep");
    }

    #[test]
    fn a_closed_line_hands_jobs_back() {
        let line = Line::new(1);
        let _ = line.submit(1);
        let _ = line.submit(2);
        assert_eq!(line.close(), [1, 2]);
        assert_eq!(line.submit(3), (Submitted::Closed, Some(3)));
    }

    #[test]
    fn what_was_fetched_is_still_in_line() {
        let line = Line::new(1);
        for job in 1..=3 {
            let _ = line.submit(job);
        }
        assert_eq!(line.next(&Taker::new(), |_, _| unreachable!("there is a job")), Some(1));
        assert_eq!((line.counts().waiting, line.ready()), (2, 2));
        let _ = line.submit(4);
        assert_eq!(line.take_all(), [2, 3, 4]);
        assert_eq!((line.counts().waiting, line.ready()), (0, 0));
    }

    #[test]
    fn only_who_fetches_again_and_again_leaves_the_line_alone() {
        let taker = Taker::new();
        for _ in 0..3 {
            taker.fetches();
            assert!(matches!(taker.fetched.get(), Fetched::Once), "one job at a time: no look at a clock");
            taker.came_to_the_end();
        }
        taker.fetches();
        taker.fetches();
        let Fetched::At(at) = taker.fetched.get() else { panic!("{taker:?}") };
        taker.pause();
        assert!(at.elapsed() >= PAUSE && !taker.has_just_fetched());
    }
}
