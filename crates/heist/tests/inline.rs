//! `race!`, `join!` and `try_gather`: the first, all, or all that are well.
#![cfg(not(heist_loom))]

mod support;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use heist::{TryGatherError, catch_cancelled, create_task, sleep, try_gather};
use support::{in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn after(seconds: u64, value: u32) -> u32 {
    sleep(Duration::from_secs(seconds)).await;
    value
}

async fn checked(seconds: u64, value: u32) -> Result<u32, String> {
    sleep(Duration::from_secs(seconds)).await;
    if value < 10 { Ok(value) } else { Err(format!("{value} is too much")) }
}

#[test]
fn race_gives_the_first_and_drops_the_others() {
    on_each_flavour(|| async {
        let dropped = Arc::new(AtomicU32::new(0));
        struct Count(Arc<AtomicU32>);
        impl Drop for Count {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let count = Count(dropped.clone());
        let slow = async {
            let _count = count;
            after(10, 1).await
        };
        assert_eq!(heist::race!(slow, after(1, 2), after(5, 3)).await, 2);
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

#[test]
fn race_takes_tasks_and_the_first_in_order_wins() {
    on_each_flavour(|| async {
        assert_eq!(heist::race!(async { 1 }, async { 2 }).await, 1);
        let loser = create_task(after(10, 1));
        let watched = loser.task_ref();
        assert_eq!(heist::race!(loser, create_task(after(1, 2))).await.unwrap(), 2);
        assert!(!watched.done() && watched.cancelling() == 0, "a task whose handle is dropped runs on");
    });
}

#[test]
fn join_gives_all_and_may_borrow() {
    in_order(async {
        let sum = Cell::new(0);
        let add = async |seconds: u64, n: u32| {
            sleep(Duration::from_secs(seconds)).await;
            sum.set(sum.get() * 10 + n);
            n
        };
        assert_eq!(heist::join!(add(3, 3), add(1, 1), add(2, 2)).await, (3, 1, 2));
        assert_eq!(sum.get(), 123);
    });
}

#[test]
fn cancelling_the_task_reaches_what_all_branches_await() {
    on_each_flavour(|| async {
        let (first, second) = (create_task(sleep(LONG)), create_task(sleep(LONG)));
        let watched = [first.task_ref(), second.task_ref()];
        let outer = create_task(async move {
            let _ = heist::join!(first, second).await;
            unreachable!("it was cancelled");
        });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(watched.iter().all(heist::TaskRef::cancelled));
    });
}

#[test]
fn try_gather_gives_the_values_in_order() {
    on_each_flavour(|| async {
        let values = try_gather([checked(3, 1), checked(1, 2), checked(2, 3)]).await;
        assert_eq!(values.unwrap(), [1, 2, 3]);
        let none: Vec<u32> = try_gather(Vec::<std::future::Ready<Result<u32, String>>>::new()).await.unwrap();
        assert!(none.is_empty());
    });
}

#[test]
fn try_gather_ends_with_the_first_error_and_the_others_go_on() {
    on_each_flavour(|| async {
        let slow = create_task(checked(10, 1));
        let watched = slow.task_ref();
        let tasks = [slow, create_task(checked(2, 20)), create_task(checked(1, 10))];
        let error = try_gather(tasks).await.unwrap_err();
        assert_eq!(error.to_string(), "10 is too much");
        assert!(matches!(error, TryGatherError::Err(_)));
        assert!(!watched.done() && watched.cancelling() == 0);
    });
}

#[test]
fn try_gather_ends_with_a_panic_or_a_cancelled_task() {
    on_each_flavour(|| async {
        let panics = create_task(async { panic!("so") });
        let error = try_gather([create_task(checked(10, 1)), panics]).await.unwrap_err();
        let TryGatherError::Task(error) = error else { panic!("a panic is no error of its own") };
        assert_eq!(error.panic_message(), Some("so"));

        let cancelled = create_task(checked(10, 1));
        cancelled.cancel();
        let error = try_gather([cancelled]).await.unwrap_err();
        assert!(matches!(error, TryGatherError::Task(error) if error.is_cancelled()));
    });
}

#[test]
fn try_gather_forwards_a_cancellation() {
    on_each_flavour(|| async {
        let tasks = [create_task(checked(1000, 1)), create_task(checked(1000, 2))];
        let watched = tasks.each_ref().map(heist::Task::task_ref);
        let outer = create_task(async move { try_gather(tasks).await.map_err(|error| error.to_string()) });
        settle().await;
        outer.cancel_with("stop");
        let error = outer.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("stop"));
        assert!(watched.iter().all(heist::TaskRef::cancelled));

        let answering = create_task(async {
            let _ = catch_cancelled(sleep(LONG)).await;
            Err::<u32, _>("an answer")
        });
        let outer = create_task(async move { try_gather([answering]).await.unwrap_err().to_string() });
        settle().await;
        outer.cancel();
        assert_eq!(outer.await.unwrap(), "an answer");
    });
}
