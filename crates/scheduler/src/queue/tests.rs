//! The queue with its real parts: nothing here looks into a task, so numbers stand for them.

use std::collections::VecDeque;
use std::ptr::{NonNull, without_provenance_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{CAPACITY, Local, STEAL_LIMIT, Steal};
use crate::task::Raw;

fn task(number: usize) -> Raw {
    Raw(NonNull::new(without_provenance_mut(number + 1)).unwrap())
}

fn number(task: Raw) -> usize {
    task.0.addr().get() - 1
}

fn pop(queue: &Local) -> Option<usize> {
    queue.pop().map(number)
}

#[test]
fn it_is_first_in_first_out_whatever_is_over() {
    let (queue, stealer) = Local::new();
    let mut expected = VecDeque::new();
    let mut next = 0;
    // Grows far beyond the ring, shrinks, ends the spill now and then, and begins anew.
    for round in 0..2_000 {
        for _ in 0..[3, 90, 1, 400][round / 25 % 4] {
            queue.push(task(next));
            expected.push_back(next);
            next += 1;
        }
        for _ in 0..[50, 60, 170, 70][round / 25 % 4] {
            let back = queue.back();
            assert_eq!(back.has_room() && back.is_front(), expected.is_empty());
            assert_eq!(pop(&queue), expected.pop_front());
        }
        assert_eq!((queue.len(), stealer.len()), (expected.len(), expected.len()));
    }
    while let Some(number) = expected.pop_front() {
        assert_eq!(pop(&queue), Some(number));
    }
    assert!(queue.is_empty() && stealer.is_empty() && pop(&queue).is_none());
}

#[test]
fn a_thief_takes_half_and_what_is_over_last() {
    let (queue, stealer) = Local::new();
    let all = CAPACITY + 10;
    (0..all).for_each(|number| queue.push(task(number)));
    let (thief, _) = Local::new();
    let mut stolen = Vec::new();
    while let Steal::Task(first) = stealer.steal_into(&thief) {
        let before = stolen.len();
        stolen.push(number(first));
        stolen.extend(std::iter::from_fn(|| pop(&thief)));
        let got = stolen.len() - before;
        assert!((1..=STEAL_LIMIT).contains(&got) && got <= (all - before).div_ceil(2));
    }
    assert!(stolen.into_iter().eq(0..all));
    // The queue has spilled, though nothing is left of that.
    queue.push(task(7));
    assert_eq!((stealer.len(), pop(&queue), pop(&queue)), (1, Some(7), None));
}

#[test]
fn each_task_comes_out_once_among_an_owner_and_thieves() {
    const TASKS: usize = if cfg!(miri) { 2_000 } else { 200_000 };
    let (queue, stealer) = Local::new();
    let done = AtomicBool::new(false);
    let (mut got, stolen) = thread::scope(|scope| {
        let rob = || {
            let (own, _) = Local::new();
            let mut got = Vec::new();
            while !done.load(Ordering::Acquire) || !stealer.is_empty() {
                if let Steal::Task(first) = stealer.steal_into(&own) {
                    got.push(number(first));
                    got.extend(std::iter::from_fn(|| pop(&own)));
                }
            }
            got
        };
        let thieves = [scope.spawn(rob), scope.spawn(rob)];
        let mut got = Vec::new();
        for (count, number) in (0..TASKS).enumerate() {
            queue.push(task(number));
            // Stretches that fill the ring and more, and stretches that empty it.
            let pops = if count / 1_000 % 2 == 0 { 0 } else { 3 };
            got.extend((0..pops).filter_map(|_| pop(&queue)));
        }
        got.extend(std::iter::from_fn(|| pop(&queue)));
        done.store(true, Ordering::Release);
        (got, thieves.map(|thief| thief.join().unwrap()))
    });
    assert!(got.is_sorted(), "out of order for the owner");
    stolen.into_iter().for_each(|some| got.extend(some));
    got.sort_unstable();
    assert!(got.into_iter().eq(0..TASKS));
}
