//! Awaits that keep a cancellation from what is awaited, and tasks that many await. Behaviours SHIELD.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, IntoFuture, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use heist::{TaskRef, catch_cancelled, create_task, gather, shield, sleep, timeout, wait_for};
use support::on_each_flavour;

const LONG: Duration = Duration::from_secs(3600);

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn after(seconds: u64, value: u32) -> u32 {
    sleep(Duration::from_secs(seconds)).await;
    value
}

#[test]
fn b173_value_and_error_pass_through_unchanged() {
    on_each_flavour(|| async {
        assert_eq!(shield(create_task(after(1, 7))).await.unwrap(), 7);
        assert_eq!(shield(after(1, 8)).await.unwrap(), 8, "a future becomes a task");
        let failed: Result<u32, &str> = Err("as it was");
        assert_eq!(shield(async move { failed }).await.unwrap(), Err("as it was"));
        let error = shield(create_task(async { panic!("a panic") })).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("a panic"));
    });
}

#[test]
fn b174_cancelling_the_inner_cancels_the_outer() {
    on_each_flavour(|| async {
        let inner = create_task(sleep(LONG));
        let target = inner.task_ref();
        let outer = heist::ensure_future(shield(inner));
        settle().await;
        target.cancel_with("the inner");
        let error = outer.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("the inner"));
    });
}

#[test]
fn b175_cancelling_the_outer_leaves_the_inner_and_is_not_woken_by_it() {
    on_each_flavour(|| async {
        let mut inner = create_task(after(10, 7));
        let watched = inner.task_ref();
        let polls = Arc::new(AtomicU32::new(0));
        let seen = polls.clone();
        // The outer goes, and its task goes on.
        let outer = create_task(async move {
            assert!(catch_cancelled(shield(&mut inner)).await.is_err());
            let mut rest = std::pin::pin!(sleep(Duration::from_secs(60)));
            poll_fn(|cx| {
                seen.fetch_add(1, SeqCst);
                rest.as_mut().poll(cx)
            })
            .await;
            inner.await.unwrap()
        });
        settle().await;
        outer.cancel();
        settle().await;
        assert_eq!((watched.done(), watched.cancelling()), (false, 0));
        assert_eq!(outer.await.unwrap(), 7);
        assert_eq!(polls.load(SeqCst), 2, "the end of the inner woke nobody");
    });
}

#[test]
fn b176_a_finished_inner_is_handed_back_directly() {
    on_each_flavour(|| async {
        let mut inner = create_task(async { 7 });
        (&mut inner).await;
        let mut outer = std::pin::pin!(shield(inner).into_future());
        poll_fn(|cx| match outer.as_mut().poll(cx) {
            Poll::Ready(value) => {
                assert_eq!(value.unwrap(), 7);
                Poll::Ready(())
            }
            Poll::Pending => panic!("it did not wait for anything"),
        })
        .await;
    });
}

#[test]
fn b177_cancelling_who_awaits_raises_there_and_the_inner_completes_later() {
    on_each_flavour(|| async {
        let effects = Arc::new(AtomicU32::new(0));
        let (effect, beyond) = (effects.clone(), effects.clone());
        let outer = create_task(async move {
            let inner = async move {
                sleep(Duration::from_secs(5)).await;
                effect.fetch_add(1, SeqCst);
            };
            let _ = shield(inner).await;
            beyond.fetch_add(100, SeqCst);
        });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(effects.load(SeqCst), 0);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(effects.load(SeqCst), 1);
    });
}

#[test]
fn b178_a_shielded_gather_survives_a_cancel_and_still_collects_its_list() {
    on_each_flavour(|| async {
        let outer = create_task(async {
            let mut all = gather([after(2, 1), after(1, 2)]);
            let error = catch_cancelled(shield(&mut all)).await.unwrap_err();
            assert!(!all.done() && !all.cancelled());
            (error, all.await.unwrap())
        });
        settle().await;
        outer.cancel_with("outside");
        let (error, values) = outer.await.unwrap();
        assert_eq!((error.message(), values), (Some("outside"), vec![1, 2]));
    });
}

#[test]
fn b178_a_gather_may_be_given_to_the_shield() {
    on_each_flavour(|| async {
        let children = [create_task(after(2, 1)), create_task(after(1, 2))];
        let watched = children.each_ref().map(heist::Task::task_ref);
        let outer = create_task(async move { shield(gather(children)).await.unwrap() });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        sleep(Duration::from_secs(5)).await;
        assert!(watched.iter().all(|task| task.done() && !task.cancelled()));
        assert_eq!(shield(gather([after(1, 3)])).await.unwrap(), [3]);
    });
}

#[test]
fn b179_cancelling_a_gather_of_shields_leaves_the_inner_ones() {
    on_each_flavour(|| async {
        let inner = [create_task(after(5, 1)), create_task(after(6, 2))];
        let watched = inner.each_ref().map(heist::Task::task_ref);
        let all = gather(inner.map(shield));
        settle().await;
        assert!(all.cancel());
        assert!(all.await.unwrap_err().is_cancelled());
        assert!(watched.iter().all(|task| !task.done() && task.cancelling() == 0));
        sleep(Duration::from_secs(10)).await;
        assert!(watched.iter().all(|task| task.done() && !task.cancelled()));
    });
}

#[test]
fn b143_a_limit_of_zero_around_a_shield_is_a_timeout_and_the_inner_continues() {
    on_each_flavour(|| async {
        let mut inner = create_task(after(5, 7));
        settle().await;
        assert!(wait_for(shield(&mut inner), Duration::ZERO).await.is_err());
        assert_eq!((inner.done(), inner.cancelling()), (false, 0));
        assert_eq!(inner.await.unwrap(), 7);

        let mut ended = create_task(async { 8 });
        (&mut ended).await;
        let value = wait_for(shield(ended), Duration::ZERO).await;
        assert_eq!(value.unwrap().unwrap(), 8, "one that has ended is handed back");
    });
}

#[test]
fn b144_a_shielded_task_survives_an_expiry_and_gives_its_value() {
    on_each_flavour(|| async {
        let mut inner = create_task(after(5, 7));
        assert!(wait_for(shield(&mut inner), Duration::from_secs(1)).await.is_err());
        assert_eq!((inner.done(), inner.cancelling()), (false, 0));
        assert_eq!(inner.await.unwrap(), 7);

        let mut all = gather([after(5, 1), after(6, 2)]);
        assert!(timeout(Duration::from_secs(1), shield(&mut all)).await.is_err());
        assert_eq!(all.await.unwrap(), [1, 2]);
    });
}

#[test]
fn a037_a_task_given_several_times_runs_once_and_fills_every_position() {
    on_each_flavour(|| async {
        let runs = Arc::new(AtomicU32::new(0));
        let run = runs.clone();
        let shared = create_task(async move {
            run.fetch_add(1, SeqCst);
            after(1, 7).await
        })
        .shared();
        let other = create_task(after(2, 8)).shared();
        let values = gather([shared.clone(), other, shared.clone(), shared]).await.unwrap();
        assert_eq!((values, runs.load(SeqCst)), (vec![7, 8, 7, 7], 1));
    });
}

#[test]
fn a_shared_task_is_awaited_by_many_and_again() {
    on_each_flavour(|| async {
        let shared = create_task(after(1, 7)).shared();
        assert!(shared.outcome().is_none());
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let shared = shared.clone();
                create_task(async move { shared.await.unwrap() })
            })
            .collect();
        for task in waiting {
            assert_eq!(task.await.unwrap(), 7);
        }
        assert_eq!((&shared).await.unwrap(), 7);
        assert_eq!(shared.outcome().unwrap().unwrap(), 7);
    });
}

#[test]
fn cancelling_one_who_awaits_a_shared_task_cancels_it_for_all() {
    on_each_flavour(|| async {
        let shared = create_task(sleep(LONG)).shared();
        let (first, second) = (shared.clone(), shared.clone());
        let cancelled = create_task(async move { first.await.map_err(|error| error.to_string()) });
        let told = create_task(async move { second.await.unwrap_err().is_cancelled() });
        settle().await;
        cancelled.cancel_with("the reason");
        let error = cancelled.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("the reason"));
        assert!(told.await.unwrap(), "for the other it is a value");
        assert!(shared.cancelled());
    });
}

#[test]
fn a_shielded_shared_task_is_not_cancelled_by_one_of_many() {
    on_each_flavour(|| async {
        let shared = create_task(after(5, 7)).shared();
        let its = shared.clone();
        let outer = create_task(async move { shield(its).await.unwrap() });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(shared.await.unwrap(), 7);
    });
}

#[test]
fn a_shared_task_runs_on_without_handles() {
    on_each_flavour(|| async {
        let shared = create_task(after(5, 7)).shared();
        let watched: TaskRef = shared.task_ref();
        drop(shared);
        sleep(Duration::from_secs(10)).await;
        assert!(watched.done() && !watched.cancelled());
    });
}
