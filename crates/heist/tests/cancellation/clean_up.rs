//! `try_finally`: a clean-up runs exactly once.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use heist::{CancelledError, catch_cancelled, create_task, current_task, sleep, try_finally};

use crate::common::{LONG, settle};
use crate::support::{for_each_flavour, in_order, on_each_flavour};

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
    for_each_flavour(|builder| {
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
    for_each_flavour(|builder| {
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
        assert!(text.contains("clean-up of") && text.contains(&format!("clean_up.rs:{line}:")), "{text}");
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
    for_each_flavour(|builder| {
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
        assert!(told[0].contains("try_finally") && told[0].contains("clean_up.rs"), "{told:?}");
    });
}
