//! Context variables in tasks, callbacks and threads, by asyncio's behaviours.
#![cfg(not(heist_loom))]

mod support;

use std::sync::mpsc::channel;

use heist::contextvars::Context;
use heist::{ContextVar, Handle, copy_context};
use support::{for_each_flavour, in_real_time};

static VAR: ContextVar<i32> = ContextVar::new("var");
static OTHER: ContextVar<String> = ContextVar::new("other");

#[test]
fn b196_a_task_has_a_copy_of_its_creator_s_context() {
    in_real_time(|| async {
        VAR.set(1);
        let (go, went) = heist::sync::oneshot::channel();
        let task = heist::create_task(async {
            let before = VAR.get();
            went.await.unwrap();
            let later = VAR.get();
            VAR.set(3);
            let child = heist::create_task(async { VAR.get() });
            (before, later, child.await.unwrap())
        });
        VAR.set(2);
        go.send(()).unwrap();
        assert_eq!(
            task.await.unwrap(),
            (Some(1), Some(1), Some(3)),
            "later changes of the creator stay away"
        );
        assert_eq!(VAR.get(), Some(2), "and so do the task's");
    });
}

#[test]
fn b196_a_task_without_variables_keeps_what_it_sets_to_itself() {
    in_real_time(|| async {
        let task = heist::create_task(async {
            VAR.set(1);
            heist::yield_now().await;
            VAR.get()
        });
        let other = heist::create_task(async {
            heist::yield_now().await;
            VAR.get()
        });
        assert_eq!((task.await.unwrap(), other.await.unwrap()), (Some(1), None));
        assert_eq!(VAR.get(), None);
    });
}

#[test]
fn b196_a_task_made_by_another_thread_has_that_thread_s_context() {
    in_real_time(|| async {
        VAR.set(1);
        let handle = Handle::current().unwrap();
        let thread = std::thread::spawn(move || {
            OTHER.set("thread's".to_owned());
            handle.create_task(async { (VAR.get(), OTHER.get()) })
        });
        let task = thread.join().unwrap();
        assert_eq!(task.await.unwrap(), (None, Some("thread's".to_owned())));
    });
}

#[test]
fn b196_a_task_that_starts_at_once_has_a_copy_too() {
    in_real_time(|| async {
        VAR.set(1);
        let eager = || {
            let body = async {
                let before = VAR.get();
                VAR.set(2);
                heist::yield_now().await;
                (before, VAR.get())
            };
            heist::task(body).eager(true).spawn()
        };
        let task = eager();
        assert_eq!(VAR.get(), Some(1), "its first step has run, and set its own");
        assert_eq!(task.await.unwrap(), (Some(1), Some(2)));
        let context = copy_context();
        let task = context.run(|| {
            VAR.set(5);
            eager()
        });
        assert_eq!((context.get(&VAR), VAR.get()), (Some(5), Some(1)));
        assert_eq!(task.await.unwrap(), (Some(5), Some(2)));
    });
}

#[test]
fn b197_a_callback_runs_in_the_context_of_its_registration_and_pollutes_nobody() {
    in_real_time(|| async {
        VAR.set(1);
        let (seen, wait) = heist::sync::oneshot::channel();
        let call = move || {
            let before = VAR.get();
            VAR.set(3);
            seen.send((before, VAR.get())).unwrap();
        };
        Handle::current().unwrap().call_soon(call).unwrap();
        VAR.set(2);
        assert_eq!(wait.await.unwrap(), (Some(1), Some(3)));
        assert_eq!(VAR.get(), Some(2));
    });
}

#[test]
fn b197_a_callback_without_variables_leaves_none_behind() {
    in_real_time(|| async {
        for _ in 0..10 {
            let (seen, wait) = heist::sync::oneshot::channel();
            let call = move || {
                seen.send(VAR.get()).unwrap();
                VAR.set(1);
            };
            Handle::current().unwrap().call_soon(call).unwrap();
            assert_eq!(wait.await.unwrap(), None);
        }
    });
}

#[test]
fn b198_a_hundred_tasks_keep_a_value_each() {
    for_each_flavour(|builder| {
        VAR.set(-1);
        builder
            .build()
            .unwrap()
            .run(async {
                assert_eq!(VAR.get(), Some(-1), "main has a copy of the thread's");
                let tasks: Vec<_> = (0..100)
                    .map(|number| {
                        heist::create_task(async move {
                            for round in 0..10 {
                                VAR.set(number * 100 + round);
                                heist::yield_now().await;
                                assert_eq!(VAR.get(), Some(number * 100 + round));
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(VAR.get(), Some(-1));
                VAR.set(5);
            })
            .unwrap();
        assert_eq!(VAR.get(), Some(-1), "outside nothing has changed");
    });
}

#[test]
fn b199_a_context_that_is_given_is_shared() {
    in_real_time(|| async {
        VAR.set(1);
        let context = copy_context();
        let add = || async {
            let value = VAR.get().unwrap();
            VAR.set(value + 1);
            value
        };
        assert_eq!(heist::create_task_in(&context, add()).await.unwrap(), 1);
        let handle = Handle::current().unwrap();
        assert_eq!(handle.create_task_in(&context, add()).await.unwrap(), 2);
        let (seen, wait) = heist::sync::oneshot::channel();
        let call = move || seen.send(VAR.get()).unwrap();
        handle.call_soon_in(&context, call).unwrap();
        assert_eq!(wait.await.unwrap(), Some(3));
        assert_eq!((context.get(&VAR), VAR.get()), (Some(3), Some(1)));
        let task = heist::task(async { VAR.get() }).context(&context).spawn();
        assert_eq!(task.await.unwrap(), Some(3));
        let from_outside = {
            let context = context.clone();
            std::thread::spawn(move || handle.create_task_in(&context, add())).join().unwrap()
        };
        assert_eq!(from_outside.await.unwrap(), 3);
        assert_eq!(context.get(&VAR), Some(4));
    });
}

#[test]
fn b185_a_closure_on_a_thread_sees_the_caller_s_variables() {
    in_real_time(|| async {
        VAR.set(7);
        let closure = || {
            let seen = VAR.get();
            VAR.set(8);
            seen
        };
        assert_eq!(heist::to_thread(closure).await.unwrap(), Some(7));
        assert_eq!(VAR.get(), Some(7));
        let none = Context::new().run(|| heist::to_thread(closure));
        assert_eq!(none.await.unwrap(), None, "what a closure sets does not stay on its thread");
    });
}

#[test]
fn variables_work_where_no_loop_runs() {
    let context = Context::new();
    context.run(|| VAR.set(1));
    assert_eq!((context.run(|| VAR.get()), VAR.get()), (Some(1), None));
    let future = context.scope(async { VAR.get() });
    assert_eq!(heist::run(future), Some(1));
}

#[test]
fn variables_are_dropped_with_the_last_task_that_has_them() {
    static HELD: ContextVar<std::sync::Arc<()>> = ContextVar::new("held");
    for_each_flavour(|builder| {
        let value = std::sync::Arc::new(());
        let (sender, receiver) = channel();
        let its = value.clone();
        builder
            .build()
            .unwrap()
            .run(async move {
                HELD.set(its);
                let tasks: Vec<_> =
                    (0..10).map(|_| heist::create_task(async { HELD.get().is_some() })).collect();
                for task in tasks {
                    sender.send(task.await.unwrap()).unwrap();
                }
            })
            .unwrap();
        assert_eq!(receiver.try_iter().filter(|had| *had).count(), 10);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    });
}

#[test]
fn b012_the_runs_of_a_runner_share_a_context() {
    for_each_flavour(|builder| {
        VAR.set(-1);
        let mut runner = builder.build().unwrap();
        VAR.set(-2);
        let task = runner.run(async {
            assert_eq!(VAR.get(), Some(-1), "a copy of what there was when the runner was made");
            VAR.set(1);
            heist::yield_now().await;
            heist::create_task(async {
                VAR.set(9);
                heist::yield_now().await;
            })
        });
        let next = runner.run(async {
            task.unwrap().await.unwrap();
            (VAR.get(), heist::create_task(async { VAR.get() }).await.unwrap())
        });
        assert_eq!(next.unwrap(), (Some(1), Some(1)));
        assert_eq!(VAR.get(), Some(-2), "outside nothing has changed");
    });
}
