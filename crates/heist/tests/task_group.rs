//! Task groups: what their tasks are given, when they end, who they take. Behaviours TG.
#![cfg(not(heist_loom))]

mod support;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use heist::{
    ContextVar, Task, TaskGroup, catch_cancelled, create_task, current_task, sleep, task_group, timeout,
    yield_now,
};
use support::groups::{BoxError, LONG, SECOND, Text, count_cancels, fail_after, now, settle, texts};
use support::{for_each_flavour, on_each_flavour};

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
