//! Waiting for tasks without taking their values. Behaviours WAIT.
#![cfg(not(heist_loom))]

mod support;

use std::collections::HashSet;
use std::future::{Future, IntoFuture, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use heist::{FIRST_COMPLETED, FIRST_EXCEPTION, Task, create_task, sleep, wait};
use support::{in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);

fn now() -> Duration {
    Duration::from_nanos(heist::Handle::current().unwrap().clock().now())
}

async fn after(seconds: u64, value: u32) -> u32 {
    sleep(Duration::from_secs(seconds)).await;
    value
}

async fn fail_after(seconds: u64, ok: bool) -> Result<u32, &'static str> {
    sleep(Duration::from_secs(seconds)).await;
    if ok { Ok(1) } else { Err("failed") }
}

fn ids<T>(tasks: &[Task<T>]) -> Vec<u64> {
    tasks.iter().map(Task::id).collect()
}

/// The seconds that a future takes.
async fn seconds<F: IntoFuture>(future: F) -> (u64, F::Output) {
    let start = now();
    let output = future.await;
    ((now() - start).as_secs(), output)
}

#[test]
fn b155_all_completed_gives_all_in_done() {
    on_each_flavour(|| async {
        let tasks = [create_task(after(2, 1)), create_task(after(1, 2))];
        let (took, (done, pending)) = seconds(wait(tasks)).await;
        assert_eq!((took, done.len(), pending.len()), (2, 2, 0));
        let mut values = Vec::new();
        for task in done {
            values.push(task.await.unwrap());
        }
        assert_eq!(values, [1, 2], "in the order of the input");
    });
}

#[test]
fn b156_waiting_again_for_tasks_that_have_ended_takes_no_time() {
    on_each_flavour(|| async {
        let (done, _) = wait([create_task(after(2, 1)), create_task(after(1, 2))]).await;
        let (took, (done, pending)) = seconds(wait(done)).await;
        assert_eq!((took, done.len(), pending.len()), (0, 2, 0));
    });
}

#[test]
fn b157_a_task_that_is_given_several_times_counts_once() {
    on_each_flavour(|| async {
        let shared = create_task(after(2, 1)).shared();
        let other = create_task(after(1, 2)).shared();
        let tasks = [shared.clone(), other, shared.clone(), shared.clone()];
        let (took, (done, pending)) = seconds(wait(tasks)).await;
        assert_eq!((took, done.len(), pending.len()), (2, 2, 0));
        assert_eq!(*done[0].result().unwrap(), 1);
    });
}

#[test]
fn b158_first_completed_returns_at_the_first_end_and_leaves_the_rest_alone() {
    on_each_flavour(|| async {
        let tasks = [create_task(after(10, 1)), create_task(after(1, 2))];
        let (took, (done, pending)) = seconds(wait(tasks).return_when(FIRST_COMPLETED)).await;
        assert_eq!((took, done.len(), pending.len()), (1, 1, 1));
        assert_eq!(*done[0].result().unwrap(), 2);
        assert_eq!((pending[0].done(), pending[0].cancelling()), (false, 0));
        let (done, _) = wait(pending).await;
        assert_eq!(*done[0].result().unwrap(), 1);
    });
}

#[test]
fn b159_what_has_ended_by_the_time_of_the_return_is_done() {
    in_order(async {
        let (first, second) = (create_task(async { 1 }), create_task(async { 2 }));
        // The end of the first wakes the wait; the second ends before the wait has its turn.
        let (done, pending) =
            wait([first, second, create_task(pending())]).return_when(FIRST_COMPLETED).await;
        assert_eq!((done.len(), pending.len()), (2, 1));
    });
}

#[test]
fn b160_first_exception_returns_at_once_when_a_task_has_failed_already() {
    on_each_flavour(|| async {
        let mut failed = create_task(fail_after(0, false));
        (&mut failed).await;
        let tasks = [create_task(fail_after(10, true)), failed];
        let (took, (done, pending)) = seconds(wait(tasks).return_when(FIRST_EXCEPTION)).await;
        assert_eq!((took, done.len(), pending.len()), (0, 1, 1));
        assert_eq!(*done[0].result().unwrap(), Err("failed"));
    });
}

#[test]
fn b161_first_exception_returns_at_the_moment_a_task_fails() {
    on_each_flavour(|| async {
        let tasks = [
            create_task(fail_after(1, true)),
            create_task(fail_after(10, true)),
            create_task(fail_after(3, false)),
        ];
        let (took, (done, pending)) = seconds(wait(tasks).return_when(FIRST_EXCEPTION)).await;
        assert_eq!((took, done.len(), pending.len()), (3, 2, 1));

        let panics = create_task(async {
            sleep(Duration::from_secs(2)).await;
            if now() > Duration::ZERO {
                panic!("also a failure");
            }
            Ok::<u32, &str>(1)
        });
        let tasks = [create_task(fail_after(10, true)), panics];
        let (took, (done, _)) = seconds(wait(tasks).return_when(FIRST_EXCEPTION)).await;
        assert_eq!((took, done.len()), (2, 1));

        let tasks = [create_task(fail_after(1, true)), create_task(fail_after(4, true))];
        let (took, (done, _)) = seconds(wait(tasks).return_when(FIRST_EXCEPTION)).await;
        assert_eq!((took, done.len()), (4, 2), "where none fails it waits for all");
    });
}

#[test]
fn b162_a_cancelled_task_is_no_first_exception() {
    on_each_flavour(|| async {
        let cancelled = create_task(fail_after(20, true));
        let target = cancelled.task_ref();
        let tasks = [cancelled, create_task(fail_after(5, true))];
        let canceller = create_task(async move {
            sleep(Duration::from_secs(1)).await;
            target.cancel();
        });
        let (took, (done, pending)) = seconds(wait(tasks).return_when(FIRST_EXCEPTION)).await;
        assert_eq!((took, done.len(), pending.len()), (5, 2, 0));
        assert!(done[0].cancelled());
        canceller.await.unwrap();
    });
}

#[test]
fn b163_failures_stay_in_the_tasks() {
    on_each_flavour(|| async {
        let tasks = [create_task(fail_after(1, false)), create_task(async { panic!("inside") })];
        let (done, _) = wait(tasks).await;
        assert_eq!(*done[0].result().unwrap(), Err("failed"));
        assert_eq!(done[1].exception().unwrap().unwrap().panic_message(), Some("inside"));
    });
}

#[test]
fn b164_a_timeout_gives_the_split_and_cancels_nobody() {
    on_each_flavour(|| async {
        let tasks = [create_task(after(1, 1)), create_task(after(10, 2))];
        let (took, (done, pending)) = seconds(wait(tasks).timeout(Duration::from_secs(3))).await;
        assert_eq!((took, done.len(), pending.len()), (3, 1, 1));
        assert_eq!(pending[0].cancelling(), 0);
        let (took, (done, _)) = seconds(wait(pending)).await;
        assert_eq!((took, done.len()), (7, 1));
        assert_eq!(*done[0].result().unwrap(), 2);
    });
}

#[test]
fn b165_a_task_that_ends_at_the_instant_of_the_timeout_is_done() {
    in_order(async {
        // Whose timer was armed first makes no difference.
        for turns in [0, 2] {
            let tasks = [create_task(after(15, 1)), create_task(after(10, 2))];
            for _ in 0..turns {
                heist::yield_now().await;
            }
            let (done, pending) = wait(tasks).timeout(Duration::from_secs(10)).await;
            assert_eq!((done.len(), pending.len()), (1, 1));
            assert_eq!(*done[0].result().unwrap(), 2);
        }
    });
}

#[test]
fn b166_any_iterable_of_tasks_or_futures_is_taken() {
    on_each_flavour(|| async {
        let (done, _) = wait((0..3).map(|n| after(1, n))).await;
        assert_eq!(done.len(), 3);
        let (done, _) = wait(vec![create_task(after(1, 1))]).await;
        assert_eq!(done.len(), 1);
        let (done, _) = wait(Some(after(1, 1))).await;
        assert_eq!(done.len(), 1);
    });
}

#[test]
fn b167_cancelling_who_waits_ends_the_wait_at_once_and_leaves_the_tasks() {
    on_each_flavour(|| async {
        let task = create_task(after(10, 1));
        let watched = task.task_ref();
        let waiting = create_task(async move {
            wait([task]).await;
            unreachable!("it was cancelled");
        });
        sleep(Duration::from_secs(1)).await;
        waiting.cancel();
        let (took, outcome) = seconds(waiting).await;
        assert!(outcome.unwrap_err().is_cancelled());
        assert_eq!((took, watched.done(), watched.cancelling()), (0, false, 0));
        sleep(Duration::from_secs(20)).await;
        assert!(watched.done() && !watched.cancelled());
    });
}

#[test]
fn a038_no_tasks_give_two_empty_lists_at_once() {
    on_each_flavour(|| async {
        let (took, (done, pending)) = seconds(wait(Vec::<Task<()>>::new()).timeout(LONG)).await;
        assert_eq!((took, done.len(), pending.len()), (0, 0, 0));
        let none = wait(Vec::<Task<()>>::new()).return_when(FIRST_COMPLETED);
        assert!(seconds(none).await.1.0.is_empty());
    });
}

#[test]
fn tasks_come_back_as_they_are_in_the_order_of_the_input() {
    on_each_flavour(|| async {
        let tasks: Vec<_> = (0..10).map(|n| create_task(after(n % 4, 0))).collect();
        let before = ids(&tasks);
        let (done, pending) = wait(tasks).timeout(Duration::from_millis(1500)).await;
        assert_eq!((done.len(), pending.len()), (6, 4));
        let after: HashSet<u64> = ids(&done).into_iter().chain(ids(&pending)).collect();
        assert_eq!(after, before.iter().copied().collect());
        assert!(ids(&done).is_sorted() && ids(&pending).is_sorted());
    });
}

/// A task that was waited for wakes nobody who does not wait any more.
#[test]
fn a_wait_that_is_over_is_not_woken_by_those_that_end_later() {
    in_order(async {
        let polls = Arc::new(AtomicU32::new(0));
        let seen = polls.clone();
        let waiting = create_task(async move {
            let (_, pending) =
                wait((1..20).map(|n| after(n, 0))).return_when(FIRST_COMPLETED).timeout(None).await;
            let mut rest = std::pin::pin!(sleep(LONG));
            poll_fn(|cx| {
                seen.fetch_add(1, SeqCst);
                rest.as_mut().poll(cx)
            })
            .await;
            pending.len()
        });
        sleep(Duration::from_secs(60)).await;
        assert_eq!(polls.load(SeqCst), 1);
        waiting.cancel();
        assert!(waiting.await.is_err());
    });
}

#[test]
fn waiting_for_all_of_many_tasks_takes_two_polls() {
    in_order(async {
        let polls = Arc::new(AtomicU32::new(0));
        let seen = polls.clone();
        let waiting = create_task(async move {
            let mut all = std::pin::pin!(wait((0..100).map(|n| after(n % 7, 0))).into_future());
            poll_fn(|cx| {
                seen.fetch_add(1, SeqCst);
                all.as_mut().poll(cx)
            })
            .await
            .0
            .len()
        });
        assert_eq!(waiting.await.unwrap(), 100);
        assert_eq!(polls.load(SeqCst), 2);
    });
}
