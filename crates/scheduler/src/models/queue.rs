//! The run queue: each task comes out once, whether it lies in the ring or is over, in order for the owner and within each steal;
//! and a sleeper misses none that its owner pushed.
//!
//! In a model the ring has two slots, so the third task that is queued is over, and slots are filled again at once. What is over
//! lies in the double of crossbeam's deque.

use std::sync::Arc;

use super::{Loop, check, side};
use crate::queue::{Local, Steal, Stealer};
use crate::task::{Raw, Task};

fn tasks(loop_: &Loop, count: usize) -> Vec<Task<()>> {
    let spawn =
        |_| loop_.enter(|worker| worker.spawn(std::future::pending(), std::panic::Location::caller()));
    // Each out of the worker's own queue: here they are only something to pass around.
    (0..count).map(spawn).inspect(|_| loop_.drain()).collect()
}

/// What a thief gets in each of so many attempts, in the order in which it would run it.
fn steal(stealer: &Stealer, attempts: usize) -> Vec<Vec<Raw>> {
    let (own, _) = Local::new();
    let attempt = || {
        let first = match stealer.steal_into(&own) {
            Steal::Task(task) => Some(task),
            Steal::Empty | Steal::Retry => None,
        };
        first.into_iter().chain(std::iter::from_fn(|| own.pop())).collect()
    };
    (0..attempts).map(|_| attempt()).collect()
}

/// `owner` has the queue, into which it is to put all tasks but the first `before`, which are there already; it returns what it has
/// taken. Meanwhile thieves steal, each in so many `attempts`.
fn out_once<F>(
    name: &str,
    bound: Option<usize>,
    count: usize,
    before: usize,
    thieves: &'static [usize],
    owner: F,
) where
    F: Fn(&Local, &[Raw]) -> Vec<Raw> + Send + Sync + 'static,
{
    check(name, bound, move || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, count);
        let all: Vec<_> = tasks.iter().map(Task::raw).collect();
        let (local, stealer) = Local::new();
        all[..before].iter().for_each(|&task| local.push(task));
        let thieves: Vec<_> = thieves
            .iter()
            .map(|&attempts| {
                let stealer = stealer.clone();
                side(move || steal(&stealer, attempts))
            })
            .collect();
        let mut mine = owner(&local, &all[before..]);
        let mut got: Vec<_> = thieves.into_iter().flat_map(|thief| thief.join().unwrap()).collect();
        mine.extend(std::iter::from_fn(|| local.pop()));
        got.push(mine);
        assert!(stealer.is_empty() && local.is_empty());
        assert_once_and_in_order(&got, &all);
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

fn assert_once_and_in_order(got: &[Vec<Raw>], all: &[Raw]) {
    for some in got {
        let place = |task: &Raw| all.iter().position(|other| other == task);
        assert!(some.is_sorted_by_key(place), "out of order");
    }
    let got: Vec<_> = got.iter().flatten().collect();
    assert!(got.len() == all.len() && all.iter().all(|task| got.contains(&task)), "each comes out once");
}

/// The owner pushes, pops and pushes, so that slots are filled again while the thief reads them.
#[test]
fn push_and_steal() {
    out_once("push_and_steal", None, 3, 1, &[2], |local, rest| {
        local.push(rest[0]);
        let first = local.pop();
        local.push(rest[1]);
        first.into_iter().collect()
    });
}

/// One task, and two who want it.
#[test]
fn pop_and_steal_of_the_last() {
    out_once("pop_and_steal_of_the_last", None, 1, 1, &[1], |local, _| local.pop().into_iter().collect());
}

/// The owner pops what it has just pushed: a thief that sees the front must see the back that was before it.
#[test]
fn pops_and_steal() {
    out_once("pops_and_steal", None, 2, 0, &[2], |local, rest| {
        rest.iter()
            .filter_map(|&task| {
                local.push(task);
                local.pop()
            })
            .collect()
    });
}

#[test]
fn steal_and_steal() {
    out_once("steal_and_steal", Some(2), 3, 1, &[1, 1], |local, rest| {
        local.push(rest[0]);
        let first = local.pop();
        local.push(rest[1]);
        first.into_iter().collect()
    });
}

/// The ring is full: what is pushed goes behind, also when the thief has made room.
#[test]
fn spill_and_steal() {
    out_once("spill_and_steal", None, 4, 2, &[2], |local, rest| {
        rest.iter().for_each(|&task| local.push(task));
        Vec::new()
    });
}

/// The ring runs dry, and what is over, more than the ring has room for, is taken one by one.
#[test]
fn pops_of_what_is_over_and_steal() {
    out_once("pops_of_what_is_over_and_steal", None, 6, 6, &[1], |local, _| {
        std::iter::from_fn(|| local.pop()).take(4).collect()
    });
}

/// The ring runs dry, and the rest of what is over moves into it.
#[test]
fn refill_and_steal() {
    out_once("refill_and_steal", None, 4, 4, &[1], |local, _| {
        std::iter::from_fn(|| local.pop()).take(3).collect()
    });
}

/// ... and is pushed behind what has moved, and taken.
#[test]
fn end_of_a_spill_and_steal() {
    out_once("end_of_a_spill_and_steal", None, 4, 3, &[1], |local, rest| {
        let mut mine: Vec<_> = std::iter::from_fn(|| local.pop()).take(3).collect();
        local.push(rest[0]);
        mine.extend(local.pop());
        mine
    });
}

/// A thief's own queue, into which it has stolen, is stolen from.
#[test]
fn steal_of_what_was_stolen() {
    check("steal_of_what_was_stolen", Some(2), || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, 2);
        let all: Vec<_> = tasks.iter().map(Task::raw).collect();
        let (local, stealer) = Local::new();
        all.iter().for_each(|&task| local.push(task));
        let (second, seconds) = Local::new();
        let first_thief = side(move || {
            let mut got = Vec::new();
            if let Steal::Task(task) = stealer.steal_into(&second) {
                got.push(task);
            }
            got.extend(std::iter::from_fn(|| second.pop()));
            got
        });
        let second_thief = side(move || steal(&seconds, 1));
        let mine: Vec<_> = local.pop().into_iter().collect();
        let left = std::iter::from_fn(|| local.pop());
        let mut got = second_thief.join().unwrap();
        got.extend([first_thief.join().unwrap(), mine.into_iter().chain(left).collect()]);
        assert_once_and_in_order(&got, &all);
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

/// The queue as the publisher's: what a sleeper does not see after its fence, the publisher's fence answers for. `before` tasks
/// have gone through it, so that the push is the first into the ring, or one that is over.
fn sleepers_look(name: &str, before: usize) {
    check(name, None, move || {
        let loop_ = Loop::new(false);
        let tasks = tasks(&loop_, before + 1);
        let (local, stealer) = Local::new();
        tasks[..before].iter().for_each(|task| local.push(task.raw()));
        // The ring is emptied by others, who do not end the spill.
        steal(&stealer, before);
        let idle = Arc::new(crate::idle::Idle::new(1, 1));
        assert!(idle.start_searching());
        let its = idle.clone();
        let sleeper = side(move || {
            its.prepare_to_sleep(0, true);
            stealer.is_empty()
        });
        local.push(tasks[before].raw());
        let woken = idle.notify(|_| true).is_some();
        let sleeps = sleeper.join().unwrap();
        assert!(woken || !sleeps, "a worker sleeps beside a task that nobody told it of");
        assert!(local.pop().is_some());
        loop_.enter(|_| drop(tasks));
        loop_.close();
    });
}

#[test]
fn push_and_sleepers_look() {
    sleepers_look("push_and_sleepers_look", 0);
}

#[test]
fn spill_and_sleepers_look() {
    sleepers_look("spill_and_sleepers_look", 3);
}
