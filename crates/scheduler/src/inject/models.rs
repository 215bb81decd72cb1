//! The injector: each task comes out once, in order, with all that its creator did; and a sleeper's look, which passes through
//! the entrance, against a push, which has no fence.

use std::sync::Arc;

use super::Injector;
use crate::heap::Heap;
use crate::idle::Idle;
use crate::models::{Loop, check, side};
use crate::task::{Raw, Task};

/// Tasks to be passed around: out of their loop's own queue, and never polled again.
fn tasks(loop_: &Loop, count: usize) -> Vec<Task<()>> {
    let spawn =
        |_| loop_.enter(|worker| worker.spawn(std::future::pending(), std::panic::Location::caller()));
    let tasks = (0..count).map(spawn).collect();
    loop_.drain();
    tasks
}

fn raws(tasks: &[Task<()>]) -> Vec<Raw> {
    tasks.iter().map(Task::raw).collect()
}

fn injector() -> Arc<Injector> {
    Arc::new(Injector::new(Heap::new(0)))
}

/// Three tasks are put in, which in a model is one more than a block has room for, while `takers` take.
fn out_once(name: &str, bound: Option<usize>, takers: usize) {
    check(name, bound, move || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 3);
        let all = raws(&tasks);
        let injector = injector();
        let takers: Vec<_> = (0..takers)
            .map(|_| {
                let injector = injector.clone();
                side(move || injector.take(2, false).chain(injector.take(2, true)).collect::<Vec<_>>())
            })
            .collect();
        for &task in &all {
            assert!(injector.enter().push(task));
        }
        let mut got: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        got.push(injector.take(super::BATCH, true).collect());
        for some in &got {
            let order = |task: &Raw| all.iter().position(|other| other == task);
            assert!(some.is_sorted_by_key(order), "out of order");
        }
        let got: Vec<_> = got.into_iter().flatten().collect();
        assert!(got.len() == all.len() && all.iter().all(|task| got.contains(task)), "each comes out once");
        assert_eq!(injector.len(), 0);
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

#[test]
fn inject_and_take() {
    out_once("inject_and_take", None, 1);
}

#[test]
fn inject_and_two_takers() {
    out_once("inject_and_two_takers", Some(2), 2);
}

/// What a sleeper's look does not see, its publisher answers for, without a fence.
#[test]
fn inject_and_look() {
    check("inject_and_look", None, || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 1);
        let (injector, idle) = (injector(), Arc::new(Idle::new(1, 1)));
        assert!(idle.start_searching());
        let (its_injector, its_idle) = (injector.clone(), idle.clone());
        let sleeper = side(move || {
            its_idle.prepare_to_sleep(0, true);
            !its_injector.may_have_any()
        });
        assert!(injector.enter().push(tasks[0].raw()));
        let woken = idle.notify_behind_lock(|_| true).is_some();
        let sleeps = sleeper.join().unwrap();
        assert!(woken || !sleeps, "a worker sleeps beside a task that nobody told it of");
        assert!(injector.take(1, true).next().is_some());
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

/// A push is left to a searcher, which finds other work and stops searching: it looks by the entrance, too.
#[test]
fn inject_and_last_searcher() {
    check("inject_and_last_searcher", None, || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 1);
        let (injector, idle) = (injector(), Arc::new(Idle::new(2, 2)));
        assert!(idle.start_searching());
        // The other worker sleeps.
        idle.prepare_to_sleep(1, false);
        let (its_injector, its_idle) = (injector.clone(), idle.clone());
        let searcher = side(move || {
            if its_idle.stop_searching() && its_injector.may_have_any() {
                its_idle.notify(|_| true);
            }
        });
        assert!(injector.enter().push(tasks[0].raw()));
        idle.notify_behind_lock(|_| true);
        searcher.join().unwrap();
        assert!(!idle.is_idle(1), "the push was left to nobody");
        assert!(injector.take(1, true).next().is_some());
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}
