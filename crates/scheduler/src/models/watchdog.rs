//! The watchdog: it does not sleep over a worker that is awake, and takes from the LIFO slot what its worker left there.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

use std::sync::Arc;

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::cell::UnsafeCell;

use super::{Loop, check, side};
use crate::idle::Idle;
use crate::queue::{Local, Steal};
use crate::shared::{Shared, task_at};
use crate::watchdog::Watchdog;
use crate::worker::Next;

/// A worker takes its idle bit back and stays awake; the watchdog, about to sleep, must see it or be called. loom finds
/// a watchdog that sleeps on as a deadlock.
#[test]
fn watchdog_asleep_and_worker_awake() {
    check("watchdog_asleep_and_worker_awake", None, || {
        let both = Arc::new((Watchdog::new(), Idle::new(1, 1)));
        both.1.prepare_to_sleep(0, false);
        let worker = both.clone();
        let other = side(move || {
            assert!(worker.1.stop_sleeping(0));
            worker.0.worker_awake();
        });
        both.0.rest(|| both.1.is_idle(0));
        both.0.sleep();
        assert!(!both.1.is_idle(0), "the watchdog woke for nothing");
        other.join().unwrap();
    });
}

/// The same for a worker that somebody else chose: the bit went before, and what is seen is that it is active.
#[test]
fn watchdog_asleep_and_worker_begins() {
    check("watchdog_asleep_and_worker_begins", None, || {
        let both = Arc::new((Watchdog::new(), AtomicBool::new(false)));
        let worker = both.clone();
        let other = side(move || {
            worker.1.store(true, Ordering::Release);
            worker.0.worker_awake();
        });
        both.0.rest(|| !both.1.load(Ordering::Acquire));
        both.0.sleep();
        assert!(both.1.load(Ordering::Acquire), "the watchdog woke for nothing");
        other.join().unwrap();
    });
}

/// What the watchdog takes from a worker that it found stuck, and a helper's steal if it `helps`: all of it is injected.
fn rescue(shared: &Shared, helps: bool) {
    if let Some(task) = task_at(shared.slot(0).lifo.swap(std::ptr::null_mut(), Ordering::AcqRel)) {
        shared.inject_quietly(task);
    }
    if helps {
        let (helper, _) = Local::new();
        if let Steal::Task(task) = shared.slot(0).stealer.steal_into(&helper) {
            shared.inject_quietly(task);
        }
        assert!(helper.is_empty(), "one task was queued, and the other in the slot");
    }
}

/// The owner wakes two tasks, the second of which pushes the first out of its LIFO slot into its queue, and takes what is there; it is
/// rescued meanwhile. Each task comes out once.
fn wakes_and_rescue(name: &str, helps: bool) {
    check(name, None, move || {
        let loop_ = Loop::new(false);
        let polled: Arc<[UnsafeCell<u32>; 2]> = Arc::new(std::array::from_fn(|_| UnsafeCell::new(0)));
        let wakers: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
        let tasks: Vec<_> = (0..2)
            .map(|index| {
                let (polled, wakers) = (polled.clone(), wakers.clone());
                let future = std::future::poll_fn(move |cx| {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    let polls = polled[index].with_mut(|polls| {
                        // SAFETY: one side polls at a time; loom checks it.
                        let polls = unsafe { &mut *polls };
                        *polls += 1;
                        *polls
                    });
                    if polls < 2 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
                });
                loop_.enter(|worker| worker.spawn(future, std::panic::Location::caller()))
            })
            .collect();
        loop_.drain();
        let wakers = std::mem::take(&mut *wakers.lock().unwrap());

        let shared = loop_.shared.clone();
        let watchdog = side(move || rescue(&shared, helps));
        loop_.enter(|worker| {
            for waker in wakers {
                waker.wake();
            }
            if let Some(Next::Task(task)) = worker.next() {
                worker.poll(task);
            }
        });
        watchdog.join().unwrap();
        loop_.drain();
        for (task, polls) in tasks.iter().zip(polled.iter()) {
            assert!(task.done(), "a task was lost");
            // SAFETY: nobody polls any more; loom checks it.
            assert_eq!(polls.with(|polls| unsafe { *polls }), 2, "a task came out twice");
        }
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

#[test]
fn lifo_put_take_and_watchdog_take() {
    wakes_and_rescue("lifo_put_take_and_watchdog_take", false);
}

#[test]
fn wakes_and_helpers_steal() {
    wakes_and_rescue("wakes_and_helpers_steal", true);
}
