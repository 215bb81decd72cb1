//! The double of the deque: as the real one, it gives each task out once. (That it is no stronger shows in the models of
//! sleep and wake, which fail without their fences.)

use std::sync::Arc;

use super::{Loop, check, side};
use crate::queue::{Local, Steal};
use crate::task::{Raw, Task};

fn tasks(loop_: &Loop, count: usize) -> Vec<Task<()>> {
    let tasks = loop_.enter(|worker| {
        (0..count).map(|_| worker.spawn(std::future::pending(), std::panic::Location::caller())).collect()
    });
    // Out of the worker's own queue: here they are only something to pass around.
    loop_.drain();
    tasks
}

fn raws(tasks: &[Task<()>]) -> Vec<Raw> {
    tasks.iter().map(Task::raw).collect()
}

fn steal(stealer: &crate::queue::Stealer) -> Vec<Raw> {
    let (own, _) = Local::new();
    let mut got = Vec::new();
    for _ in 0..2 {
        match stealer.steal_into(&own) {
            Steal::Task(task) => got.push(task),
            Steal::Empty => break,
            Steal::Retry => {}
        }
    }
    got
}

fn out_once(name: &str, bound: Option<usize>, thieves: usize) {
    check(name, bound, move || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 3);
        let all = raws(&tasks);
        let (local, stealer) = Local::new();
        local.push(all[0]);
        let got = Arc::new(std::sync::Mutex::new(Vec::new()));
        let thieves: Vec<_> = (0..thieves)
            .map(|_| {
                let (stealer, got) = (stealer.clone(), got.clone());
                side(move || {
                    let stolen = steal(&stealer);
                    got.lock().unwrap().extend(stolen);
                })
            })
            .collect();
        local.push(all[1]);
        let mut mine: Vec<_> = local.pop().into_iter().collect();
        local.push(all[2]);
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        mine.extend(std::iter::from_fn(|| local.pop()));
        mine.extend(got.lock().unwrap().drain(..));
        for task in &all {
            assert_eq!(mine.iter().filter(|got| *got == task).count(), 1, "each task comes out once");
        }
        assert!(stealer.is_empty());
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

#[test]
fn owner_and_thief() {
    out_once("owner_and_thief", None, 1);
}

#[test]
fn owner_and_two_thieves() {
    out_once("owner_and_two_thieves", Some(2), 2);
}

/// The deque as the publisher's queue: what a sleeper does not see after its fence, the publisher's fence answers for.
#[test]
fn push_and_sleepers_look() {
    check("push_and_sleepers_look", None, || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 1);
        let (local, stealer) = Local::new();
        let idle = Arc::new(crate::idle::Idle::new(1, 1));
        assert!(idle.start_searching());
        let its = idle.clone();
        let sleeper = side(move || {
            its.prepare_to_sleep(0, true);
            stealer.is_empty()
        });
        local.push(raws(&tasks)[0]);
        let woken = idle.notify(|_| true).is_some();
        let sleeps = sleeper.join().unwrap();
        assert!(woken || !sleeps, "a worker sleeps beside a task that nobody told it of");
        assert!(local.pop().is_some());
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}
