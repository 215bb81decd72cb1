//! The blocking pool's line: a job that counts on an idle thread which is just giving up.

use std::sync::Arc;
use std::time::Duration;

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Condvar, Mutex};

use super::{check, side};
use crate::line::{Line, Submitted, Taker};

/// The life of a pool thread whose wait runs out at once: loom has no time, so the limit passes whenever the scheduler of
/// the model lets the thread go on. Returns when the line sends it home.
fn impatient(line: &Line<u32>, done: &AtomicUsize) {
    while let Some(job) = line.next(&Taker::new(), |_, state| (line.wait_in_vain(state), true)) {
        done.fetch_add(job as usize, Ordering::Relaxed);
    }
}

/// One thread is idle and gives up while a job comes: it takes the job, or the job's submitter starts a thread.
#[test]
fn submit_and_idle_exit() {
    check("submit_and_idle_exit", None, || {
        let line = Arc::new(Line::new(1));
        let done = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, count) = (line.clone(), done.clone());
        let thread = side(move || impatient(&its, &count));
        if line.submit(1).0 == Submitted::Start {
            impatient(&line, &done);
        }
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 2, "a job was lost");
        assert_eq!(line.threads(), 0, "a thread was miscounted");
    });
}

#[test]
fn two_submits_and_idle_exit() {
    check("two_submits_and_idle_exit", Some(2), || {
        let line = Arc::new(Line::new(2));
        let done = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, count) = (line.clone(), done.clone());
        let thread = side(move || impatient(&its, &count));
        let (its, count) = (line.clone(), done.clone());
        let second = side(move || {
            if its.submit(1).0 == Submitted::Start {
                impatient(&its, &count);
            }
        });
        if line.submit(1).0 == Submitted::Start {
            impatient(&line, &done);
        }
        thread.join().unwrap();
        second.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 3, "a job was lost");
        assert_eq!(line.threads(), 0, "a thread was miscounted");
    });
}

/// A patient thread waits for a job on the condition variable; loom finds a lost notification as a deadlock.
#[test]
fn submit_and_close_and_idle_thread() {
    check("submit_and_close_and_idle_thread", None, || {
        let line = Arc::new(Line::new(1));
        let done = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, count) = (line.clone(), done.clone());
        let thread = side(move || {
            while let Some(job) = its.next(&Taker::new(), |changed, state| (changed.wait(state), false)) {
                count.fetch_add(job as usize, Ordering::Relaxed);
            }
        });
        assert_eq!(line.submit(1).0, Submitted::Done);
        let left: usize = line.close().into_iter().map(|job| job as usize).sum();
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed) + left, 2, "a job was neither run nor handed back");
        assert_eq!(line.submit(1).0, Submitted::Closed);
    });
}

/// An orderly shutdown beside a submission: what was taken is run, by a thread that was there or that the submitter starts.
#[test]
fn submit_and_finish() {
    check("submit_and_finish", None, || {
        let line = Arc::new(Line::new(1));
        let done = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, count) = (line.clone(), done.clone());
        let thread = side(move || {
            while let Some(job) = its.next(&Taker::new(), |changed, state| (changed.wait(state), false)) {
                count.fetch_add(job as usize, Ordering::Relaxed);
            }
            its.left();
        });
        let taken = line.submit(1).0 == Submitted::Done;
        line.finish();
        assert_eq!(line.submit(1).0, Submitted::Closed);
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1 + usize::from(taken), "a job that was taken was not run");
        assert_eq!(line.wait_for(Duration::ZERO, 0), 0, "a thread was miscounted");
    });
}

/// Jobs are run by the thread that the line gave them to, one after the other, each seen once.
#[test]
fn hand_over_orders_what_came_before() {
    check("hand_over_orders_what_came_before", None, || {
        let line = Arc::new(Line::new(1));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, log, read) = (line.clone(), seen.clone(), written.clone());
        let thread = side(move || {
            while let Some(job) = its.next(&Taker::new(), |_, state| (its.wait_in_vain(state), true)) {
                log.lock().push((job, read.load(Ordering::Relaxed)));
            }
        });
        written.store(7, Ordering::Relaxed);
        let start = line.submit(2).0 == Submitted::Start;
        thread.join().unwrap();
        if start {
            let job = line.next(&Taker::new(), |_, state| (state, true)).expect("it was not taken");
            seen.lock().push((job, written.load(Ordering::Relaxed)));
        }
        let seen = seen.lock();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], (2, 7), "the job was run without what its submitter had written");
    });
}

/// The life of a pool thread that waits awake before it waits to be notified.
fn wakeful(line: &Line<u32>, done: &AtomicUsize) {
    let taker = Taker::new();
    taker.waits.slept(Some(Duration::ZERO));
    while let Some(job) = line.next(&taker, |changed, state| (changed.wait(state), false)) {
        done.fetch_add(job as usize, Ordering::Relaxed);
    }
}

/// Two jobs, one of them left without a notification to the thread that waits awake, which finds that its wait was in vain.
#[test]
fn submit_and_wait_awake() {
    check("submit_and_wait_awake", None, || {
        let line = Arc::new(Line::new(1));
        let done = Arc::new(AtomicUsize::new(0));
        assert_eq!(line.submit(1).0, Submitted::Start);
        let (its, count) = (line.clone(), done.clone());
        let thread = side(move || wakeful(&its, &count));
        assert_eq!(line.submit(1).0, Submitted::Done);
        line.finish();
        thread.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 2, "a job was lost");
        assert_eq!(line.counts().idle, 0, "a thread was miscounted");
        assert_eq!(line.assigned(), 0, "a wake is left that nobody takes");
    });
}

/// One thread fetches three jobs while another looks for one; the second job waits for the third, so that other thread must not go to
/// wait. loom finds it as a deadlock.
#[test]
fn fetch_and_other_thread() {
    check("fetch_and_other_thread", None, || {
        let line = Arc::new(Line::new(2));
        let third = Arc::new((Mutex::new(false), Condvar::new()));
        let life = |line: &Line<u32>, third: &(Mutex<bool>, Condvar)| {
            while let Some(job) = line.next(&Taker::new(), |changed, state| (changed.wait(state), false)) {
                match job {
                    2 => {
                        let mut done = third.0.lock();
                        while !*done {
                            done = third.1.wait(done);
                        }
                    }
                    3 => {
                        *third.0.lock() = true;
                        third.1.notify_one();
                    }
                    _ => {}
                }
            }
            line.left();
        };
        assert_eq!(
            [1, 2, 3].map(|job| line.submit(job).0),
            [Submitted::Start, Submitted::Start, Submitted::Done]
        );
        line.finish();
        let (its, of_all) = (line.clone(), third.clone());
        let thread = side(move || life(&its, &of_all));
        life(&line, &third);
        thread.join().unwrap();
        assert!(*third.0.lock(), "a job was lost");
        assert_eq!(line.threads(), 0, "a thread was miscounted");
    });
}
