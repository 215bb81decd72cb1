//! Task groups. Behaviours TG.
#![cfg(not(heist_loom))]

mod support;

use std::error::Error;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use heist::{
    CancelledError, ContextVar, GroupError, GroupFailure, Handle, Task, TaskError, TaskGroup, TimeoutError,
    catch_cancelled, create_task, current_task, raise_cancelled, sleep, task_group, timeout, yield_now,
};
use support::{for_each_flavour, in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

type BoxError = Box<dyn Error + Send + Sync>;
type Text = &'static str;
type BoxFuture = Pin<Box<dyn Future<Output = Result<(), Text>> + Send>>;

fn now() -> Duration {
    Handle::current().unwrap().time()
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn fail_after(delay: Duration, error: Text) -> Result<(), Text> {
    sleep(delay).await;
    Err(error)
}

/// Sleeps for long, and fails with that when it is cancelled.
async fn fail_when_cancelled(error: Text) -> Result<(), Text> {
    catch_cancelled(sleep(LONG)).await.map_err(|_| error)
}

/// Counts how often it was cancelled.
async fn count_cancels(count: Arc<AtomicU32>) -> Result<(), Text> {
    let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
    count.fetch_add(1, SeqCst);
    error.resume().await
}

fn texts<T>(ended: Result<T, GroupError<Text>>) -> Vec<Text> {
    let Err(error) = ended else { panic!("the group has not failed") };
    error.into_iter().map(|failure| failure.into_error().unwrap()).collect()
}

/// Texts in the order of the alphabet, where the order depends on the workers.
fn sorted<T>(ended: Result<T, GroupError<Text>>) -> Vec<Text> {
    let mut texts = texts(ended);
    texts.sort_unstable();
    texts
}

fn level() -> u32 {
    current_task().unwrap().cancelling()
}

#[test]
fn b078_a_group_waits_for_all_and_results_are_readable() {
    for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        for _ in 0..100 {
            runner
                .run(async {
                    let mut kept: Vec<Task<u64>> = Vec::new();
                    let ended = task_group(async |group: TaskGroup<Text>| {
                        for n in 0..10 {
                            kept.push(group.create_task(async move {
                                sleep(Duration::from_millis(n)).await;
                                Ok(n)
                            }));
                        }
                        kept.push(group.create_infallible_task(async { 10 }));
                        Ok("body")
                    });
                    assert_eq!(ended.await.unwrap(), "body");
                    for (n, task) in kept.iter().enumerate() {
                        assert_eq!(*task.result().unwrap(), n as u64);
                    }
                })
                .unwrap();
        }
    });
}

#[test]
fn b079_tasks_may_be_added_after_other_awaits() {
    on_each_flavour(|| async {
        let sum = task_group(async |group: TaskGroup<BoxError>| {
            let first = group.create_task(async { Ok(1) });
            sleep(SECOND).await;
            let second = group.create_task(async {
                sleep(SECOND).await;
                Ok(2)
            });
            let first = first.await?;
            let third = group.create_task(async { Ok(3) });
            Ok(first + second.await? + third.await?)
        });
        assert_eq!(sum.await.unwrap(), 6);
    });
}

#[test]
fn b080_cancelling_one_task_leaves_the_group_alone() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            let cancelled = group.create_task(async {
                sleep(LONG).await;
                Ok(())
            });
            let sibling = group.create_task(async {
                sleep(SECOND).await;
                Ok("sibling")
            });
            settle().await;
            assert!(cancelled.cancel());
            assert!(cancelled.await.unwrap_err().is_cancelled());
            Ok(sibling.await.unwrap())
        });
        assert_eq!(ended.await.unwrap(), "sibling");
    });
}

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
fn b084_a_cancel_at_the_exit_cancels_the_tasks_and_waits_for_them() {
    on_each_flavour(|| async {
        let start = now();
        let counter = Arc::new(AtomicU32::new(0));
        let cancels = counter.clone();
        let parent: Task<()> = create_task(async move {
            let ended = task_group(async |group: TaskGroup<Text>| {
                for _ in 0..3 {
                    let cancels = cancels.clone();
                    drop(group.create_task::<_, ()>(async move {
                        let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                        sleep(SECOND).await;
                        cancels.fetch_add(1, SeqCst);
                        error.resume().await
                    }));
                }
                Ok(())
            });
            let _: Result<(), _> = ended.await;
            unreachable!("the parent was cancelled");
        });
        settle().await;
        assert!(parent.cancel_with("at the exit"));
        let error = parent.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("at the exit"));
        assert_eq!(counter.load(SeqCst), 3);
        assert_eq!((now() - start).as_secs(), 1);
    });
}

#[test]
fn b085_a_cancel_in_the_body_comes_once_to_body_and_tasks() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let cancels = counter.clone();
        let parent = create_task(async move {
            let ended = task_group(async |group: TaskGroup<Text>| {
                for _ in 0..5 {
                    drop(group.create_task(count_cancels(cancels.clone())));
                }
                count_cancels(cancels.clone()).await
            });
            ended.await
        });
        settle().await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
        assert_eq!(counter.load(SeqCst), 6);
    });
}

#[test]
fn b086_b093_errors_win_over_a_cancel_from_outside() {
    on_each_flavour(|| async {
        // Of the tasks while they clean up, with the body at its end (0) or inside (1); of the body (2).
        for case in 0..3 {
            let parent = create_task(async move {
                let ended = task_group(async |group: TaskGroup<Text>| {
                    if case == 2 {
                        return fail_when_cancelled("of the body").await;
                    }
                    drop(group.create_task(fail_when_cancelled("of a task")));
                    drop(group.create_task(fail_when_cancelled("of a task")));
                    if case == 1 {
                        sleep(LONG).await;
                    }
                    Ok(())
                });
                ended.await
            });
            settle().await;
            parent.cancel();
            let expected: &[Text] = if case == 2 { &["of the body"] } else { &["of a task", "of a task"] };
            assert_eq!(texts(parent.await.unwrap()), expected, "case {case}");
        }
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
fn b091_a_failure_while_the_body_cleans_up_after_a_cancel_wins() {
    on_each_flavour(|| async {
        let parent = create_task(async {
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task(async {
                    let _ = catch_cancelled(sleep(SECOND)).await;
                    Err::<(), _>("of a task")
                }));
                let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                sleep(SECOND * 2).await;
                error.resume().await
            });
            ended.await
        });
        settle().await;
        parent.cancel();
        assert_eq!(texts::<()>(parent.await.unwrap()), ["of a task"]);
    });
}

#[test]
fn b092_cancelling_a_group_without_tasks_cancels_the_parent() {
    on_each_flavour(|| async {
        let parent = create_task(async {
            let ended = task_group(async |_group: TaskGroup<Text>| {
                sleep(LONG).await;
                Ok(())
            });
            ended.await
        });
        settle().await;
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
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
fn b095_a_cancel_before_the_tasks_began_cancels_them() {
    in_order(async {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = kept.clone();
        let begun = Arc::new(AtomicU32::new(0));
        let count = begun.clone();
        let parent = create_task(async move {
            let ended = task_group(async |group: TaskGroup<Text>| {
                for _ in 0..3 {
                    let count = count.clone();
                    let task = group.create_task(async move {
                        count.fetch_add(1, SeqCst);
                        sleep(LONG).await;
                        Ok(())
                    });
                    keep.lock().unwrap().push(task.task_ref());
                }
                Ok(())
            });
            ended.await
        });
        yield_now().await;
        assert_eq!((kept.lock().unwrap().len(), begun.load(SeqCst)), (3, 0));
        parent.cancel();
        assert!(parent.await.unwrap_err().is_cancelled());
        assert!(kept.lock().unwrap().iter().all(heist::TaskRef::cancelled));
    });
}

#[test]
fn b096_ended_tasks_are_forgotten_while_the_body_runs() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            for _ in 0..50 {
                let task = group.create_task(async { Ok(()) });
                assert!(format!("{group:?}").contains("tasks: 1"), "{group:?}");
                task.await.unwrap();
                settle().await;
                assert!(format!("{group:?}").contains("tasks: 0"), "{group:?}");
            }
            assert!(format!("{group:?}").contains("state: open"), "{group:?}");
            Ok(group)
        });
        let group = ended.await.unwrap();
        assert!(format!("{group:?}").contains("state: finished"), "{group:?}");
    });
}

#[test]
fn b097_tasks_may_add_tasks_after_the_body_has_ended() {
    on_each_flavour(|| async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let seen = order.clone();
        let ended = task_group(async |group: TaskGroup<Text>| {
            let within = group.clone();
            drop(group.create_task(async move {
                sleep(SECOND).await;
                let again = within.clone();
                drop(within.create_task(async move {
                    sleep(SECOND).await;
                    drop(again.create_task(async move {
                        seen.lock().unwrap().push("grandchild");
                        Ok(())
                    }));
                    Ok(())
                }));
                Ok(())
            }));
            Ok(())
        });
        ended.await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["grandchild"]);
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

static COLOUR: ContextVar<&'static str> = ContextVar::new("colour");

#[test]
fn b099_name_and_context_reach_the_task() {
    on_each_flavour(|| async {
        let context = heist::copy_context();
        context.run(|| COLOUR.set("blue"));
        let ended = task_group(async |group: TaskGroup<Text>| {
            let task = group
                .task(async {
                    let seen = (current_task().unwrap().name(), COLOUR.get());
                    COLOUR.set("green");
                    Ok(seen)
                })
                .name("painter")
                .context(&context)
                .spawn();
            assert_eq!(&*task.name(), "painter");
            Ok(task.await.unwrap())
        });
        let (name, colour) = ended.await.unwrap();
        assert_eq!((&*name, colour), ("painter", Some("blue")));
        // It was the context itself, not a copy.
        assert_eq!(context.get(&COLOUR), Some("green"));
        assert_eq!(COLOUR.get(), None);
    });
}

#[test]
fn b100_a031_a_group_that_shuts_down_or_has_finished_takes_no_task() {
    on_each_flavour(|| async {
        let kept = Arc::new(Mutex::new(None));
        let keep = kept.clone();
        let ended = task_group(async |group: TaskGroup<Text>| {
            *keep.lock().unwrap() = Some(group.clone());
            let within = group.clone();
            drop(group.create_task::<_, ()>(async move {
                let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                let refused = within.try_create_task(async { Ok(7) }).unwrap_err();
                assert!(refused.to_string().contains("shutting down"), "{refused}");
                assert_eq!(refused.into_future().await, Ok(7));
                // Without a look at the refusal: the future is dropped, and the task says so.
                let held = Arc::new(());
                let weak = Arc::downgrade(&held);
                let task = within.create_task(async move {
                    drop(held);
                    Ok(())
                });
                assert!(weak.upgrade().is_none());
                let error_of_it = task.await.unwrap_err();
                assert!(error_of_it.to_string().contains("shutting down"), "{error_of_it}");
                error.resume().await
            }));
            settle().await;
            Err::<(), _>("end")
        });
        assert_eq!(texts(ended.await), ["end"]);
        let group = kept.lock().unwrap().take().unwrap();
        let refused = group.try_create_task(async { Ok(()) }).unwrap_err();
        assert!(refused.to_string().contains("finished"), "{refused}");
        assert!(!group.create_infallible_task(async {}).await.unwrap_err().is_cancelled());
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

#[test]
fn b103_two_nested_groups_that_fail_in_one_turn() {
    on_each_flavour(|| async {
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
        // With several workers the outer one may come first, and then ends the inner one without its error.
        assert!(between.is_empty() || between == ["inner"]);
        assert_eq!(level(), 0);
        sleep(SECOND).await;
    });
    in_order(async {
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
        assert_eq!(between, ["inner"], "the inner error is there to be caught between the two");
        assert_eq!(level(), 0);
    });
}

#[test]
fn b104_a_failure_and_a_cancel_in_one_turn() {
    in_order(async {
        for nested in [false, true] {
            let event = Arc::new(heist::Event::new());
            let set = event.clone();
            let steps = Arc::new(Mutex::new(Vec::new()));
            let seen = steps.clone();
            let parent: Task<()> = create_task(async move {
                let block = async {
                    let ended = task_group(async |group: TaskGroup<Text>| {
                        drop(group.create_task(async move {
                            set.wait().await;
                            Err::<(), _>("broken")
                        }));
                        sleep(LONG).await;
                        Ok(())
                    });
                    let ended = texts(ended.await)[0];
                    seen.lock().unwrap().push(ended);
                    assert_eq!(level(), 1);
                };
                // Also where a scope around the group ends before the next await.
                if nested {
                    timeout(LONG, block).await.unwrap();
                } else {
                    block.await;
                }
                seen.lock().unwrap().push("after the group");
                sleep(LONG).await;
                unreachable!("the cancel is kept");
            });
            settle().await;
            event.set();
            parent.cancel_with("kept");
            let error = parent.await.unwrap_err();
            assert_eq!(error.as_cancelled().unwrap().message(), Some("kept"));
            assert_eq!(*steps.lock().unwrap(), ["broken", "after the group"], "nested: {nested}");
        }
    });
}

#[test]
fn b105_cancel_ends_the_group_without_an_error() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let ended = task_group(async |group: TaskGroup<Text>| {
            drop(group.create_task(count_cancels(counter.clone())));
            let within = group.clone();
            drop(group.create_task(async move {
                sleep(SECOND).await;
                within.cancel();
                Ok(())
            }));
            sleep(LONG).await;
            Ok(())
        });
        let error = ended.await.unwrap_err();
        assert!(error.is_cancelled() && error.errors().is_empty());
        assert_eq!(counter.load(SeqCst), 1);
        assert_eq!(level(), 0);
        sleep(SECOND).await;
        // Where the body has its value already, that is the value.
        let ended = task_group(async |group: TaskGroup<Text>| {
            let within = group.clone();
            drop(group.create_task(async move {
                sleep(SECOND).await;
                within.cancel();
                sleep(LONG).await;
                Ok(())
            }));
            Ok("value")
        });
        assert_eq!(ended.await.unwrap(), "value");
    });
}

#[test]
fn b106_cancel_comes_at_the_first_suspension_and_does_nothing_afterwards() {
    on_each_flavour(|| async {
        let mut steps = Vec::new();
        let mut kept = None;
        let ended = task_group(async |group: TaskGroup<Text>| {
            kept = Some(group.clone());
            group.cancel();
            group.cancel();
            steps.push("before the suspension");
            yield_now().await;
            steps.push("after it");
            sleep(LONG).await;
            Ok(())
        });
        assert!(ended.await.unwrap_err().is_cancelled());
        assert_eq!(steps, ["before the suspension"]);
        kept.unwrap().cancel();
        sleep(SECOND).await;
        let without_suspension = task_group(async |group: TaskGroup<Text>| {
            group.cancel();
            Ok("value")
        });
        assert_eq!(without_suspension.await.unwrap(), "value");
    });
}

#[test]
fn b107_no_task_after_cancel() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            group.cancel();
            let refused = group.try_create_task(async { Ok(()) }).unwrap_err();
            assert!(refused.to_string().contains("shutting down"), "{refused}");
            Ok(())
        });
        ended.await.unwrap();
    });
}

#[test]
fn b108_an_eager_task_that_cancels_its_group_before_it_suspends_is_cancelled_too() {
    on_each_flavour(|| async {
        for eager in [true, false] {
            let ended = task_group(async |group: TaskGroup<Text>| {
                let within = group.clone();
                let begun = Arc::new(AtomicU32::new(0));
                let count = begun.clone();
                let own = group
                    .task(async move {
                        count.fetch_add(1, SeqCst);
                        within.cancel();
                        sleep(LONG).await;
                        unreachable!("the task is cancelled with its group")
                    })
                    .eager(eager)
                    .spawn();
                assert!(!eager || begun.load(SeqCst) == 1);
                // The body does not suspend; the handle outlives it.
                Ok::<Task<()>, Text>(own)
            });
            let own = ended.await.unwrap();
            assert!(own.done());
            assert!(own.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn an_eager_task_may_end_at_its_creation() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            let done = group.task(async { Ok(7) }).eager(true).name("quick").spawn();
            assert_eq!(*done.result().unwrap(), 7);
            assert_eq!(&*done.name(), "quick");
            assert!(format!("{group:?}").contains("tasks: 0"), "{group:?}");
            let failed = group.task(async { Err::<(), _>("at once") }).eager(true).spawn();
            assert!(failed.done());
            sleep(LONG).await;
            Ok(())
        });
        assert_eq!(texts(ended.await), ["at once"]);
    });
}

#[test]
fn b109_a_cancel_from_outside_after_cancel_is_not_swallowed() {
    on_each_flavour(|| async {
        // Whether the body, and a task, clean up for a while when they are cancelled.
        for (body_cleans, task_cleans) in [(true, false), (false, true), (true, true)] {
            let parent: Task<()> = create_task(async move {
                let clean_up = async |seconds: u32| {
                    let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                    let _ = catch_cancelled(sleep(SECOND * seconds)).await;
                    error.resume().await
                };
                let ended = task_group(async |group: TaskGroup<Text>| {
                    if task_cleans {
                        drop(group.create_task::<_, ()>(async move {
                            let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                            sleep(SECOND * 5).await;
                            error.resume().await
                        }));
                        settle().await;
                    }
                    group.cancel();
                    if body_cleans {
                        clean_up(5).await
                    }
                    sleep(LONG).await;
                    Ok(())
                });
                let _: Result<(), _> = ended.await;
                unreachable!("the parent was cancelled");
            });
            sleep(SECOND).await;
            parent.cancel_with("from outside");
            let error = parent.await.unwrap_err();
            if !body_cleans {
                assert_eq!(error.as_cancelled().unwrap().message(), Some("from outside"));
            }
            assert!(error.is_cancelled());
        }
        // And so for a timeout around it.
        let start = now();
        let ended = timeout(SECOND, async {
            let ended = task_group(async |group: TaskGroup<Text>| {
                drop(group.create_task::<_, ()>(async {
                    let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
                    sleep(SECOND * 5).await;
                    error.resume().await
                }));
                settle().await;
                group.cancel();
                sleep(LONG).await;
                Ok(())
            });
            let _: Result<(), _> = ended.await;
        });
        assert_eq!(ended.await, Err(TimeoutError));
        assert_eq!((now() - start).as_secs(), 5);
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
fn a_raised_cancellation_in_the_body_goes_on_after_the_tasks_have_ended() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let group = task_group(async |group: TaskGroup<Text>| {
            drop(group.create_task(count_cancels(counter.clone())));
            settle().await;
            raise_cancelled().await
        });
        let ended: Result<Result<(), _>, CancelledError> = catch_cancelled(group).await;
        assert!(ended.is_err());
        assert_eq!(counter.load(SeqCst), 1);
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
fn a_limit_holds_and_keeps_the_order() {
    on_each_flavour(|| async {
        let running = Arc::new(AtomicU32::new(0));
        let most = Arc::new(AtomicU32::new(0));
        let order = Arc::new(Mutex::new(Vec::new()));
        let start = now();
        let ended = task_group(async |group: TaskGroup<Text>| {
            let group = group.limit(3);
            for n in 0..9 {
                let (running, most, order) = (running.clone(), most.clone(), order.clone());
                drop(group.create_infallible_task(async move {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    order.lock().unwrap().push(n);
                    sleep(SECOND).await;
                    running.fetch_sub(1, SeqCst);
                }));
            }
            Ok(())
        });
        ended.await.unwrap();
        assert_eq!(most.load(SeqCst), 3);
        assert_eq!((now() - start).as_secs(), 3);
        let mut thirds: Vec<Vec<i32>> = order.lock().unwrap().chunks(3).map(<[_]>::to_vec).collect();
        thirds.iter_mut().for_each(|third| third.sort_unstable());
        assert_eq!(thirds, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]);
    });
}

#[test]
fn tasks_that_wait_for_their_turn_are_cancelled_without_having_begun() {
    on_each_flavour(|| async {
        let begun = Arc::new(AtomicU32::new(0));
        let ended = task_group(async |group: TaskGroup<Text>| {
            let group = group.limit(0);
            let count = begun.clone();
            drop(group.create_task(async move {
                count.fetch_add(1, SeqCst);
                sleep(SECOND).await;
                Err::<(), _>("broken")
            }));
            let waiting: Vec<_> = (0..5)
                .map(|_| {
                    let count = begun.clone();
                    group.create_infallible_task(async move { count.fetch_add(1, SeqCst) })
                })
                .collect();
            settle().await;
            // One leaves the line by itself: the others close up.
            waiting[0].cancel();
            sleep(LONG).await;
            Ok(())
        });
        assert_eq!(texts(ended.await), ["broken"]);
        assert_eq!(begun.load(SeqCst), 1);
    });
}

#[test]
fn a_group_that_is_dropped_cancels_its_tasks_which_end_by_themselves() {
    on_each_flavour(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let cancels = counter.clone();
        let mut group = Box::pin(task_group(async |group: TaskGroup<Text>| {
            for _ in 0..3 {
                drop(group.create_task(count_cancels(cancels.clone())));
            }
            sleep(LONG).await;
            Ok(())
        }));
        // One that was never polled has nothing to cancel.
        drop(task_group(async |_: TaskGroup<Text>| Ok(())));
        poll_fn(|cx| {
            assert!(group.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        settle().await;
        assert_eq!(counter.load(SeqCst), 0);
        drop(group);
        settle().await;
        assert_eq!(counter.load(SeqCst), 3);
    });
}

#[test]
fn a_body_may_borrow() {
    on_each_flavour(|| async {
        let words = vec![String::from("one"), String::from("three")];
        let mut sum = 0;
        let ended = task_group(async |group: TaskGroup<Text>| {
            for word in &words {
                let len = word.len();
                sum += group.create_infallible_task(async move { len }).await.unwrap();
            }
            Ok(())
        });
        ended.await.unwrap();
        assert_eq!(sum, 8);
    });
}

#[test]
fn tasks_may_be_added_from_a_plain_thread() {
    on_each_flavour(|| async {
        let ended = task_group(async |group: TaskGroup<Text>| {
            let within = group.clone();
            let added = heist::to_thread(move || within.create_task(async { Ok("from a thread") }));
            Ok(added.await.unwrap().await.unwrap())
        });
        assert_eq!(ended.await.unwrap(), "from a thread");
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

#[test]
fn whom_a_group_waits_for_can_be_seen() {
    on_each_flavour(|| async {
        let parent = create_task(async {
            let ended = task_group(async |group: TaskGroup<Text>| {
                for name in ["first", "second"] {
                    drop(group.task(fail_after(SECOND, "in the end")).name(name).spawn());
                }
                Ok(())
            });
            ended.await
        });
        settle().await;
        assert_eq!(parent.task_ref().awaits().len(), 2);
        let graph = heist::format_call_graph(Some(&parent));
        assert!(graph.contains("first") && graph.contains("second"), "{graph}");
        assert!(parent.await.unwrap().is_err());
    });
}

#[test]
fn eager_tasks_that_yield_in_the_poll_that_made_them_all_go_on() {
    on_each_flavour(|| async {
        let ended = Arc::new(AtomicU32::new(0));
        let group = task_group(async |group: TaskGroup<Text>| {
            for _ in 0..5 {
                let ended = ended.clone();
                let yields = async move {
                    yield_now().await;
                    ended.fetch_add(1, SeqCst);
                    Ok(())
                };
                drop(group.task(yields).eager(true).spawn());
            }
            Ok(())
        });
        assert!(timeout(LONG, group).await.is_ok());
        assert_eq!(ended.load(SeqCst), 5);
    });
}

/// Counts as alive until it is dropped.
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// One of the many: yields a few times, and then ends well, fails, panics, adds another one, or cancels its group.
fn random_member(group: TaskGroup<Text>, seed: u32, alive: Alive) -> BoxFuture {
    Box::pin(async move {
        let _alive = alive;
        for _ in 0..seed % 5 {
            if let Err(error) = catch_cancelled(yield_now()).await {
                // Some take their time, and some fail in the end.
                yield_now().await;
                if seed % 7 == 0 {
                    return Err("in clean-up");
                }
                error.resume().await
            }
        }
        match seed % 11 {
            0 => Err("broken"),
            1 => std::panic::resume_unwind(Box::new("panicked")),
            2 => {
                group.cancel();
                sleep(LONG).await;
                Ok(())
            }
            3..=5 => {
                let more = Alive::new(&_alive.0);
                let _refused_or_not = group.try_create_task(random_member(group.clone(), seed / 11, more));
                Ok(())
            }
            _ => Ok(()),
        }
    })
}

#[test]
fn no_group_ends_before_its_tasks_whatever_happens_on_four_workers() {
    let mut runner = heist::Runner::builder().workers(4).virtual_time().build().unwrap();
    let mut random = 0x2545_F491_u32;
    for round in 0..400 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let seed = random >> 4;
        runner
            .run(async move {
                let alive = Arc::new(AtomicU32::new(0));
                let count = alive.clone();
                let after = Arc::new(AtomicU32::new(u32::MAX));
                let seen = after.clone();
                let parent = create_task(async move {
                    let group = task_group(async |group: TaskGroup<Text>| {
                        let group = if seed % 3 == 0 { group.limit(2) } else { group };
                        for n in 0..8_u32 {
                            let seed = seed.rotate_left(n * 3);
                            let member = random_member(group.clone(), seed, Alive::new(&count));
                            drop(group.task(member).eager(seed % 13 == 0).spawn());
                            if seed % 4 == 0 {
                                yield_now().await;
                            }
                        }
                        Ok(())
                    });
                    let ended = catch_cancelled(timeout(SECOND * 3600 * 2, group)).await;
                    seen.store(count.load(SeqCst), SeqCst);
                    ended.is_ok()
                });
                for _ in 0..seed % 6 {
                    yield_now().await;
                }
                if seed % 2 == 0 {
                    parent.cancel();
                }
                // Cancelled before it began, it has seen nothing; else it has seen all of them gone.
                let _ = parent.await;
                assert!([0, u32::MAX].contains(&after.load(SeqCst)), "round {round}: {after:?} alive");
                assert_eq!(alive.load(SeqCst), 0, "round {round}");
            })
            .unwrap();
    }
    assert!(runner.get_loop().unwrap().all_tasks().is_empty());
}
