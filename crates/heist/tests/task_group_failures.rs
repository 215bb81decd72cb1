//! Task groups that fail: by an `Err` or a panic of a task or the body, alone and nested. Behaviours TG.
#![cfg(not(heist_loom))]

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use heist::{
    GroupError, GroupFailure, Task, TaskError, TaskGroup, TimeoutError, catch_cancelled, create_task, sleep,
    task_group, timeout, yield_now,
};
use support::groups::{
    BoxError, BoxFuture, LONG, SECOND, Text, count_cancels, fail_after, fail_when_cancelled, level, now,
    settle, sorted, texts,
};
use support::{for_each_flavour, in_order, on_each_flavour};

#[test]
fn b081_the_first_failure_cancels_the_siblings_and_ends_the_parent() {
    on_each_flavour(|| async {
        let start = now();
        let cancels = Arc::new(AtomicU32::new(0));
        let counter = cancels.clone();
        let parent: Task<Result<(), GroupError<Text>>> = create_task(async move {
            task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(count_cancels(counter.clone())));
                drop(group.create_task(fail_after(SECOND, "broken")));
                drop(group.create_task(count_cancels(counter.clone())));
                Ok(())
            })
            .await?;
            unreachable!("the group has failed")
        });
        let error: GroupError<Text> = parent.await.unwrap().unwrap_err();
        assert_eq!(texts(Err::<(), _>(error)), ["broken"]);
        assert_eq!(cancels.load(SeqCst), 2);
        assert_eq!((now() - start).as_secs(), 1);
    });
}

#[test]
fn b082_a_failure_interrupts_the_body() {
    on_each_flavour(|| async {
        let start = now();
        let mut seen = None;
        let ended = task_group(async |group| {
            let failing = group.create_task(fail_after(SECOND, "broken"));
            let caught = catch_cancelled(sleep(LONG)).await;
            seen = Some((caught.is_err(), failing));
            caught.map_err(|_| "never a new error").or(Ok(()))
        });
        assert_eq!(texts(ended.await), ["broken"]);
        assert_eq!((now() - start).as_secs(), 1);
        let (interrupted, failing) = seen.unwrap();
        assert!(interrupted);
        let error = failing.await.unwrap_err();
        assert!(error.is_reported() && !error.is_cancelled(), "{error}");
        // And a body that is not inside of anything that catches goes no farther.
        let ended = task_group(async |group| {
            drop(group.create_task(fail_after(SECOND, "again")));
            pending::<Result<(), Text>>().await
        });
        assert_eq!(texts(ended.await), ["again"]);
    });
}

#[test]
fn b083_all_failures_of_one_turn_are_collected() {
    in_order(async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            for error in ["one", "two", "three"] {
                drop(group.create_task(fail_after(SECOND, error)));
            }
            drop(group.create_task(fail_after(SECOND * 2, "never")));
            sleep(LONG).await;
            Ok(())
        });
        assert_eq!(texts(ended.await), ["one", "two", "three"]);
    });
}

#[test]
fn b087_an_error_of_the_body_cancels_the_tasks_and_is_wrapped() {
    on_each_flavour(|| async {
        for delay in [None, Some(SECOND)] {
            let counter = Arc::new(AtomicU32::new(0));
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(count_cancels(counter.clone())));
                settle().await;
                if let Some(delay) = delay {
                    sleep(delay).await;
                }
                Err::<(), _>("of the body")
            });
            assert_eq!(texts(ended.await), ["of the body"]);
            assert_eq!(counter.load(SeqCst), 1);
        }
    });
}

async fn boxed(delay: Duration, error: Text) -> Result<(), BoxError> {
    sleep(delay).await;
    Err(error.into())
}

#[test]
fn b088_a028_errors_of_an_inner_group_are_nested() {
    on_each_flavour(|| async {
        for children_outside in [false, true] {
            let counter = Arc::new(AtomicU32::new(0));
            let ended = task_group(async |outer: TaskGroup<BoxError>| {
                if children_outside {
                    let cancels = counter.clone();
                    drop(outer.create_task(async move { Ok(count_cancels(cancels).await?) }));
                    settle().await;
                }
                task_group(async |inner: TaskGroup<BoxError>| {
                    drop(inner.create_task(boxed(SECOND, "inside")));
                    sleep(LONG).await;
                    Ok(())
                })
                .await?;
                Ok(())
            });
            let error = ended.await.unwrap_err();
            assert_eq!(error.errors().len(), 1);
            let nested = error.errors()[0].nested().expect("a group in the group");
            assert_eq!(nested.errors().len(), 1);
            assert_eq!(nested.errors()[0].to_string(), "inside");
            assert_eq!(error.leaves().len(), 1);
            assert_eq!(counter.load(SeqCst), u32::from(children_outside));
        }
    });
}

#[test]
fn b089_a_failure_outside_cancels_the_inner_group() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let ended = task_group(async |outer: TaskGroup<Text>| {
            drop(outer.create_task(fail_after(SECOND, "outside")));
            let inner = task_group(async |inner: TaskGroup<Text>| {
                drop(inner.create_task(count_cancels(counter.clone())));
                sleep(LONG).await;
                Ok(())
            });
            let _ = inner.await;
            unreachable!("the inner group lets the cancel pass");
        });
        assert_eq!(texts::<()>(ended.await), ["outside"]);
        assert_eq!(counter.load(SeqCst), 1);
    });
}

#[test]
fn b090_a_failure_inside_cancels_the_outer_tasks() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let ended = task_group(async |outer: TaskGroup<BoxError>| {
            let cancels = counter.clone();
            drop(outer.create_task(async move { Ok(count_cancels(cancels).await?) }));
            drop(outer.create_task(async {
                task_group(async |inner: TaskGroup<BoxError>| {
                    drop(inner.create_task(boxed(SECOND, "inside")));
                    Ok(())
                })
                .await?;
                Ok(())
            }));
            sleep(LONG).await;
            Ok(())
        });
        let error = ended.await.unwrap_err();
        assert_eq!(error.to_string(), "1 error in a task group\n└─ 1 error in a task group\n   └─ inside");
        assert_eq!(counter.load(SeqCst), 1);
    });
}

#[test]
fn b094_b101_an_error_of_a_task_and_one_of_the_bodys_clean_up_are_both_there() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            drop(group.create_task(fail_after(SECOND, "of a task")));
            fail_when_cancelled("of the body").await
        });
        assert_eq!(texts(ended.await), ["of a task", "of the body"]);
        assert_eq!(level(), 0);
        sleep(SECOND).await;
    });
}

#[test]
fn b098_one_failure_stops_tasks_that_multiply() {
    on_each_flavour(|| async {
        let refused = Arc::new(AtomicU32::new(0));
        // Boxed: a task that makes tasks of its own type.
        fn multiply(group: TaskGroup<Text>, refused: Arc<AtomicU32>) -> BoxFuture {
            Box::pin(async move {
                loop {
                    sleep(Duration::from_millis(100)).await;
                    if group.try_create_task(multiply(group.clone(), refused.clone())).is_err() {
                        refused.fetch_add(1, SeqCst);
                        return Ok(());
                    }
                }
            })
        }
        let late = refused.clone();
        let ended = task_group(async |group: TaskGroup<Text>| {
            drop(group.create_task(multiply(group.clone(), refused.clone())));
            drop(group.create_task(fail_after(Duration::from_millis(650), "stop")));
            // This one sees the end from within, and may add no more.
            let within = group.clone();
            drop(group.create_task::<_, ()>(async move {
                let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                let refused = within.try_create_task(async { Ok(()) }).unwrap_err();
                assert!(refused.to_string().contains("shutting down"), "{refused}");
                late.fetch_add(1, SeqCst);
                error.resume().await
            }));
            Ok(())
        });
        assert_eq!(texts(ended.await), ["stop"]);
        assert!(refused.load(SeqCst) >= 1);
    });
}

#[test]
fn b102_after_a_caught_group_error_the_level_is_as_before() {
    on_each_flavour(|| async {
        for before in [0, 1] {
            let task = create_task(async move {
                if before == 1 {
                    assert!(catch_cancelled(sleep(LONG)).await.is_err());
                }
                let ended = task_group(async |group: TaskGroup<Text>| {
                    drop(group.create_task(fail_after(SECOND, "broken")));
                    sleep(LONG).await;
                    Ok(())
                });
                let failed = ended.await.is_err();
                sleep(SECOND).await;
                (failed, level())
            });
            settle().await;
            if before == 1 {
                task.cancel();
            }
            assert_eq!(task.await.unwrap(), (true, before));
        }
    });
}

/// A group in a group, both with a task that fails in the same turn; what the inner one's error said to the outer one's body.
async fn fail_together() -> Vec<Text> {
    let mut between = Vec::new();
    let ended = task_group(async |outer: TaskGroup<Text>| {
        drop(outer.create_task(fail_after(SECOND, "outer")));
        let inner = task_group(async |inner: TaskGroup<Text>| {
            drop(inner.create_task(fail_after(SECOND, "inner")));
            sleep(LONG).await;
            Ok(())
        });
        between = texts(inner.await);
        sleep(LONG).await;
        unreachable!("the outer group has failed");
    });
    let ended: Result<(), _> = ended.await;
    assert_eq!(texts(ended), ["outer"]);
    assert_eq!(level(), 0);
    between
}

#[test]
fn b103_two_nested_groups_that_fail_in_one_turn() {
    on_each_flavour(|| async {
        let between = fail_together().await;
        // With several workers the outer one may come first, and then ends the inner one without its error.
        assert!(between.is_empty() || between == ["inner"]);
        sleep(SECOND).await;
    });
    in_order(async {
        assert_eq!(fail_together().await, ["inner"], "the inner error is there to be caught between the two");
    });
}

#[test]
fn b130_an_expiry_around_a_group_whose_task_fails_in_clean_up_gives_the_group_error() {
    on_each_flavour(|| async {
        let ended = timeout(SECOND, async {
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(fail_when_cancelled("in clean-up")));
                sleep(LONG).await;
                Ok(())
            });
            ended.await
        });
        assert_eq!(texts(ended.await.unwrap()), ["in clean-up"]);
        // What comes after the group inside the timeout is interrupted all the same, and the task is as before.
        let ended = timeout(SECOND, async {
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(fail_when_cancelled("in clean-up")));
                sleep(LONG).await;
                Ok(())
            });
            assert!(ended.await.is_err());
            sleep(LONG).await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert_eq!(level(), 0);
        sleep(SECOND).await;
    });
}

#[test]
fn a029_a_panic_of_the_body_leaves_the_group_bare_when_all_have_ended() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let cancels = counter.clone();
        let parent = create_task(async move {
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(count_cancels(cancels.clone())));
                settle().await;
                if level() == 0 {
                    panic!("body on fire");
                }
                Ok(())
            });
            ended.await
        });
        let error = parent.await.unwrap_err();
        assert_eq!(error.panic_message(), Some("body on fire"));
        assert_eq!(counter.load(SeqCst), 1);
    });
}

#[test]
fn panics_of_tasks_are_failures() {
    on_each_flavour(|| async {
        let mut kept = None;
        let ended = task_group(async |group: TaskGroup<Text>| {
            kept = Some(group.create_task(async {
                sleep(SECOND).await;
                assert!(level() > 0, "on fire");
                Ok(())
            }));
            sleep(LONG).await;
            Ok(())
        });
        let error = ended.await.unwrap_err();
        assert!(matches!(error.errors(), [GroupFailure::Panicked(_)]), "{error:?}");
        assert_eq!(error.errors()[0].panic_message(), Some("on fire"));
        let of_the_handle = kept.unwrap().await.unwrap_err();
        assert!(of_the_handle.is_panic());
        assert_eq!(of_the_handle.panic_message(), Some("on fire"));
    });
}

/// Panics when it is dropped.
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        panic!("the fuse");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_cancelled_task_is_a_failure() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            drop(group.create_task(async {
                let _fuse = Fuse;
                sleep(LONG).await;
                Ok(())
            }));
            settle().await;
            group.cancel();
            sleep(LONG).await;
            Ok(())
        });
        assert_eq!(ended.await.unwrap_err().errors()[0].panic_message(), Some("the fuse"));
    });
}

#[test]
fn a_body_that_awaits_the_failing_task_reports_it_once() {
    for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        for _ in 0..300 {
            let ended = runner.run(async {
                task_group(async |group: TaskGroup<BoxError>| {
                    let failing = group.create_task(async {
                        yield_now().await;
                        Err::<(), _>("broken".into())
                    });
                    failing.await?;
                    Ok(())
                })
                .await
            });
            let error = ended.unwrap().unwrap_err();
            assert_eq!(error.to_string(), "1 error in a task group\n└─ broken");
        }
    });
}

/// The group's error, where a task fails with what `make` gives, and the body awaits that task when it has.
async fn error_of_a_body_that_awaits<E: From<TaskError> + Send + 'static>(make: fn() -> E) -> GroupError<E> {
    let group = task_group(async |group: TaskGroup<E>| {
        let failing = group.create_task(async move { Err::<(), _>(make()) });
        // Until the failure interrupts the body.
        drop(catch_cancelled(pending::<()>()).await);
        failing.await?;
        Ok(())
    });
    group.await.unwrap_err()
}

#[test]
fn a_tasks_error_is_not_taken_for_one_of_the_body_whatever_question_mark_makes_of_it() {
    const ONCE: &str = "1 error in a task group\n└─ broken";
    on_each_flavour(|| async {
        let boxed = error_of_a_body_that_awaits::<BoxError>(|| "broken".into()).await;
        assert_eq!(boxed.to_string(), ONCE);
        let in_io = error_of_a_body_that_awaits(|| std::io::Error::other("broken")).await;
        assert_eq!(in_io.to_string(), ONCE);
    });
}

#[test]
fn many_failures_at_once_on_all_workers() {
    for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        for round in 0..50 {
            let ended = runner.run(async move {
                task_group(async |group: TaskGroup<Text>| {
                    for n in 0..20 {
                        drop(group.create_task(async move {
                            yield_now().await;
                            if n % 4 == 3 { Err("broken") } else { Ok(()) }
                        }));
                    }
                    if round % 2 == 0 {
                        sleep(LONG).await;
                    }
                    Ok(())
                })
                .await
            });
            let errors = sorted(ended.unwrap());
            assert!((1..=5).contains(&errors.len()));
        }
    });
}
