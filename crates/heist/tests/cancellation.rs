//! Cancellation: requests, their delivery, their answers. Behaviours CANCEL.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use heist::{
    CancelledError, catch_cancelled, create_task, current_task, raise_cancelled, sleep, try_finally,
    yield_now,
};
use support::{in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);

async fn turns(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// Lets every other task come to rest: with virtual time, a moment passes only when nothing can run.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

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

// ---- the tree ----------------------------------------------------------------------------------------------------

#[test]
fn a_waiting_task_passes_its_cancel_on_and_waits_for_the_end() {
    on_each_flavour(|| async {
        let clean = Arc::new(AtomicU32::new(0));
        let seen = clean.clone();
        let inner = create_task(async move {
            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
            sleep(Duration::from_secs(1)).await;
            seen.fetch_add(1, SeqCst);
            error.resume().await
        });
        let outer = create_task(async move { inner.await.unwrap() });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(clean.load(SeqCst), 1, "the clean-up of the awaited task comes first");
    });
}

#[test]
fn a_target_that_answers_with_a_value_consumes_the_request() {
    on_each_flavour(|| async {
        let inner = create_task(async { catch_cancelled(sleep(LONG)).await.map_or(7, |()| 0) });
        let outer = create_task(async move { inner.await.unwrap() });
        settle().await;
        outer.cancel();
        assert_eq!(outer.await.unwrap(), 7);
    });
}

#[test]
fn a_target_cancelled_by_somebody_else_is_a_value() {
    on_each_flavour(|| async {
        let inner = create_task(sleep(LONG));
        let other = inner.task_ref();
        let outer = create_task(async move { inner.await.is_err() });
        settle().await;
        other.cancel();
        assert!(outer.await.unwrap());
    });
}

#[test]
fn a_scope_in_an_executor_inside_the_task_is_reached() {
    use std::sync::Mutex;
    use std::task::{Context, Wake, Waker};
    // An executor that polls its one future only when that was woken, with a waker of its own.
    struct Inner(Mutex<(bool, Option<Waker>)>);
    impl Wake for Inner {
        fn wake(self: Arc<Self>) {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            if let Some(waker) = &state.1 {
                waker.wake_by_ref();
            }
        }
    }
    on_each_flavour(|| async {
        let task = create_task(async {
            let inner = Arc::new(Inner(Mutex::new((true, None))));
            let waker = Waker::from(inner.clone());
            let mut future = pin!(catch_cancelled(sleep(LONG)));
            let ended = poll_fn(|cx| {
                let woken = {
                    let mut state = inner.0.lock().unwrap();
                    state.1 = Some(cx.waker().clone());
                    std::mem::take(&mut state.0)
                };
                if woken { future.as_mut().poll(&mut Context::from_waker(&waker)) } else { Poll::Pending }
            });
            ended.await.is_err()
        });
        settle().await;
        task.cancel();
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_dormant_scope_hands_the_request_on() {
    on_each_flavour(|| async {
        let task = create_task(async {
            let mut scope = pin!(catch_cancelled(sleep(LONG)));
            poll_fn(|cx| {
                assert!(scope.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            // Nobody polls the scope any more.
            pending::<()>().await;
        });
        settle().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_dormant_scope_inside_another_hands_the_request_to_that_one() {
    on_each_flavour(|| async {
        let task = create_task(async {
            let outer = catch_cancelled(async {
                let mut scope = pin!(catch_cancelled(sleep(LONG)));
                poll_fn(|cx| {
                    assert!(scope.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                pending::<()>().await;
            });
            outer.await.is_err()
        });
        settle().await;
        task.cancel();
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_task_left_by_a_select_is_not_cancelled_with_the_one_that_left_it() {
    on_each_flavour(|| async {
        let mut left = create_task(sleep(Duration::from_secs(5)));
        let holder = left.task_ref();
        let task = create_task(async move {
            assert!(
                heist::timeout(Duration::from_secs(1), async { left.poll_done_once().await }).await.is_ok()
            );
            sleep(LONG).await;
            drop(left);
        });
        sleep(Duration::from_secs(2)).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!holder.cancelled());
        assert_eq!(holder.cancelling(), 0);
    });
}

trait PollOnce {
    async fn poll_done_once(&mut self);
}

impl<T> PollOnce for heist::Task<T> {
    async fn poll_done_once(&mut self) {
        let mut wait = pin!(std::future::IntoFuture::into_future(self));
        poll_fn(|cx| {
            assert!(wait.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}

#[test]
fn all_leaves_of_a_join_are_asked_and_the_request_counts_once() {
    on_each_flavour(|| async {
        let task = create_task(async {
            let mut first = pin!(catch_cancelled(sleep(LONG)));
            let mut second = pin!(catch_cancelled(sleep(LONG)));
            let mut ended = [false; 2];
            poll_fn(|cx| {
                ended[0] = ended[0] || first.as_mut().poll(cx).is_ready();
                ended[1] = ended[1] || second.as_mut().poll(cx).is_ready();
                if ended == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            current_task().unwrap().cancelling()
        });
        settle().await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn main_is_cancelled_like_any_task() {
    support::for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        let ended = runner.run(async {
            current_task().unwrap().cancel_with("enough");
            sleep(LONG).await;
        });
        match ended {
            Err(heist::RunError::Cancelled(error)) => assert_eq!(error.message(), Some("enough")),
            other => panic!("{other:?}"),
        }
        let answered = runner.run(async {
            current_task().unwrap().cancel();
            catch_cancelled(sleep(LONG)).await.is_err()
        });
        assert!(answered.unwrap());
    });
}

// ---- try_finally -------------------------------------------------------------------------------------------------

/// Counts what its clean-up did.
struct Resource(Arc<AtomicU32>);

impl Resource {
    async fn close(self) {
        sleep(Duration::from_secs(1)).await;
        self.0.fetch_add(1, SeqCst);
    }
}

fn guarded<T: Send>(
    closed: &Arc<AtomicU32>,
    body: impl Future<Output = T> + Send,
) -> impl Future<Output = T> + Send {
    try_finally(Resource(closed.clone()), async move |_| body.await, |resource| resource.close())
}

#[test]
fn the_clean_up_runs_once_whatever_happens() {
    on_each_flavour(|| async {
        for how in ["value", "panic", "cancel", "timeout", "drop", "cancel twice", "never polled"] {
            let closed = Arc::new(AtomicU32::new(0));
            let seen = closed.clone();
            let task = create_task(async move {
                let work = guarded(&seen, async move {
                    match how {
                        "value" => {}
                        "panic" => std::panic::resume_unwind(Box::new("a panic")),
                        _ => sleep(LONG).await,
                    }
                });
                match how {
                    "timeout" => assert!(heist::timeout(Duration::from_secs(5), work).await.is_err()),
                    "drop" => {
                        let mut work = Box::pin(work);
                        poll_fn(|cx| {
                            assert!(work.as_mut().poll(cx).is_pending());
                            Poll::Ready(())
                        })
                        .await;
                    }
                    "never polled" => drop(work),
                    _ => work.await,
                }
            });
            settle().await;
            if how.starts_with("cancel") {
                task.cancel();
            }
            if how == "cancel twice" {
                settle().await;
                task.cancel();
            }
            let ended = task.await;
            assert_eq!(ended.is_err(), how.starts_with("cancel") || how == "panic", "{how}: {ended:?}");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(closed.load(SeqCst), u32::from(how != "never polled"), "{how}");
        }
    });
}

#[test]
fn a_closing_loop_waits_for_clean_up() {
    support::for_each_flavour(|builder| {
        let closed = Arc::new(AtomicU32::new(0));
        let (caught, dropped) = (closed.clone(), closed.clone());
        let mut runner = builder.virtual_time().build().unwrap();
        runner
            .run(async move {
                let _ = create_task(async move { guarded(&caught, sleep(LONG)).await });
                let _ = create_task(async move {
                    let mut work = Box::pin(guarded(&dropped, sleep(LONG)));
                    poll_fn(|cx| work.as_mut().poll(cx)).await;
                });
                settle().await;
            })
            .unwrap();
        runner.close();
        assert_eq!(closed.load(SeqCst), 2);
    });
}

#[test]
fn a_cancellation_goes_on_after_the_clean_up() {
    on_each_flavour(|| async {
        let closed = Arc::new(AtomicU32::new(0));
        let seen = closed.clone();
        let task = create_task(async move {
            match catch_cancelled(guarded(&seen, sleep(LONG))).await {
                Ok(()) => panic!("the cancellation got lost"),
                Err(error) => (seen.load(SeqCst), error),
            }
        });
        settle().await;
        task.cancel_with("once");
        let (closed_then, error): (u32, CancelledError) = task.await.unwrap();
        assert_eq!((closed_then, error.message()), (1, Some("once")));
    });
}

#[test]
fn a_clean_up_that_hangs_is_reported_with_its_name_and_its_site() {
    support::for_each_flavour(|builder| {
        let mut runner = builder.shutdown_timeout(Duration::from_millis(50)).build().unwrap();
        let line = line!() + 3;
        runner
            .run(async {
                let hangs = try_finally((), async |()| pending::<()>().await, |()| pending::<()>());
                let mut hangs = Box::pin(hangs);
                poll_fn(|cx| {
                    assert!(hangs.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
            })
            .unwrap();
        let report = runner.close();
        assert_eq!(report.tasks.len(), 1, "{report}");
        let text = report.to_string();
        assert!(text.contains("clean-up of") && text.contains(&format!("cancellation.rs:{line}:")), "{text}");
    });
}

#[test]
fn an_await_in_a_poll_that_has_spent_its_budget_passes_a_cancel_on() {
    in_order(async {
        let inner = create_task(sleep(LONG));
        let watch = inner.task_ref();
        let outer = create_task(async move {
            // Each ready await of a task spends a unit; this is more than a poll has.
            for _ in 0..127 {
                heist::task(async {}).eager(true).spawn().await.unwrap();
            }
            current_task().unwrap().cancel();
            heist::task(async {}).eager(true).spawn().await.unwrap();
            inner.await.unwrap();
        });
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(watch.cancelled(), "the awaited task was cancelled too");
    });
}

#[test]
fn a_clean_up_that_no_loop_can_run_is_reported_to_the_exception_handler() {
    support::for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = told.clone();
        let hangs = runner
            .run(async move {
                let keep = move |_: &heist::Handle, context: &heist::ExceptionContext| {
                    seen.lock().unwrap().push(context.to_string());
                };
                heist::Handle::current().unwrap().set_exception_handler(Some(Arc::new(keep)));
                let mut hangs =
                    Box::pin(try_finally((), async |()| pending::<()>().await, |()| pending::<()>()));
                poll_fn(|cx| {
                    assert!(hangs.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                // Begun, and taken out of the loop.
                Some(hangs)
            })
            .unwrap();
        runner.close();
        drop(hangs);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("try_finally") && told[0].contains("cancellation.rs"), "{told:?}");
    });
}
