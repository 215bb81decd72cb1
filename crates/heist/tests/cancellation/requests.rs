//! Requests, their delivery and their answers, in one task.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use heist::{catch_cancelled, create_task, current_task, raise_cancelled, sleep, yield_now};

use crate::common::{LONG, settle, turns};
use crate::support::{in_order, on_each_flavour};

#[test]
fn b029_cancelled_sleeper_ends_cancelled_and_a_further_cancel_is_refused() {
    on_each_flavour(|| async {
        let mut task = create_task(sleep(LONG));
        settle().await;
        assert!(task.cancel());
        (&mut task).await;
        assert!(task.cancelled());
        assert!(!task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn b030_cancel_before_the_first_step_runs_nothing_and_keeps_the_message() {
    in_order(async {
        let task = create_task(async { unreachable!("the body must not run") });
        assert!(task.cancel_with("too early"));
        let error = task.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("too early"));
    });
}

#[test]
fn b031_cancel_between_two_yields_comes_at_the_next_resumption() {
    in_order(async {
        let steps = Arc::new(AtomicU32::new(0));
        let seen = steps.clone();
        let task = create_task(async move {
            yield_now().await;
            seen.fetch_add(1, SeqCst);
            yield_now().await;
            seen.fetch_add(1, SeqCst);
        });
        turns(2).await;
        assert_eq!(steps.load(SeqCst), 1);
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(steps.load(SeqCst), 1);
    });
}

#[test]
fn b033_future_and_task_cancelled_in_one_turn_give_one_cancelled_task() {
    in_order(async {
        for future_first in [true, false] {
            let future = heist::create_future::<()>();
            let waited = future.clone();
            let mut task = create_task(async move { waited.await.unwrap() });
            turns(2).await;
            if future_first {
                assert!(future.cancel());
                assert!(task.cancel());
            } else {
                assert!(task.cancel());
                assert!(future.cancel());
            }
            (&mut task).await;
            assert!(task.cancelled() && future.cancelled());
        }
    });
}

#[test]
fn a018_after_a_delivered_cancel_the_task_holds_nothing_of_the_future() {
    on_each_flavour(|| async {
        let held = Arc::new(());
        let future = heist::create_future::<Arc<()>>();
        let waited = future.clone();
        let inside = held.clone();
        let task = create_task(async move {
            let caught = catch_cancelled(async move {
                let _inside = inside;
                waited.await.map(drop)
            });
            assert!(caught.await.is_err());
            pending::<()>().await;
        });
        settle().await;
        assert_eq!(Arc::strong_count(&held), 2);
        task.cancel();
        settle().await;
        assert!(!task.done());
        assert_eq!(Arc::strong_count(&held), 1, "what awaited the future is gone");
        assert!(future.cancelled(), "and it was cancelled with its waiter");
        task.cancel();
        assert!(task.await.is_err());
    });
}

#[test]
fn a022_code_that_handles_every_error_of_its_own_does_not_swallow_a_cancel() {
    on_each_flavour(|| async {
        let task = create_task(async {
            loop {
                // Whatever goes wrong is tried again.
                let result: Result<(), Box<dyn std::error::Error + Send + Sync>> = async {
                    sleep(LONG).await;
                    Err("once more".into())
                }
                .await;
                if result.is_ok() {
                    break;
                }
            }
        });
        settle().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn b035_a_caught_cancel_and_a_value_is_a_normal_end() {
    on_each_flavour(|| async {
        let mut task = create_task(async {
            match catch_cancelled(sleep(LONG)).await {
                Ok(()) => 1,
                Err(_) => 42,
            }
        });
        settle().await;
        assert!(task.cancel());
        (&mut task).await;
        assert!(!task.cancelled());
        assert_eq!(task.await.unwrap(), 42);
    });
}

#[test]
fn b036_a_swallowed_cancel_disturbs_no_later_wait() {
    on_each_flavour(|| async {
        let task = create_task(async {
            assert!(catch_cancelled(sleep(LONG)).await.is_err());
            sleep(Duration::from_secs(1)).await;
            catch_cancelled(sleep(Duration::from_secs(1))).await.unwrap();
            "undisturbed"
        });
        settle().await;
        task.cancel();
        assert_eq!(task.await.unwrap(), "undisturbed");
    });
}

#[test]
fn b037_self_cancel_interrupts_the_next_suspension() {
    on_each_flavour(|| async {
        let passed = Arc::new(AtomicU32::new(0));
        let seen = passed.clone();
        let task = create_task(async move {
            current_task().unwrap().cancel();
            seen.fetch_add(1, SeqCst);
            sleep(LONG).await;
            seen.fetch_add(10, SeqCst);
        });
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(passed.load(SeqCst), 1);
    });
}

#[test]
fn b038_self_cancel_and_return_ends_cancelled() {
    on_each_flavour(|| async {
        let mut task = create_task(async {
            current_task().unwrap().cancel_with("at the end");
            12
        });
        (&mut task).await;
        assert!(task.cancelled());
        assert_eq!(task.await.unwrap_err().as_cancelled().unwrap().message(), Some("at the end"));
    });
}

#[test]
fn b039_self_cancel_before_an_await_of_another_task_cancels_that_one() {
    on_each_flavour(|| async {
        let answered = Arc::new(AtomicU32::new(0));
        let seen = answered.clone();
        let inner = create_task(async move {
            if let Err(error) = catch_cancelled(sleep(LONG)).await {
                seen.fetch_add(1, SeqCst);
                error.resume().await
            }
        });
        let inner_ref = inner.task_ref();
        let outer = create_task(async move {
            current_task().unwrap().cancel();
            inner.await.unwrap();
        });
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(inner_ref.cancelled());
        assert_eq!(answered.load(SeqCst), 1);
    });
}

#[test]
fn b040_the_message_travels_to_those_who_wait() {
    on_each_flavour(|| async {
        let inner = create_task(sleep(LONG));
        let outer = create_task(async move { inner.await.unwrap() });
        settle().await;
        outer.cancel_with("the reason");
        assert_eq!(outer.await.unwrap_err().as_cancelled().unwrap().message(), Some("the reason"));
        let plain = create_task(sleep(LONG));
        plain.cancel();
        assert_eq!(plain.await.unwrap_err().as_cancelled().unwrap().message(), None);
    });
}

#[test]
fn b041_each_cancel_counts() {
    in_order(async {
        let task = create_task(sleep(LONG));
        assert_eq!(task.cancelling(), 0);
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 1);
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 2);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn b042_cancelling_counts_while_cancelled_waits_for_the_end() {
    in_order(async {
        let mut task = create_task(async {
            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
            sleep(Duration::from_secs(1)).await;
            error.resume().await
        });
        settle().await;
        task.cancel();
        settle().await;
        assert_eq!((task.cancelling(), task.cancelled(), task.done()), (1, false, false));
        (&mut task).await;
        assert!(task.cancelled());
    });
}

#[test]
fn b043_b044_uncancel_lowers_the_count_and_the_task_can_be_cancelled_again() {
    on_each_flavour(|| async {
        let mut task = create_task(async {
            assert!(catch_cancelled(sleep(LONG)).await.is_err());
            assert_eq!(current_task().unwrap().uncancel(), 0);
            assert_eq!(current_task().unwrap().cancelling(), 0);
            sleep(LONG).await;
        });
        settle().await;
        task.cancel();
        settle().await;
        assert_eq!(task.cancelling(), 0);
        assert!(!task.done());
        task.cancel();
        (&mut task).await;
        assert!(task.cancelled());
        task.uncancel();
        assert!(task.cancelled());
    });
}

#[test]
fn b045_a_request_taken_back_before_its_delivery_is_dropped() {
    in_order(async {
        let task = create_task(async {
            yield_now().await;
            "finished"
        });
        turns(1).await;
        task.cancel();
        assert_eq!(task.uncancel(), 0);
        assert_eq!(task.await.unwrap(), "finished");
    });
}

#[test]
fn b046_a_hand_written_timeout_block_leaves_the_counter_at_zero() {
    on_each_flavour(|| async {
        let after = create_task(async {
            let me = current_task().unwrap();
            let timer = {
                let me = me.clone();
                create_task(async move {
                    sleep(Duration::from_secs(1)).await;
                    me.cancel();
                })
            };
            let ended = catch_cancelled(sleep(LONG)).await;
            timer.cancel();
            if let Err(error) = ended {
                if me.uncancel() > 0 {
                    error.resume().await
                }
            }
            assert_eq!(me.cancelling(), 0);
            sleep(Duration::from_secs(1)).await;
            "after the block"
        });
        assert_eq!(after.await.unwrap(), "after the block");
    });
}

#[test]
fn b047_the_innermost_sees_the_cancel_first_and_an_outer_one_may_catch_it() {
    on_each_flavour(|| async {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = order.clone();
        let task = create_task(async move {
            let inner = async {
                if let Err(error) = catch_cancelled(sleep(LONG)).await {
                    seen.lock().unwrap().push("inner");
                    error.resume().await
                }
            };
            if catch_cancelled(inner).await.is_err() {
                seen.lock().unwrap().push("outer");
            }
            "normal end"
        });
        settle().await;
        task.cancel();
        assert_eq!(task.await.unwrap(), "normal end");
        assert_eq!(*order.lock().unwrap(), ["inner", "outer"]);
    });
}

#[test]
fn b048_a_cancelled_sleeper_leaves_no_timer() {
    on_each_flavour(|| async {
        let start = now();
        let task = create_task(sleep(LONG));
        settle().await;
        task.cancel();
        assert!(task.await.is_err());
        // With the timer still armed, this wait for nothing would end at it; the clock jumps to the next timer only.
        sleep(Duration::from_secs(1)).await;
        assert!(now() - start < Duration::from_secs(2));
    });
}

fn now() -> Duration {
    Duration::from_nanos(heist::Handle::current().unwrap().clock().now())
}

#[test]
fn b049_a_timer_cancels_a_long_sleeper_after_the_short_time() {
    on_each_flavour(|| async {
        let start = now();
        let sleeper = create_task(sleep(LONG));
        let target = sleeper.task_ref();
        let timer = create_task(async move {
            sleep(Duration::from_secs(2)).await;
            target.cancel();
        });
        assert!(sleeper.await.unwrap_err().is_cancelled());
        assert_eq!((now() - start).as_secs(), 2);
        timer.await.unwrap();
    });
}

#[test]
fn b050_raising_a_cancellation_without_a_request_ends_the_task_cancelled() {
    on_each_flavour(|| async {
        let mut task = create_task(async { raise_cancelled().await });
        (&mut task).await;
        assert!(task.cancelled());
        assert_eq!(task.cancelling(), 0);
    });
}
