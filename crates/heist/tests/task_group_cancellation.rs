//! Task groups that are cancelled: from outside, by themselves, in one turn with a failure. Behaviours TG.
#![cfg(not(heist_loom))]

mod support;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use heist::{
    CancelledError, Task, TaskGroup, TimeoutError, catch_cancelled, create_task, raise_cancelled, sleep,
    task_group, timeout, yield_now,
};
use support::groups::{LONG, SECOND, Text, count_cancels, fail_when_cancelled, level, now, settle, texts};
use support::{in_order, on_each_flavour};

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
