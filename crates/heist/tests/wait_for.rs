//! `wait_for`. Behaviours WAITFOR.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use heist::{
    Handle, Queue, TimeoutError, catch_cancelled, create_future, create_task, current_task, shield, sleep,
    wait_for, yield_now,
};
use support::{in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn now() -> Duration {
    Handle::current().unwrap().time()
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Sleeps long, and cleans up for that many seconds when it is cancelled; then says so.
async fn careful(seconds: u32, cleaned: Arc<AtomicBool>) {
    if let Err(error) = catch_cancelled(sleep(LONG)).await {
        sleep(SECOND * seconds).await;
        cleaned.store(true, SeqCst);
        error.resume().await
    }
}

#[test]
fn b131_a_result_in_time_is_returned() {
    on_each_flavour(|| async {
        let future = async {
            sleep(SECOND).await;
            1
        };
        assert_eq!(wait_for(future, LONG).await, Ok(1));
        let task = create_task(async { 2 });
        assert_eq!(wait_for(task, LONG).await.unwrap().unwrap(), 2);
        let promised = create_future();
        promised.set_result(3).unwrap();
        assert_eq!(wait_for(promised, LONG).await.unwrap().unwrap(), 3);
    });
}

#[test]
fn b132_without_a_limit_it_waits() {
    on_each_flavour(|| async {
        let start = now();
        assert_eq!(wait_for(sleep(LONG), None).await, Ok(()));
        assert!(now() - start >= LONG);
    });
}

#[test]
fn b133_limit_zero_takes_the_value_of_what_has_ended() {
    on_each_flavour(|| async {
        let mut task = create_task(async { "value" });
        (&mut task).await;
        assert_eq!(wait_for(task, Duration::ZERO).await.unwrap().unwrap(), "value");
        let promised = create_future();
        promised.set_result(3).unwrap();
        assert_eq!(wait_for(&promised, Duration::ZERO).await.unwrap().unwrap(), 3);
    });
}

#[test]
fn b134_limit_zero_never_begins_a_future() {
    on_each_flavour(|| async {
        let mut begun = false;
        let ended = wait_for(async { begun = true }, Duration::ZERO).await;
        assert_eq!(ended, Err(TimeoutError));
        assert!(!begun);
    });
}

#[test]
fn b135_a035_limit_zero_cancels_a_task_and_waits_for_its_end() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicBool::new(false));
        let start = now();
        let task = create_task(careful(2, cleaned.clone()));
        let watched = task.task_ref();
        settle().await;
        assert_eq!(wait_for(task, Duration::ZERO).await.map(drop), Err(TimeoutError));
        assert!(watched.cancelled() && cleaned.load(SeqCst));
        assert_eq!((now() - start).as_secs(), 2);
    });
    in_order(async {
        // One that has not begun never does.
        let task = create_task(async { unreachable!("cancelled before its first step") });
        assert!(matches!(wait_for(task, Duration::ZERO).await, Err(TimeoutError)));
    });
}

#[test]
fn b136_on_expiry_the_task_has_cleaned_up_before_the_error() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicBool::new(false));
        let task = create_task(careful(0, cleaned.clone()));
        let watched = task.task_ref();
        assert!(wait_for(task, SECOND).await.is_err());
        assert!(watched.done() && watched.cancelled() && cleaned.load(SeqCst));
    });
}

#[test]
fn b137_a_slow_clean_up_prolongs_the_wait() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicBool::new(false));
        let start = now();
        let ended = wait_for(create_task(careful(5, cleaned.clone())), SECOND).await;
        assert_eq!(ended.map(drop), Err(TimeoutError));
        assert!(cleaned.load(SeqCst));
        assert_eq!((now() - start).as_secs(), 6);
        // The same for a future that runs in this very task.
        let cleaned = Arc::new(AtomicBool::new(false));
        let start = now();
        assert_eq!(wait_for(careful(5, cleaned.clone()), SECOND).await, Err(TimeoutError));
        assert!(cleaned.load(SeqCst));
        assert_eq!((now() - start).as_secs(), 6);
    });
}

#[test]
fn b138_another_error_as_the_answer_is_that_error() {
    on_each_flavour(|| async {
        let task = create_task(async { catch_cancelled(sleep(LONG)).await.map_err(|_| "broken pipe") });
        assert_eq!(wait_for(task, SECOND).await.unwrap().unwrap(), Err("broken pipe"));
        let task = create_task(async {
            assert!(catch_cancelled(sleep(LONG)).await.is_ok(), "broken glass");
        });
        let error = wait_for(task, SECOND).await.unwrap().unwrap_err();
        assert_eq!(error.panic_message(), Some("broken glass"));
    });
}

#[test]
fn b139_a_value_as_the_answer_is_the_value() {
    on_each_flavour(|| async {
        let task = create_task(async {
            assert!(catch_cancelled(sleep(LONG)).await.is_err());
            42
        });
        assert_eq!(wait_for(task, SECOND).await.unwrap().unwrap(), 42);
        assert_eq!(current_task().unwrap().cancelling(), 0);
        sleep(SECOND).await;
    });
}

#[test]
fn b140_cancelling_the_waiter_cancels_the_task() {
    on_each_flavour(|| async {
        for limit in [None, Some(LONG)] {
            let inner = create_task(sleep(LONG));
            let watched = inner.task_ref();
            let waiter = create_task(async move { wait_for(inner, limit).await.map(drop) });
            settle().await;
            assert!(waiter.cancel_with("enough"));
            let error = waiter.await.unwrap_err();
            assert_eq!(error.as_cancelled().unwrap().message(), Some("enough"));
            assert!(watched.cancelled());
        }
    });
}

#[test]
fn b141_cancelling_the_waiter_waits_for_the_clean_up() {
    on_each_flavour(|| async {
        for limit in [None, Some(LONG)] {
            let start = now();
            let cleaned = Arc::new(AtomicBool::new(false));
            let inner = create_task(careful(3, cleaned.clone()));
            let waiter = create_task(async move { wait_for(inner, limit).await.map(drop) });
            settle().await;
            waiter.cancel();
            assert!(waiter.await.unwrap_err().is_cancelled());
            assert!(cleaned.load(SeqCst));
            assert_eq!((now() - start).as_secs(), 3);
        }
    });
}

#[test]
fn b142_a_cancel_in_the_turn_of_the_completion_reaches_the_waiter() {
    in_order(async {
        let reached = Arc::new(AtomicBool::new(false));
        let seen = reached.clone();
        let waiter = current_task().unwrap();
        let mut inner = create_task(async move {
            yield_now().await;
            waiter.cancel();
            "intact"
        });
        // The waiter is inside this very task, so that the inner one's value can be looked at.
        let ended = catch_cancelled(async {
            let _ = wait_for(&mut inner, LONG).await;
            sleep(SECOND).await;
            seen.store(true, SeqCst);
        });
        assert!(ended.await.is_err());
        current_task().unwrap().uncancel();
        assert!(!reached.load(SeqCst));
        assert_eq!(*inner.result().unwrap(), "intact");
    });
}

#[test]
fn b143_limit_zero_around_a_shielded_task_leaves_the_task_alone() {
    on_each_flavour(|| async {
        let start = now();
        let mut inner = create_task(async {
            sleep(SECOND).await;
            "value"
        });
        assert!(wait_for(shield(&mut inner), Duration::ZERO).await.is_err());
        assert_eq!(now(), start);
        assert!(!inner.done());
        (&mut inner).await;
        assert_eq!(*inner.result().unwrap(), "value");
        // A shield of a task that has ended gives its value.
        assert!(wait_for(shield(&mut inner), Duration::ZERO).await.is_ok());
    });
}

#[test]
fn b144_a_shielded_task_survives_an_expiry() {
    on_each_flavour(|| async {
        let start = now();
        let mut inner = create_task(async {
            sleep(SECOND * 2).await;
            "value"
        });
        assert!(wait_for(shield(&mut inner), SECOND).await.is_err());
        assert_eq!((now() - start).as_secs(), 1);
        assert_eq!(inner.await.unwrap(), "value");
        assert_eq!((now() - start).as_secs(), 2);
    });
}

#[test]
fn b145_a_wait_given_up_leaves_no_waiter() {
    on_each_flavour(|| async {
        let queue = Arc::new(Queue::<u32>::new());
        let first = queue.clone();
        let task = create_task(async move { first.get().await.unwrap() });
        assert!(wait_for(task, SECOND).await.is_err());
        assert!(wait_for(queue.get(), SECOND).await.is_err());
        // What is put now goes to nobody who has left.
        queue.put_nowait(1).unwrap();
        assert_eq!(queue.len(), 1);
        assert_eq!(wait_for(queue.get(), SECOND).await.unwrap().unwrap(), 1);
    });
}

/// Every order in which the inner task's end, the deadline and a cancel of the waiter can fall within one turn, against what
/// asyncio does: the request that the waiter's next step finds decides, and none is lost.
#[test]
fn every_order_of_completion_expiry_and_cancel_in_one_turn() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Event {
        Completes,
        Expires,
        Cancel,
    }
    use Event::{Cancel, Completes, Expires};
    let orders: [&[Event]; 15] = [
        &[Completes],
        &[Expires],
        &[Cancel],
        &[Completes, Expires],
        &[Expires, Completes],
        &[Completes, Cancel],
        &[Cancel, Completes],
        &[Expires, Cancel],
        &[Cancel, Expires],
        &[Completes, Expires, Cancel],
        &[Completes, Cancel, Expires],
        &[Expires, Completes, Cancel],
        &[Expires, Cancel, Completes],
        &[Cancel, Completes, Expires],
        &[Cancel, Expires, Completes],
    ];
    for order in orders {
        in_order(async move {
            let clock = Handle::current().unwrap().clock().clone();
            let promised = create_future::<&'static str>();
            let set = promised.clone();
            let steps = Arc::new(AtomicU32::new(0));
            let after = steps.clone();
            let waiter = create_task(async move {
                let ended = wait_for(&promised, SECOND).await;
                after.fetch_add(1, SeqCst);
                let ended = ended.map(Result::unwrap);
                assert_eq!(current_task().unwrap().cancelling(), 0);
                ended
            });
            settle().await;
            for event in order {
                match event {
                    Completes => set.set_result("value").unwrap(),
                    // Time passes while this task is busy: the timer fires in the same turn of the loop.
                    Expires => clock.advance_to(clock.deadline_in(SECOND)),
                    Cancel => assert!(waiter.cancel_with("outside")),
                }
            }
            let cancelled = order.contains(&Cancel);
            let completed = order.contains(&Completes);
            match waiter.await {
                Err(error) => {
                    assert!(cancelled, "{order:?}: nobody asked");
                    assert_eq!(error.as_cancelled().unwrap().message(), Some("outside"), "{order:?}");
                    assert_eq!(steps.load(SeqCst), 0, "{order:?}: the code after the wait ran");
                }
                Ok(Ok(value)) => {
                    assert_eq!(value, "value");
                    assert!(completed && !cancelled, "{order:?}");
                }
                Ok(Err(TimeoutError)) => {
                    assert!(order.contains(&Expires) && !cancelled, "{order:?}");
                }
            }
        });
    }
}
