//! `stop`, and a callback for later, from another thread, while worker 0 is about to sleep; and two that fire at a time.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

use std::sync::Arc;
use std::time::Duration;

use heist_core::clock::NEVER;
use heist_core::sync::Mutex;

use super::{Loop, check, side};
use crate::scheduler::Handle;
use crate::timed::Timed;

/// The watchdog has asked for a look already. loom finds a stop that is lost as a deadlock: the worker sleeps on.
#[test]
fn stop_and_worker_about_to_sleep() {
    check("stop_and_worker_about_to_sleep", None, || {
        let loop_ = Loop::new(false);
        loop_.shared.slot(0).ask_to_look();
        let shared = loop_.shared.clone();
        let stopper = side(move || shared.ask_to_stop());
        loop_.enter(|worker| {
            loop {
                if worker.slot().is_asked_to_look() {
                    worker.takes_interrupt();
                    if worker.takes_stop() {
                        break;
                    }
                }
                worker.slot().parker.park(None);
            }
        });
        stopper.join().unwrap();
        loop_.close();
    });
}

/// Two threads stop it, and one stop is enough; a late one is taken back.
#[test]
fn two_stops_and_worker_about_to_sleep() {
    check("two_stops_and_worker_about_to_sleep", Some(2), || {
        let loop_ = Loop::new(false);
        let stoppers: Vec<_> = (0..2)
            .map(|_| {
                let shared = loop_.shared.clone();
                side(move || shared.ask_to_stop())
            })
            .collect();
        loop_.enter(|worker| {
            while !(worker.slot().is_asked_to_look() && {
                worker.takes_interrupt();
                worker.takes_stop()
            }) {
                worker.slot().parker.park(None);
            }
        });
        stoppers.into_iter().for_each(|stopper| stopper.join().unwrap());
        loop_.close();
    });
}

/// T1 and T2 against W1 and W2. A worker that saw no deadline sleeps without limit: loom finds a lost one as a deadlock.
#[test]
fn call_later_and_worker_about_to_sleep() {
    check("call_later_and_worker_about_to_sleep", None, || {
        let loop_ = Loop::new(false);
        let handle = Handle::of(&loop_.shared);
        let caller = side(move || {
            let when = Duration::from_nanos(3);
            handle.call_at(when, || {}).map(drop).unwrap();
        });
        loop_.enter(|worker| {
            while loop_.shared.callbacks.timed.next() != 3 {
                worker.slot().parker.park(None);
            }
        });
        caller.join().unwrap();
        loop_.close();
    });
}

/// Worker 0 and the watchdog fire at a time: what is due earlier comes into line earlier, each once.
#[test]
fn fire_and_fire() {
    check("fire_and_fire", None, || {
        let timed = Arc::new(Timed::new());
        for when in [1, 2] {
            timed.put(when, when).unwrap();
        }
        let line = Arc::new(Mutex::new(Vec::new()));
        let (its, their_line) = (timed.clone(), line.clone());
        let other = side(move || its.fire(2, |job| their_line.lock().push(job)));
        timed.fire(1, |job| line.lock().push(job));
        other.join().unwrap();
        assert_eq!(*line.lock(), [1, 2]);
    });
}

/// What is due when it comes is taken by the fire that is under way, or asks for another.
#[test]
fn put_what_is_due_and_fire() {
    check("put_what_is_due_and_fire", None, || {
        let timed = Arc::new(Timed::new());
        let its = timed.clone();
        let other = side(move || {
            its.put(1, 'a').unwrap();
            its.ask();
        });
        let mut called = 0;
        timed.fire(1, |_| called += 1);
        other.join().unwrap();
        assert!(called == 1 || timed.is_asked());
    });
}

/// A cancel takes it out, or it is called, and never both.
#[test]
fn remove_and_fire() {
    check("remove_and_fire", None, || {
        let timed = Arc::new(Timed::new());
        let (due, _) = timed.put(1, 'a').unwrap();
        let its = timed.clone();
        let other = side(move || its.remove(due).is_some());
        let mut called = 0;
        timed.fire(1, |_| called += 1);
        assert_eq!(called + usize::from(other.join().unwrap()), 1);
        assert_eq!(timed.next(), NEVER);
    });
}
