//! Through tasks that wait for tasks, and scopes within scopes.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use heist::{catch_cancelled, create_task, current_task, sleep};

use crate::common::{LONG, settle};
use crate::support::{for_each_flavour, on_each_flavour};

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

/// Polls a future that has to wait, once.
async fn begin(mut future: Pin<&mut impl Future>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_dormant_scope_hands_the_request_on() {
    on_each_flavour(|| async {
        let task = create_task(async {
            let mut scope = pin!(catch_cancelled(sleep(LONG)));
            begin(scope.as_mut()).await;
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
                begin(scope.as_mut()).await;
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
    for_each_flavour(|builder| {
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
