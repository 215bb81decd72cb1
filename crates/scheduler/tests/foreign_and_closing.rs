#![cfg(not(heist_loom))]
#![allow(clippy::async_yields_async)] // a task is handed out of a task on purpose
//! What foreign threads do to tasks of a current-thread loop, and what a close that has no time leaves behind.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::ThreadId;
use std::time::Duration;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, LocalScheduler, Scheduler, spawn, spawn_local, yield_now};

fn local() -> LocalScheduler {
    LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver))
}

/// Notes on which thread it was dropped.
struct DropThread(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for DropThread {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(std::thread::current().id());
    }
}

#[test]
fn main_of_a_current_thread_loop_takes_its_turn_among_busy_tasks() {
    let turns = local().block_on(async {
        let stop = Rc::new(Cell::new(false));
        let turns = Rc::new(Cell::new(0));
        let (stopped, counted) = (stop.clone(), turns.clone());
        let busy = spawn_local(async move {
            while !stopped.get() && counted.get() < 10_000 {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        spawn_local(yield_now()).await.unwrap();
        stop.set(true);
        busy.await.unwrap();
        turns.get()
    });
    assert!(turns.unwrap() < 10, "woken by another task, main waited until the queue was empty");
}

#[test]
fn a_reference_that_a_foreign_thread_made_may_be_dropped_by_the_owner() {
    let scheduler = local();
    let dropped = Arc::new(AtomicUsize::new(0));
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Count(dropped.clone());
    let done = scheduler.block_on(async {
        let left: Rc<Cell<Option<Waker>>> = Rc::default();
        let (leave, polls) = (left.clone(), Rc::new(Cell::new(0)));
        let polled = polls.clone();
        drop(spawn_local(poll_fn(move |cx| {
            let _count = &count;
            polled.set(polled.get() + 1);
            leave.set(Some(cx.waker().clone()));
            if polled.get() < 2 { Poll::Pending } else { Poll::Ready(()) }
        })));
        yield_now().await;
        let waker = left.take().unwrap();
        // The task counts the registry's reference and this waker. A thread makes three more and hands them over.
        let (waker, clones) = std::thread::spawn(move || {
            let clones = [waker.clone(), waker.clone(), waker.clone()];
            (waker, clones)
        })
        .join()
        .unwrap();
        drop(clones);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        std::thread::spawn(move || waker.wake()).join().unwrap();
        while polls.get() < 2 {
            yield_now().await;
        }
        dropped.load(Ordering::Relaxed)
    });
    assert_eq!(done.unwrap(), 1);
}

#[test]
fn closing_a_current_thread_loop_without_time_drops_its_futures_on_its_thread() {
    let scheduler = local();
    let drops = Arc::new(Mutex::new(Vec::new()));
    let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
    let (leave, guard) = (waker.clone(), DropThread(drops.clone()));
    let task = scheduler
        .spawn_local(async move {
            let _guard = guard;
            let _not_send = Rc::new(());
            poll_fn(|cx| {
                *leave.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        })
        .unwrap();
    scheduler.block_on(yield_now()).unwrap();
    scheduler.close(Duration::ZERO, Duration::ZERO).unwrap();
    assert!(task.done());
    let waker = waker.lock().unwrap().take().unwrap();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(*drops.lock().unwrap(), [std::thread::current().id()]);
}

#[test]
fn closing_without_time_ends_idle_tasks_and_those_that_await_them() {
    let scheduler = Scheduler::new(Config::new(2), Clock::real(), Arc::new(NoDriver));
    let drops = Arc::new(Mutex::new(Vec::new()));
    let made = drops.clone();
    let last = scheduler
        .block_on(async move {
            let guard = DropThread(made.clone());
            let mut last = spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            for _ in 0..10_000 {
                let guard = DropThread(made.clone());
                last = spawn(async move {
                    let _guard = guard;
                    let _ = last.await;
                });
            }
            yield_now().await;
            last
        })
        .unwrap();
    let report = scheduler.close(Duration::ZERO, Duration::ZERO).unwrap();
    drop(report);
    assert!(last.done());
    drop(scheduler);
    assert_eq!(drops.lock().unwrap().len(), 10_001);
}
