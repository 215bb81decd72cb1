//! Timeout scopes. Behaviours TIMEOUT.
#![cfg(not(heist_loom))]

mod support;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{
    Handle, TimeoutError, TimeoutScope, catch_cancelled, create_task, current_task, sleep, timeout,
    timeout_at, timeout_scope, timeout_scope_at, yield_now,
};
use support::{in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn now() -> Duration {
    Handle::current().unwrap().time()
}

/// Lets every other task come to rest: with virtual time, a moment passes only when nothing can run.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// What a thread that is busy for so long does to the clock.
fn be_busy(time: Duration) {
    let handle = Handle::current().unwrap();
    let until = handle.clock().deadline_in(time);
    handle.clock().advance_to(until);
}

fn text(scope: &TimeoutScope) -> String {
    format!("{scope:?}")
}

#[test]
fn b110_an_expired_scope_raises_and_says_that_it_expired() {
    on_each_flavour(|| async {
        let start = now();
        let mut kept = None;
        let ended = timeout_scope(SECOND, async |scope| {
            kept = Some(scope);
            sleep(LONG).await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert!(kept.unwrap().expired());
        assert_eq!((now() - start).as_secs(), 1);
        assert_eq!(timeout(SECOND, sleep(LONG)).await, Err(TimeoutError));
    });
}

#[test]
fn b111_an_absolute_deadline_stays_readable() {
    on_each_flavour(|| async {
        let deadline = now() + SECOND;
        let mut kept = None;
        let ended = timeout_scope_at(deadline, async |scope: TimeoutScope| {
            kept = Some(scope.clone());
            assert_eq!(scope.when(), Some(deadline));
            sleep(LONG).await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        let scope = kept.unwrap();
        assert_eq!((scope.when(), scope.expired()), (Some(deadline), true));
        assert!(now() >= deadline && now() < deadline + SECOND);
        let limited = timeout_at(now() + SECOND, sleep(LONG));
        assert_eq!(limited.when(), Some(now() + SECOND));
        assert_eq!(limited.await, Err(TimeoutError));
    });
}

#[test]
fn b112_of_two_scopes_that_expire_together_the_outer_raises() {
    on_each_flavour(|| async {
        for catching in [false, true] {
            let deadline = now() + SECOND;
            let scopes = Arc::new(Mutex::new(Vec::new()));
            let seen = scopes.clone();
            let ended = timeout_scope_at(deadline, async |outer| {
                seen.lock().unwrap().push(outer);
                let inner = timeout_scope_at(deadline, async |inner| {
                    seen.lock().unwrap().push(inner);
                    if catching {
                        // With something inside that answers, both are cancelled step by step.
                        let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                        error.resume().await
                    }
                    sleep(LONG).await;
                });
                let _ = inner.await;
                unreachable!("the inner scope lets the cancel pass");
            });
            assert_eq!(ended.await, Err::<(), _>(TimeoutError));
            assert!(scopes.lock().unwrap().iter().all(TimeoutScope::expired), "{catching}");
            assert_eq!(scopes.lock().unwrap().len(), 2);
            let nested = timeout_at(now() + SECOND, timeout_at(now() + SECOND, sleep(LONG)));
            assert_eq!(nested.await, Err(TimeoutError));
        }
    });
}

#[test]
fn b113_the_block_sees_the_expiry_as_a_cancellation() {
    on_each_flavour(|| async {
        let mut caught = false;
        let ended = timeout(SECOND, async {
            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
            caught = true;
            error.resume().await
        });
        assert_eq!(ended.await, Err::<(), _>(TimeoutError));
        assert!(caught);
    });
}

#[test]
fn b114_a_block_that_ends_in_time_leaves_nothing() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = timeout_scope(LONG, async |scope: TimeoutScope| {
            kept = Some((scope.clone(), scope.when()));
            sleep(SECOND).await;
            7
        });
        assert_eq!(ended.await, Ok(7));
        let (scope, when) = kept.unwrap();
        assert!(!scope.expired());
        assert!(when.is_some() && scope.when() == when);
        sleep(LONG * 2).await;
        assert!(!scope.expired());
    });
}

#[test]
fn b115_no_limit_never_fires_and_has_no_deadline() {
    on_each_flavour(|| async {
        let ended = timeout_scope(None, async |scope: TimeoutScope| {
            assert_eq!(scope.when(), None);
            sleep(LONG).await;
            "done"
        });
        assert_eq!(ended.await, Ok("done"));
        let limited = timeout(None, sleep(LONG));
        assert_eq!(limited.when(), None);
        assert_eq!(limited.await, Ok(()));
        assert_eq!(timeout_at(None, sleep(LONG)).await, Ok(()));
    });
}

#[test]
fn b116_a_zero_limit_fires_at_the_first_suspension() {
    on_each_flavour(|| async {
        assert_eq!(timeout(Duration::ZERO, sleep(Duration::ZERO)).await, Err(TimeoutError));
        let mut begun = false;
        let ended = timeout_scope(Duration::ZERO, async |_| {
            begun = true;
            sleep(Duration::ZERO).await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert!(begun);
        assert_eq!(timeout_scope(Duration::ZERO, async |_| 7).await, Ok(7));
    });
}

#[test]
fn b117_a_deadline_in_the_past_is_as_zero() {
    on_each_flavour(|| async {
        sleep(SECOND * 5).await;
        let start = now();
        let past = start - SECOND;
        assert_eq!(timeout_at(past, sleep(Duration::ZERO)).await, Err(TimeoutError));
        let ended = timeout_scope_at(past, async |scope: TimeoutScope| {
            assert_eq!(scope.when(), Some(past));
            sleep(Duration::ZERO).await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert_eq!(now(), start);
    });
}

#[test]
fn b118_an_error_before_the_expiry_passes_unchanged() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = timeout_scope(LONG, async |scope| {
            kept = Some(scope);
            settle().await;
            Err::<(), _>("broken")
        });
        assert_eq!(ended.await, Ok(Err("broken")));
        assert!(!kept.unwrap().expired());
    });
}

#[test]
fn b119_an_error_of_the_clean_up_wins() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = timeout_scope(SECOND, async |scope| {
            kept = Some(scope);
            catch_cancelled(sleep(LONG)).await.map_err(|_| "clean-up failed")
        });
        assert_eq!(ended.await, Ok(Err("clean-up failed")));
        assert!(kept.unwrap().expired());
    });
}

#[test]
fn b120_a_cancel_before_the_expiry_is_no_timeout() {
    on_each_flavour(|| async {
        let kept = Arc::new(Mutex::new(None));
        for plain in [false, true] {
            let keep = kept.clone();
            let task = create_task(async move {
                if plain {
                    return timeout(LONG, sleep(LONG)).await;
                }
                timeout_scope(LONG, async |scope| {
                    *keep.lock().unwrap() = Some(scope);
                    sleep(LONG).await;
                })
                .await
            });
            settle().await;
            task.cancel_with("from outside");
            let error = task.await.unwrap_err();
            assert_eq!(error.as_cancelled().unwrap().message(), Some("from outside"));
        }
        assert!(!kept.lock().unwrap().as_ref().unwrap().expired());
    });
}

#[test]
fn b121_after_a_handled_expiry_the_task_goes_on() {
    on_each_flavour(|| async {
        let task = create_task(async {
            assert_eq!(timeout(SECOND, sleep(LONG)).await, Err(TimeoutError));
            assert!(timeout_scope(SECOND, async |_| sleep(LONG).await).await.is_err());
            assert_eq!(current_task().unwrap().cancelling(), 0);
            sleep(SECOND).await;
            "finished"
        });
        assert_eq!(task.await.unwrap(), "finished");
    });
}

#[test]
fn b122_an_outer_expiry_passes_through_the_inner_as_a_cancel() {
    on_each_flavour(|| async {
        let mut inner_scope = None;
        let mut seen = Vec::new();
        let ended = timeout_scope(SECOND, async |_| {
            let inner = timeout_scope(LONG, async |scope| {
                inner_scope = Some(scope);
                let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                seen.push("cancelled");
                error.resume().await
            });
            let ended: Result<(), _> = inner.await;
            seen.push("after the inner");
            ended
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert_eq!(seen, ["cancelled"]);
        assert!(!inner_scope.unwrap().expired());
    });
}

#[test]
fn b123_both_deadlines_passed_in_a_busy_time_end_the_work_at_once() {
    on_each_flavour(|| async {
        for (outer, inner) in [(1, 2), (2, 1), (1, 1)] {
            let start = now();
            let ended = timeout(SECOND * outer, async {
                let ended = timeout(SECOND * inner, async {
                    be_busy(SECOND * 3);
                    sleep(LONG).await;
                });
                let _ = ended.await;
                sleep(LONG).await;
            });
            assert_eq!(ended.await, Err(TimeoutError), "{outer} {inner}");
            assert!(now() - start < SECOND * 4, "{outer} {inner}");
        }
    });
}

#[test]
fn b124_another_task_moves_or_removes_the_deadline() {
    on_each_flavour(|| async {
        // (the deadline, where it is moved to, how the scope ends, after how many seconds)
        let cases = [
            (Some(10), Some(1), true, 1),
            (Some(1), Some(10), true, 10),
            (Some(1), None, false, 20),
            (None, Some(3), true, 3),
            (Some(10), Some(0), true, 0),
        ];
        for (before, after, expires, seconds) in cases {
            let seconds: u32 = seconds;
            let start = now();
            let (sender, receiver) = heist::sync::oneshot::channel();
            let blocked = create_task(async move {
                timeout_scope(before.map(Duration::from_secs), async |scope: TimeoutScope| {
                    assert!(sender.send(scope).is_ok());
                    sleep(SECOND * 20).await;
                })
                .await
            });
            let scope = receiver.await.unwrap();
            let when = after.map(|seconds| start + SECOND * seconds);
            scope.reschedule(when).unwrap();
            assert_eq!(scope.when(), when);
            assert_eq!(blocked.await.unwrap().is_err(), expires);
            assert_eq!(scope.expired(), expires);
            assert_eq!(scope.when(), when);
            assert_eq!((now() - start).as_secs(), u64::from(seconds));
        }
    });
}

#[test]
fn b125_a_scope_in_the_clean_up_of_an_expired_one_works() {
    on_each_flavour(|| async {
        let start = now();
        let mut inner = None;
        let ended = timeout(SECOND, async {
            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
            inner = Some(timeout(SECOND, sleep(LONG)).await);
            error.resume().await
        });
        assert_eq!(ended.await, Err::<(), _>(TimeoutError));
        assert_eq!(inner, Some(Err(TimeoutError)));
        assert_eq!((now() - start).as_secs(), 2);
    });
}

/// Runs `after` in a task that has swallowed a cancel.
async fn after_a_swallowed_cancel<T: Send + 'static>(
    after: impl Future<Output = T> + Send + 'static,
) -> heist::Task<T> {
    let task = create_task(async move {
        assert!(catch_cancelled(sleep(LONG)).await.is_err());
        assert_eq!(current_task().unwrap().cancelling(), 1);
        after.await
    });
    settle().await;
    task.cancel();
    settle().await;
    task
}

#[test]
fn b126_a_scope_after_a_swallowed_cancel_converts_its_expiry() {
    on_each_flavour(|| async {
        let task = after_a_swallowed_cancel(timeout(SECOND, sleep(LONG))).await;
        assert_eq!(task.await.unwrap(), Err(TimeoutError));
        let block = async { timeout_scope(SECOND, async |_| sleep(LONG).await).await };
        assert_eq!(after_a_swallowed_cancel(block).await.await.unwrap(), Err(TimeoutError));
    });
}

#[test]
fn b127_a_new_cancel_there_is_a_cancel() {
    on_each_flavour(|| async {
        let task = after_a_swallowed_cancel(timeout(LONG, sleep(LONG))).await;
        task.cancel_with("anew");
        assert_eq!(task.await.unwrap_err().as_cancelled().unwrap().message(), Some("anew"));
        let block = async { timeout_scope(LONG, async |_| sleep(LONG).await).await };
        let task = after_a_swallowed_cancel(block).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn b128_a034_reschedule_is_refused_when_the_scope_is_no_longer_active() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = timeout_scope(SECOND, async |scope: TimeoutScope| {
            assert!(text(&scope).contains("active") && text(&scope).contains("when: Some("), "{scope:?}");
            kept = Some(scope.clone());
            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
            assert!(text(&scope).contains("expiring"), "{scope:?}");
            let refused = scope.reschedule(None).unwrap_err();
            assert!(refused.to_string().contains("expiring"), "{refused}");
            error.resume().await
        });
        assert_eq!(ended.await, Err::<(), _>(TimeoutError));
        let scope = kept.unwrap();
        assert!(text(&scope).contains("expired"), "{scope:?}");
        let refused = scope.reschedule(now() + LONG).unwrap_err();
        assert!(refused.to_string().contains("expired"), "{refused}");

        let finished = timeout_scope(SECOND, async |scope| scope).await.unwrap();
        assert!(text(&finished).contains("finished"), "{finished:?}");
        let refused = finished.reschedule(None).unwrap_err();
        assert!(refused.to_string().contains("finished"), "{refused}");
    });
}

#[test]
fn b129_a_swallowed_expiry_raises_nothing() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = timeout_scope(SECOND, async |scope| {
            kept = Some(scope);
            assert!(catch_cancelled(sleep(LONG)).await.is_err());
            "went on"
        });
        assert_eq!(ended.await, Ok("went on"));
        assert!(kept.unwrap().expired());
        let swallows = timeout(SECOND, async { catch_cancelled(sleep(LONG)).await.is_err() });
        assert_eq!(swallows.await, Ok(true));
        // And the task is as it was.
        assert_eq!(current_task().unwrap().cancelling(), 0);
        sleep(SECOND).await;
    });
}

#[test]
fn a_scope_may_be_moved_from_its_own_body() {
    on_each_flavour(|| async {
        let start = now();
        let ended = timeout_scope(SECOND, async |scope: TimeoutScope| {
            scope.reschedule(start + SECOND * 3).unwrap();
            sleep(LONG).await;
        });
        assert!(ended.await.is_err());
        assert_eq!((now() - start).as_secs(), 3);
        let ended = timeout_scope(LONG, async |scope: TimeoutScope| {
            scope.reschedule(Duration::ZERO).unwrap();
            yield_now().await;
            yield_now().await;
            unreachable!("the deadline has passed");
        });
        assert_eq!(ended.await, Err::<(), _>(TimeoutError));
    });
}

#[test]
fn a_scope_that_is_dropped_has_finished() {
    in_order(async {
        let kept = Arc::new(Mutex::new(None));
        let keep = kept.clone();
        let task = create_task(async move {
            timeout_scope(LONG, async |scope| {
                *keep.lock().unwrap() = Some(scope);
                pending::<()>().await
            })
            .await
        });
        settle().await;
        task.cancel();
        assert!(task.await.is_err());
        let scope = kept.lock().unwrap().take().unwrap();
        assert!(text(&scope).contains("finished"));
        assert!(scope.reschedule(None).is_err());
    });
}
