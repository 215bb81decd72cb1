//! Results in the order in which tasks end. Behaviours ASCOMP.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use heist::{TimeoutError, as_completed, create_task, sleep};
use support::{in_order, on_each_flavour};

async fn after(seconds: u64, value: u32) -> u32 {
    sleep(Duration::from_secs(seconds)).await;
    value
}

/// A future's only poll; `None` when it is pending.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn b168_results_come_in_the_order_of_the_ends() {
    on_each_flavour(|| async {
        let mut results = as_completed([after(3, 3), after(1, 1), after(2, 2)]);
        let mut order = Vec::new();
        while let Some(result) = results.next().await {
            order.push(result.unwrap());
        }
        assert_eq!(order, [1, 2, 3]);
        assert!(results.next().await.is_none());
    });
}

#[test]
fn b168_also_for_those_that_end_at_once() {
    in_order(async {
        let tasks: Vec<_> = (0..50).map(|n| create_task(async move { n })).collect();
        sleep(Duration::from_secs(1)).await;
        let late = create_task(async { 50 });
        let mut results = as_completed(tasks.into_iter().chain([late]));
        let mut order = Vec::new();
        while let Some(result) = results.next().await {
            order.push(result.unwrap());
        }
        assert_eq!(order, (0..=50).collect::<Vec<_>>());
    });
}

#[test]
fn b169_with_a_limit_the_finished_come_first_and_the_late_run_on() {
    on_each_flavour(|| async {
        let late = create_task(after(10, 10));
        let watched = late.task_ref();
        let tasks = [create_task(after(2, 2)), late, create_task(after(1, 1))];
        let mut results = as_completed(tasks).timeout(Duration::from_secs(5));
        assert_eq!(results.next().await.unwrap().unwrap().unwrap(), 1);
        assert_eq!(results.next().await.unwrap().unwrap().unwrap(), 2);
        assert_eq!(results.next().await.unwrap().unwrap_err(), TimeoutError);
        assert!(results.next().await.is_none(), "the error comes once");
        assert_eq!((watched.done(), watched.cancelling()), (false, 0));
        let left = results.into_tasks();
        assert_eq!(left.len(), 1);
        for task in left {
            assert_eq!(task.await.unwrap(), 10);
        }
    });
}

#[test]
fn b169_the_limit_counts_from_the_call() {
    on_each_flavour(|| async {
        let mut results = as_completed([after(10, 10)]).timeout(Duration::from_secs(5));
        sleep(Duration::from_secs(6)).await;
        assert_eq!(results.next().await.unwrap().unwrap_err(), TimeoutError);
        let mut results = as_completed([after(1, 1), after(10, 10)]).timeout(Duration::from_secs(5));
        sleep(Duration::from_secs(6)).await;
        assert!(results.next().await.unwrap().is_ok(), "what has ended comes first");
        assert!(results.next().await.unwrap().is_err());
    });
}

#[test]
fn b170_an_unused_limit_leaves_no_timer() {
    in_order(async {
        let polls = Arc::new(AtomicU32::new(0));
        let seen = polls.clone();
        let task = create_task(async move {
            let mut results = as_completed([after(1, 1), after(2, 2)]).timeout(Duration::from_secs(10));
            while let Some(result) = results.next().await {
                result.unwrap().unwrap();
            }
            // The iterator is still there; its timer, armed by this task, would wake it once more.
            let mut rest = std::pin::pin!(sleep(Duration::from_secs(60)));
            poll_fn(|cx| {
                seen.fetch_add(1, SeqCst);
                rest.as_mut().poll(cx)
            })
            .await;
            drop(results);
        });
        task.await.unwrap();
        assert_eq!(polls.load(SeqCst), 2);
    });
}

#[test]
fn b171_iteration_may_stop_and_go_on_without_loss() {
    on_each_flavour(|| async {
        let mut results = as_completed((1..=6).map(|n| after(n, n as u32)));
        let mut order = Vec::new();
        for _ in 0..2 {
            order.push(results.next().await.unwrap().unwrap());
        }
        // A wait that is given up half-way.
        assert!(heist::timeout(Duration::from_millis(500), results.next()).await.is_err());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(results.len(), 4);
        while let Some(result) = results.next().await {
            order.push(result.unwrap());
        }
        assert_eq!(order, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn b172_a_task_that_is_given_several_times_is_given_once() {
    on_each_flavour(|| async {
        let shared = create_task(after(2, 2)).shared();
        let mut results = as_completed([shared.clone(), create_task(after(1, 1)).shared(), shared]);
        assert_eq!(results.len(), 2);
        assert_eq!(results.next().await.unwrap().unwrap(), 1);
        assert_eq!(results.next().await.unwrap().unwrap(), 2);
        assert!(results.next().await.is_none());
    });
}

#[test]
fn a039_it_gives_the_original_tasks_and_new_ones_for_futures() {
    on_each_flavour(|| async {
        let tasks: Vec<_> = [3, 1, 2].map(|n| create_task(after(n, n as u32))).into();
        let ids: Vec<u64> = tasks.iter().map(heist::Task::id).collect();
        let mut results = as_completed(tasks);
        let mut seen = Vec::new();
        while let Some(task) = results.next_task().await {
            assert!(task.done());
            seen.push(task.id());
        }
        assert_eq!(seen, [ids[1], ids[2], ids[0]]);

        let before = heist::current_task().unwrap().id();
        let task = as_completed([after(1, 7)]).next_task().await.unwrap();
        assert_ne!(task.id(), before);
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a040_the_first_to_be_awaited_gets_the_first_end() {
    on_each_flavour(|| async {
        let produced: Vec<_> = as_completed([after(3, 3), after(1, 1), after(2, 2)]).into_iter().collect();
        assert_eq!(produced.len(), 3);
        let mut order = Vec::new();
        for completion in produced.into_iter().rev() {
            order.push(completion.await.unwrap());
        }
        assert_eq!(order, [1, 2, 3]);
    });
}

#[test]
fn a041_several_may_be_awaited_at_a_time() {
    on_each_flavour(|| async {
        let waiting: Vec<_> = as_completed((1..=20).map(|n| after(1 + n % 3, n as u32)))
            .into_iter()
            .map(|completion| create_task(async move { completion.await.unwrap() }))
            .collect();
        let mut values = Vec::new();
        for task in waiting {
            values.push(task.await.unwrap());
        }
        values.sort_unstable();
        assert_eq!(values, (1..=20).collect::<Vec<_>>());
    });
}

#[test]
fn a041_one_that_is_given_up_leaves_its_place_to_the_next() {
    in_order(async {
        let mut produced = as_completed([after(1, 1), after(2, 2)]).into_iter();
        let (mut first, second) = (produced.next().unwrap(), produced.next().unwrap());
        assert!(poll_once(&mut first).await.is_none());
        let second = create_task(second);
        // Both have ended by now; the second in line has its own, and the first's is left for who comes.
        sleep(Duration::from_secs(1)).await;
        heist::yield_now().await;
        assert!(!second.done(), "the first end is the first's");
        drop(first);
        assert_eq!(second.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn it_is_a_stream() {
    on_each_flavour(|| async {
        let mut results = as_completed([after(2, 2), after(1, 1)]);
        assert_eq!(Stream::size_hint(&results), (2, Some(2)));
        let mut order = Vec::new();
        while let Some(result) = poll_fn(|cx| Pin::new(&mut results).poll_next(cx)).await {
            order.push(result.unwrap());
        }
        assert_eq!(order, [1, 2]);
    });
}

#[test]
fn no_tasks_give_nothing_at_once() {
    on_each_flavour(|| async {
        assert!(as_completed(Vec::<heist::Task<()>>::new()).next().await.is_none());
        let mut none = as_completed(Vec::<heist::Task<()>>::new()).timeout(Duration::from_secs(1));
        assert!(none.next().await.is_none());
    });
}

#[test]
fn cancelling_who_waits_leaves_the_tasks() {
    on_each_flavour(|| async {
        let task = create_task(after(5, 1));
        let watched = task.task_ref();
        let waiting = create_task(async move { as_completed([task]).next().await.is_some() });
        sleep(Duration::from_secs(1)).await;
        waiting.cancel();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!((watched.done(), watched.cancelling()), (false, 0));
    });
}
