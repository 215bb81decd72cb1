//! Tasks: their life, names, callbacks. Behaviours TASK.
#![cfg(not(heist_loom))]

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{
    ContextVar, ExceptionContext, Handle, ResultError, Task, create_task, current_task, sleep, task,
    yield_now,
};
use support::{for_each_flavour, in_order, on_each_flavour};

const LONG: Duration = Duration::from_secs(3600);

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[test]
fn b020_a_finished_task_is_done_and_knows_value_and_loop() {
    on_each_flavour(|| async {
        let mut task = create_task(async { "ok" });
        (&mut task).await;
        assert!(task.done());
        assert_eq!(*task.result().unwrap(), "ok");
        assert!(task.get_loop().same_loop(&Handle::current().unwrap()));
        // Reading leaves it in place.
        assert_eq!(*task.result().unwrap(), "ok");
        assert!(task.exception().unwrap().is_none());
        assert_eq!(task.await.unwrap(), "ok");
    });
}

#[test]
fn result_of_a_task_that_runs_is_an_error() {
    in_order(async {
        let task = create_task(pending::<()>());
        assert!(matches!(task.result(), Err(ResultError::NotDone)));
        assert!(matches!(task.exception(), Err(ResultError::NotDone)));
        task.cancel();
        assert!(task.await.is_err());
    });
}

#[test]
fn the_error_of_result_outlives_the_task() {
    async fn read(mut task: Task<u32>) -> Result<u32, ResultError> {
        (&mut task).await;
        Ok(*task.result()?)
    }
    on_each_flavour(|| async {
        assert_eq!(read(create_task(async { 1 })).await.unwrap(), 1);

        let Err(ResultError::Failed(error)) = read(create_task(async { panic!("its text") })).await else {
            panic!("a task that panics has no value")
        };
        assert_eq!(error.to_string(), "the task panicked: its text");
        assert!(error.is_panic() && !error.is_cancelled() && !error.is_reported());
        assert_eq!(*error.into_panic().unwrap().downcast::<String>().unwrap(), "its text");

        let cancelled = create_task(pending());
        cancelled.cancel_with("no more");
        let Err(ResultError::Failed(error)) = read(cancelled).await else {
            panic!("a cancelled task has no value")
        };
        assert_eq!(error.as_cancelled().unwrap().message(), Some("no more"));
    });
}

#[test]
fn b021_a_task_that_awaits_itself_gets_an_error() {
    on_each_flavour(|| async {
        let (sender, receiver) = std::sync::mpsc::channel::<Task<bool>>();
        let started = heist::create_future::<()>();
        let begin = started.clone();
        let task = create_task(async move {
            begin.await.unwrap();
            let me = receiver.recv().unwrap();
            me.await.unwrap_err().to_string().contains("itself")
        });
        let watch = task.task_ref();
        let ended = heist::create_future::<()>();
        let seen = ended.clone();
        task.add_done_callback(move |_| seen.set_result(()).unwrap());
        sender.send(task).unwrap();
        started.set_result(()).unwrap();
        ended.await.unwrap();
        assert!(watch.done() && !watch.cancelled());
    });
}

#[test]
fn b022_creating_a_task_without_a_loop_is_an_error() {
    let error = std::panic::catch_unwind(|| drop(create_task(async {}))).unwrap_err();
    let text = error.downcast_ref::<String>().unwrap();
    assert!(text.contains("outside of a running event loop") && text.contains("heist::run"), "{text}");
}

#[test]
fn b023_unnamed_tasks_have_different_names_with_rising_numbers() {
    in_order(async {
        let number = |task: &Task<()>| task.name().strip_prefix("Task-").unwrap().parse::<u64>().unwrap();
        let tasks: Vec<_> = (0..3).map(|_| create_task(async {})).collect();
        let numbers: Vec<_> = tasks.iter().map(number).collect();
        assert!(numbers[0] < numbers[1] && numbers[1] < numbers[2], "{numbers:?}");
    });
}

#[test]
fn b024_a_name_is_there_at_once_also_through_a_factory_that_ignores_names() {
    on_each_flavour(|| async {
        assert_eq!(&*create_task(async {}).with_name("one").name(), "one");
        let handle = Handle::current().unwrap();
        handle.set_task_factory(Some(Arc::new(|options| options.name = None)));
        assert_eq!(&*task(async {}).name("two").spawn().name(), "two");
        handle.set_task_factory(None);
    });
}

#[test]
fn a016_the_factory_sees_every_task_and_none_restores_the_default() {
    on_each_flavour(|| async {
        let handle = Handle::current().unwrap();
        assert!(handle.get_task_factory().is_none());
        let made = Arc::new(AtomicU32::new(0));
        let seen = made.clone();
        handle.set_task_factory(Some(Arc::new(move |options| {
            let n = seen.fetch_add(1, SeqCst);
            options.name.get_or_insert_with(|| format!("made-{n}").into());
        })));
        assert!(handle.get_task_factory().is_some());
        assert_eq!(&*create_task(async {}).name(), "made-0");
        assert_eq!(&*handle.create_task(async {}).name(), "made-1");
        assert_eq!(&*task(async {}).name("given").spawn().name(), "given");
        let other = handle.clone();
        let foreign = std::thread::spawn(move || other.create_task(async {})).join().unwrap();
        assert_eq!(&*foreign.name(), "made-3");
        handle.set_task_factory(None);
        assert!(create_task(async {}).name().starts_with("Task-"));
        assert_eq!(made.load(SeqCst), 4);
    });
}

#[test]
fn a_factory_that_fails_fails_the_task_before_it_begins() {
    on_each_flavour(|| async {
        let handle = Handle::current().unwrap();
        handle.set_task_factory(Some(Arc::new(|_| std::panic::resume_unwind(Box::new("no tasks today")))));
        let here = create_task(async { unreachable!("the task was not made") });
        let other = handle.clone();
        let foreign = std::thread::spawn(move || other.create_task(async { unreachable!("nor this one") }));
        let foreign: Task<()> = foreign.join().unwrap();
        handle.set_task_factory(None);
        assert_eq!(here.await.unwrap_err().panic_message(), Some("no tasks today"));
        assert_eq!(foreign.await.unwrap_err().panic_message(), Some("no tasks today"));
    });
}

#[test]
fn b025_a009_the_debug_text_shows_name_state_and_what_is_awaited() {
    in_order(async {
        let inner = create_task(async {
            let _ = heist::catch_cancelled(sleep(LONG)).await;
            sleep(LONG).await;
        })
        .with_name("inner");
        let text = format!("{inner:?}");
        assert!(text.contains("inner") && text.contains("pending"), "{text}");
        let watched = inner.task_ref();
        let outer = create_task(async move { inner.await.is_err() }).with_name("outer");
        settle().await;
        let text = format!("{outer:?}");
        assert!(
            text.contains("outer") && text.contains("pending") && text.contains("awaits: \"inner\""),
            "{text}"
        );
        watched.cancel();
        settle().await;
        assert!(format!("{watched:?}").contains("cancelling"), "{watched:?}");
        watched.cancel();
        assert!(outer.await.unwrap());
        assert!(format!("{watched:?}").contains("cancelled"), "{watched:?}");
        let mut done = create_task(async {});
        (&mut done).await;
        assert!(format!("{done:?}").contains("finished"), "{done:?}");
    });
}

#[test]
fn b026_a_task_blocked_on_a_future_resumes_once_with_its_value() {
    on_each_flavour(|| async {
        let future = heist::create_future::<u32>();
        let waited = future.clone();
        let resumed = Arc::new(AtomicU32::new(0));
        let seen = resumed.clone();
        let task = create_task(async move {
            let value = waited.await.unwrap();
            seen.fetch_add(1, SeqCst);
            value
        });
        settle().await;
        future.set_result(11).unwrap();
        assert_eq!(task.await.unwrap(), 11);
        assert_eq!(resumed.load(SeqCst), 1);
    });
}

#[test]
fn b027_creating_a_task_on_a_closed_loop_ends_it_and_drops_its_future() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let handle = runner.run(async { Handle::current().unwrap() }).unwrap();
        runner.close();
        let held = Arc::new(());
        let inside = held.clone();
        let task = handle.create_task(async move { drop(inside) });
        assert_eq!(Arc::strong_count(&held), 1, "the future is gone");
        assert!(task.done() && task.cancelled());
    });
}

/// The texts that the exception handler is told while `test` runs.
fn told<F: Future>(builder: heist::Builder, test: impl FnOnce() -> F) -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut runner = builder.virtual_time().build().unwrap();
    let seen = told.clone();
    runner
        .run(async {
            let keep =
                move |_: &Handle, context: &ExceptionContext| seen.lock().unwrap().push(context.to_string());
            Handle::current().unwrap().set_exception_handler(Some(Arc::new(keep)));
            test().await;
        })
        .unwrap();
    drop(runner);
    let told = told.lock().unwrap();
    told.clone()
}

async fn fail(text: &'static str) {
    std::panic::resume_unwind(Box::new(text))
}

#[test]
fn b028_a_failure_that_nobody_reads_is_reported_once() {
    for_each_flavour(|builder| {
        let told = told(builder, || async {
            // The handle goes before the end, and after it.
            drop(create_task(fail("early")).with_name("first"));
            let late = create_task(fail("late"));
            settle().await;
            drop(late);
        });
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|text| text.contains("early") && text.contains("first")), "{told:?}");
        assert!(told.iter().any(|text| text.contains("late")), "{told:?}");
    });
}

#[test]
fn a019_a021_a_failure_that_was_read_or_given_up_is_not_reported() {
    for_each_flavour(|builder| {
        let told = told(builder, || async {
            assert!(create_task(fail("awaited")).await.is_err());
            let mut read = create_task(fail("read"));
            (&mut read).await;
            assert!(read.exception().unwrap().is_some());
            drop(read);
            let mut cancelled = create_task(fail("cancelled"));
            (&mut cancelled).await;
            assert!(!cancelled.cancel());
            drop(cancelled);
            let ignored = create_task(fail("ignored"));
            ignored.ignore_failure();
            drop(ignored);
            let plain = create_task(sleep(LONG));
            plain.cancel();
            drop(plain);
            settle().await;
        });
        assert_eq!(told, [""; 0]);
    });
}

#[test]
fn an_err_that_matters_is_reported_unless_read() {
    for_each_flavour(|builder| {
        let told = told(builder, || async {
            drop(create_task(async { Err::<(), _>("nobody looks") }));
            drop(create_task(async { Err::<(), _>("it matters") }).report_unread());
            drop(create_task(async { Ok::<_, String>(1) }).report_unread());
            assert!(create_task(async { Err::<(), _>("read") }).report_unread().await.unwrap().is_err());
            settle().await;
        });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("it matters"), "{told:?}");
    });
}

#[test]
fn a003_creating_a_task_runs_none_of_it() {
    in_order(async {
        let ran = Arc::new(AtomicU32::new(0));
        let seen = ran.clone();
        let task = create_task(async move { seen.fetch_add(1, SeqCst) });
        assert_eq!(ran.load(SeqCst), 0);
        task.await.unwrap();
        assert_eq!(ran.load(SeqCst), 1);
    });
}

#[test]
fn a004_values_flow_through_nested_awaits_without_tasks() {
    in_order(async {
        async fn inner(n: u32) -> u32 {
            yield_now().await;
            n + 1
        }
        let before = heist::Handle::current().unwrap().all_tasks().len();
        let nested = async { inner(inner(1).await).await };
        assert_eq!(nested.await, 3);
        assert_eq!(heist::Handle::current().unwrap().all_tasks().len(), before);
    });
}

#[test]
fn a005_a_task_of_one_loop_is_awaited_in_another() {
    for_each_flavour(|builder| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (release, released) = (heist::create_future::<()>(), heist::create_future::<u32>());
        let (gate, value) = (release.clone(), released.clone());
        // One loop, on a thread of its own, with a task that waits for a future which the other loop sets.
        let other = std::thread::spawn(move || {
            heist::run(async move {
                sender.send(create_task(async move { value.await.unwrap() + 2 })).unwrap();
                gate.await.unwrap();
            });
        });
        let task = receiver.recv().unwrap();
        let ended = builder.build().unwrap().run(async move {
            let setter = create_task(async move {
                yield_now().await;
                released.set_result(40).unwrap();
            });
            let ended = task.await;
            setter.await.unwrap();
            ended
        });
        assert_eq!(ended.unwrap().unwrap(), 42);
        release.set_result(()).unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a008_a_name_may_be_any_kind_of_text() {
    in_order(async {
        let task = create_task(async {}).with_name(String::from("a String"));
        assert_eq!(&*task.name(), "a String");
        task.set_name("a &str");
        assert_eq!(&*task.name(), "a &str");
        task.set_name(Arc::<str>::from("an Arc"));
        assert_eq!(&*task.task_ref().name(), "an Arc");
    });
}

#[test]
fn a017_a_panic_in_the_answer_to_a_cancel_is_how_the_task_ends() {
    for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        runner
            .run(async {
                let mut task = create_task(async {
                    let _ = heist::catch_cancelled(sleep(LONG)).await;
                    fail("worse than cancelled").await
                });
                settle().await;
                task.cancel();
                (&mut task).await;
                assert!(!task.cancelled());
                assert_eq!(task.await.unwrap_err().panic_message(), Some("worse than cancelled"));
            })
            .unwrap();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.run(async {
                current_task().unwrap().cancel();
                let _ = heist::catch_cancelled(sleep(LONG)).await;
                fail("in main").await
            })
        }));
        assert_eq!(*ended.unwrap_err().downcast_ref::<&str>().unwrap(), "in main");
    });
}

#[test]
fn a011_a_task_that_returns_a_future_gives_that_future() {
    on_each_flavour(|| async {
        let polled = Arc::new(AtomicU32::new(0));
        let seen = polled.clone();
        let count = async move { seen.fetch_add(1, SeqCst) };
        let inner = create_task(std::future::ready(count)).await.unwrap();
        assert_eq!(polled.load(SeqCst), 0, "it is not awaited by itself");
        inner.await;
        assert_eq!(polled.load(SeqCst), 1);
    });
}

#[test]
fn a014_a_task_whose_handle_is_dropped_runs_on() {
    on_each_flavour(|| async {
        let ran = Arc::new(AtomicU32::new(0));
        let seen = ran.clone();
        drop(create_task(async move {
            yield_now().await;
            seen.fetch_add(1, SeqCst)
        }));
        settle().await;
        assert_eq!(ran.load(SeqCst), 1);
    });
}

#[test]
fn done_callbacks_are_called_in_order_by_the_loop_and_may_be_removed() {
    on_each_flavour(|| async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let keep = |n: u32| {
            let order = order.clone();
            move |task: heist::TaskRef| {
                assert!(task.done() && current_task().is_none());
                order.lock().unwrap().push(n);
            }
        };
        let mut task = create_task(sleep(Duration::from_secs(1)));
        task.add_done_callback(keep(1));
        let second = task.add_done_callback(keep(2));
        task.add_done_callback(keep(3));
        let fourth = task.add_done_callback(keep(4));
        task.add_done_callback_as(fourth, keep(4));
        assert_eq!(task.remove_done_callback(fourth), 2);
        assert_eq!(task.remove_done_callback(second), 1);
        assert_eq!(task.remove_done_callback(second), 0);
        (&mut task).await;
        settle().await;
        assert_eq!(*order.lock().unwrap(), [1, 3]);
        // Of a task that has ended: soon, not on the spot.
        let here = std::thread::current().id();
        let (sender, receiver) = std::sync::mpsc::channel();
        task.add_done_callback(move |_| sender.send(std::thread::current().id()).unwrap());
        settle().await;
        let _ = (here, receiver.try_recv().expect("it was called"));
    });
}

#[test]
fn a_done_callback_registered_by_another_thread_is_called_by_the_loop() {
    on_each_flavour(|| async {
        let task = create_task(sleep(Duration::from_secs(1)));
        let called = heist::create_future::<u64>();
        let seen = called.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| task.add_done_callback(move |task| seen.set_result(task.id()).unwrap()));
        });
        assert_eq!(called.await.unwrap(), task.id());
    });
}

#[test]
fn callbacks_see_the_variables_of_their_registration() {
    on_each_flavour(|| async {
        static VAR: ContextVar<u32> = ContextVar::new("var");
        VAR.set(1);
        let seen = heist::create_future::<Option<u32>>();
        let result = seen.clone();
        let task = create_task(async {});
        task.add_done_callback(move |_| {
            result.set_result(VAR.get()).unwrap();
            VAR.set(9);
        });
        VAR.set(2);
        assert_eq!(seen.await.unwrap(), Some(1));
        assert_eq!(VAR.get(), Some(2));
        drop(task);
    });
}
