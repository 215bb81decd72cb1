//! asyncio's Future on a loop: callbacks, unread errors, texts, by asyncio's behaviours. What needs no loop is tested in
//! heist-sync.
#![cfg(not(heist_loom))]

mod support;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use heist::future::{CallbackId, Future, FutureError};
use heist::{ContextVar, ExceptionContext, Handle, InvalidStateError, create_future};
use support::{for_each_flavour, on_each_flavour};

type Log = Arc<Mutex<Vec<String>>>;

/// A callback that writes its name and the outcome.
fn note<T: std::fmt::Debug + Clone>(
    log: &Log,
    name: &str,
) -> impl FnOnce(&Future<T>) + Send + 'static + use<T> {
    let (log, name) = (log.clone(), name.to_owned());
    move |future| {
        let text = match future.result() {
            Ok(value) => format!("{name}: {value:?}"),
            Err(error) => format!("{name}: {error}"),
        };
        log.lock().unwrap().push(text);
    }
}

fn lines(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

/// Ready when all callbacks that were put in line before have been called.
async fn all_called() {
    let done = create_future();
    let setter = done.clone();
    Handle::current().unwrap().call_soon(move || setter.set_result(()).unwrap()).unwrap();
    done.await.unwrap();
}

/// What the exception handler of the running loop is told from now on.
fn reports() -> Receiver<ExceptionContext> {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    Handle::current().unwrap().set_exception_handler(Some(Arc::new(move |_, context| {
        sender.lock().unwrap().send(context.clone()).unwrap();
    })));
    receiver
}

#[test]
fn b060_b063_states_are_the_same_on_a_loop() {
    on_each_flavour(|| async {
        let future = create_future::<i32>();
        assert_eq!((future.done(), future.cancelled()), (false, false));
        let waits = heist::create_task({
            let future = future.clone();
            async move { future.await }
        });
        assert_eq!((future.cancel_with("enough"), future.cancel()), (true, false));
        assert!(
            matches!(waits.await.unwrap(), Err(FutureError::Cancelled(error)) if error.message() == Some("enough"))
        );
    });
}

#[test]
fn b065_awaiting_a_done_future_does_not_suspend() {
    on_each_flavour(|| async {
        let future = create_future();
        future.set_result(7).unwrap();
        let polls = std::cell::Cell::new(0);
        let mut twice = std::pin::pin!(async { ((&future).await.unwrap(), (&future).await.unwrap()) });
        let values = std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            twice.as_mut().poll(cx)
        });
        assert_eq!((values.await, polls.get()), ((7, 7), 1));
    });
}

#[test]
fn b066_callbacks_run_in_order_with_the_future_and_not_inside_set_result() {
    on_each_flavour(|| async {
        let log = Log::default();
        let future = create_future();
        // In a callback: no other callback can be called before it ends.
        let (inside, its) = (future.clone(), log.clone());
        let call = move || {
            for name in ["a", "b", "c"] {
                inside.add_done_callback(note(&its, name));
            }
            inside.set_result(1).unwrap();
            inside.add_done_callback(note(&its, "late"));
            assert!(its.lock().unwrap().is_empty(), "not inside set_result");
        };
        Handle::current().unwrap().call_soon(call).unwrap();
        assert_eq!((&future).await.unwrap(), 1);
        all_called().await;
        assert_eq!(lines(&log), ["a: 1", "b: 1", "c: 1", "late: 1"]);
    });
}

#[test]
fn b066_callbacks_and_waits_come_in_the_order_in_which_they_were_registered() {
    support::in_order(async {
        let (log, future) = (Log::default(), create_future());
        let wait = async |name: &'static str| {
            let (log, future) = (log.clone(), future.clone());
            let waits = heist::create_task(async move {
                let value = future.await.unwrap();
                log.lock().unwrap().push(format!("{name}: {value}"));
            });
            heist::yield_now().await;
            waits
        };
        let mut waits = vec![wait("first wait").await];
        future.add_done_callback(note(&log, "first callback"));
        let mut dropped = Box::pin(future.wait());
        assert!(std::future::poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx))).await.is_pending());
        let removed = future.add_done_callback(note(&log, "removed"));
        waits.push(wait("second wait").await);
        waits.push(wait("third wait").await);
        future.add_done_callback(note(&log, "second callback"));
        future.add_done_callback(note(&log, "third callback"));
        waits.push(wait("fourth wait").await);
        // Neither leaves a gap, or takes another's place.
        drop(dropped);
        assert_eq!(future.remove_done_callback(removed), 1);
        future.set_result(7).unwrap();
        for task in waits {
            task.await.unwrap();
        }
        let order = [
            "first wait",
            "first callback",
            "second wait",
            "third wait",
            "second callback",
            "third callback",
            "fourth wait",
        ];
        assert_eq!(lines(&log), order.map(|name| format!("{name}: 7")));
    });
}

#[test]
fn b066_a_callback_is_called_by_the_loop_it_was_registered_on() {
    on_each_flavour(|| async {
        let future = create_future::<u32>();
        let (sender, receiver) = channel();
        future.add_done_callback(move |_| {
            let loop_of_callback = Handle::current();
            sender.send((std::thread::current().id(), loop_of_callback)).unwrap();
        });
        let setter = future.clone();
        let thread = std::thread::spawn(move || {
            setter.set_result(1).unwrap();
            std::thread::current().id()
        });
        let setter = thread.join().unwrap();
        all_called().await;
        let (thread, handle) = receiver.recv().unwrap();
        assert_ne!(thread, setter);
        assert!(handle.unwrap().same_loop(&Handle::current().unwrap()));
    });
}

#[test]
fn b067_removing_a_callback_removes_all_its_registrations() {
    on_each_flavour(|| async {
        let log = Log::default();
        let future = create_future();
        let id = future.add_done_callback(note(&log, "a"));
        future.add_done_callback_as(id, note(&log, "a"));
        future.add_done_callback(note(&log, "b"));
        future.add_done_callback_as(id, note(&log, "a"));
        assert_eq!(future.remove_done_callback(id), 3);
        assert_eq!(future.remove_done_callback(id), 0);
        assert_eq!(future.remove_done_callback(CallbackId::new()), 0);
        future.set_result(1).unwrap();
        all_called().await;
        assert_eq!(lines(&log), ["b: 1"]);
    });
}

#[test]
fn b068_removing_one_leaves_the_others_in_their_order() {
    on_each_flavour(|| async {
        for removed in 0..3 {
            let log = Log::default();
            let future = create_future();
            let ids = ["a", "b", "c"].map(|name| future.add_done_callback(note(&log, name)));
            assert_eq!(future.remove_done_callback(ids[removed]), 1);
            future.set_result(1).unwrap();
            all_called().await;
            let mut expected = vec!["a: 1", "b: 1", "c: 1"];
            expected.remove(removed);
            assert_eq!(lines(&log), expected);
        }
    });
}

#[test]
fn b069_callbacks_may_add_and_remove_callbacks() {
    on_each_flavour(|| async {
        let log = Log::default();
        let future = create_future();
        let id = CallbackId::new();
        let its = log.clone();
        future.add_done_callback(move |future| {
            note(&its, "first")(future);
            future.add_done_callback(note(&its, "added"));
            // On its way already, as in asyncio.
            assert_eq!(future.remove_done_callback(id), 0);
        });
        future.add_done_callback_as(id, note(&log, "second"));
        future.set_result(1).unwrap();
        all_called().await;
        all_called().await;
        assert_eq!(lines(&log), ["first: 1", "second: 1", "added: 1"]);
    });
}

#[test]
fn a024_callbacks_run_on_an_error_and_on_a_cancellation() {
    on_each_flavour(|| async {
        let log = Log::default();
        let (failed, cancelled) = (create_future::<i32>(), create_future::<i32>());
        failed.add_done_callback(note(&log, "failed"));
        cancelled.add_done_callback(note(&log, "cancelled"));
        failed.set_exception("broken").unwrap();
        cancelled.cancel();
        all_called().await;
        assert_eq!(lines(&log), ["failed: broken", "cancelled: cancelled"]);
    });
}

#[test]
fn b070_a_pending_future_that_is_dropped_is_not_reported() {
    on_each_flavour(|| async {
        let told = reports();
        let log = Log::default();
        let future = create_future::<i32>();
        future.add_done_callback(note(&log, "never"));
        drop(future);
        all_called().await;
        assert_eq!((told.try_iter().count(), lines(&log).len(), Arc::strong_count(&log)), (0, 0, 1));
    });
}

#[test]
fn b071_an_unread_error_is_reported_once() {
    on_each_flavour(|| async {
        let told = reports();
        let future = create_future::<i32>();
        let other = future.clone();
        future.set_exception(std::io::Error::other("broken")).unwrap();
        drop(future);
        assert!(told.try_recv().is_err(), "somebody may still read it");
        drop(other);
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].exception.as_ref().unwrap().to_string(), "broken");
        assert!(told[0].source.unwrap().file().ends_with("futures.rs"));
        assert!(told[0].message.contains("never read"), "{}", told[0].message);
    });
}

#[test]
fn b071_an_unread_error_is_reported_where_it_was_set_also_when_dropped_elsewhere() {
    on_each_flavour(|| async {
        let told = reports();
        let future = create_future::<i32>();
        future.set_exception("broken").unwrap();
        std::thread::spawn(move || drop(future)).join().unwrap();
        assert_eq!(told.try_iter().count(), 1);
    });
}

#[test]
fn b072_reading_the_error_silences_the_report() {
    on_each_flavour(|| async {
        let told = reports();
        let failed = || {
            let future = create_future::<i32>();
            future.set_exception("broken").unwrap();
            future
        };
        assert!(failed().result().is_err());
        assert!(failed().exception().unwrap().is_some());
        assert!(failed().await.is_err());
        assert_eq!(told.try_iter().count(), 0);
        drop(failed());
        assert_eq!(told.try_iter().count(), 1, "the handler is there");
    });
}

#[test]
fn a025_an_attempt_to_cancel_silences_the_report() {
    on_each_flavour(|| async {
        let told = reports();
        let future = create_future::<i32>();
        future.set_exception("broken").unwrap();
        assert!(!future.cancel());
        drop(future);
        assert_eq!(told.try_iter().count(), 0);
    });
}

#[test]
fn b073_an_unread_value_is_not_reported() {
    on_each_flavour(|| async {
        let told = reports();
        let future = create_future();
        future.set_result(1).unwrap();
        drop(future);
        create_future::<i32>().cancel();
        assert_eq!(told.try_iter().count(), 0);
    });
}

#[test]
fn b077_a_timer_s_helper_does_nothing_to_a_cancelled_future() {
    on_each_flavour(|| async {
        let (wanted, given_up) = (create_future(), create_future());
        let timers = [wanted.clone(), given_up.clone()].map(|future| {
            heist::create_task(async move {
                heist::sleep(Duration::from_secs(1)).await;
                future.set_result_unless_cancelled("time")
            })
        });
        assert!(given_up.cancel());
        assert_eq!(wanted.clone().await.unwrap(), "time");
        for timer in timers {
            assert_eq!(timer.await.unwrap(), Ok(()));
        }
        assert!(given_up.cancelled());
        assert_eq!(wanted.set_result_unless_cancelled("again"), Err(InvalidStateError::AlreadyDone));
    });
}

#[test]
fn a026_the_debug_text_has_state_value_error_and_few_callbacks() {
    on_each_flavour(|| async {
        let text = |future: &Future<i32>| format!("{future:?}");
        let future = create_future::<i32>();
        assert!(text(&future).contains("state: pending"), "{}", text(&future));
        assert!(!text(&future).contains("callbacks"));
        fn first(_: &Future<i32>) {}
        fn last(_: &Future<i32>) {}
        future.add_done_callback(first);
        for _ in 0..8 {
            future.add_done_callback(|_| {});
        }
        future.add_done_callback(last);
        let shown = text(&future);
        assert!(shown.contains("first, <8 more>, ") && shown.contains("::last]"), "{shown}");
        future.set_result(42).unwrap();
        assert!(text(&future).contains("state: finished, result: 42"), "{}", text(&future));
        let failed = create_future::<i32>();
        failed.set_exception("broken").unwrap();
        assert!(text(&failed).contains("state: finished, exception: broken"), "{}", text(&failed));
        assert!(failed.exception().unwrap().is_some());
        let cancelled = create_future::<i32>();
        cancelled.cancel_with("enough");
        assert!(text(&cancelled).contains("state: cancelled, message: \"enough\""), "{}", text(&cancelled));
    });
}

#[test]
fn a027_a_future_knows_where_it_was_made() {
    let (line, future) = (line!(), create_future::<i32>());
    let text = format!("{future:?}");
    assert!(text.contains(&format!("futures.rs:{line}:")), "{text}");
}

static VAR: ContextVar<i32> = ContextVar::new("var");

#[test]
fn b197_a_done_callback_runs_in_the_context_of_its_registration() {
    on_each_flavour(|| async {
        VAR.set(1);
        let future = create_future::<i32>();
        let (sender, receiver) = channel();
        future.add_done_callback(move |_| {
            sender.send(VAR.get()).unwrap();
            VAR.set(9);
        });
        VAR.set(2);
        future.set_result(0).unwrap();
        assert_eq!((&future).await.unwrap(), 0);
        all_called().await;
        assert_eq!((receiver.recv().unwrap(), VAR.get()), (Some(1), Some(2)));
    });
}

#[test]
fn b226_a_done_callback_that_panics_is_reported_and_the_next_is_called() {
    on_each_flavour(|| async {
        let told = reports();
        let log = Log::default();
        let future = create_future();
        future.add_done_callback(|_| panic!("not this one"));
        future.add_done_callback(note(&log, "next"));
        future.set_result(1).unwrap();
        all_called().await;
        assert_eq!(lines(&log), ["next: 1"]);
        let told: Vec<_> = told.try_iter().map(|context| context.panic).collect();
        assert_eq!(told, [Some("not this one".to_owned())]);
    });
}

#[test]
fn the_callback_of_a_closed_loop_is_dropped() {
    for_each_flavour(|builder| {
        let log = Log::default();
        let future = create_future();
        let (its, callback) = (future.clone(), note(&log, "never"));
        let mut runner = builder.build().unwrap();
        runner.run(async move { its.add_done_callback(callback) }).unwrap();
        drop(runner);
        future.set_result(1).unwrap();
        assert_eq!((lines(&log).len(), Arc::strong_count(&log)), (0, 1));
    });
}

#[test]
fn b034_cancelling_a_task_cancels_the_future_that_it_waits_for() {
    on_each_flavour(|| async {
        let future = create_future::<i32>();
        let waits = |future: &Future<i32>| {
            let future = future.clone();
            async move { future.await }
        };
        let task = heist::create_task(waits(&future));
        heist::yield_now().await;
        assert!(task.cancel_with("no more"));
        let ended = task.await.unwrap_err();
        assert_eq!(ended.as_cancelled().unwrap().message(), Some("no more"));
        assert!(future.cancelled());
        let Err(FutureError::Cancelled(error)) = future.result() else { panic!("not cancelled") };
        assert_eq!(error.message(), Some("no more"));
    });
}

#[test]
fn b034_whoever_catches_the_cancellation_goes_on() {
    on_each_flavour(|| async {
        let future = create_future::<i32>();
        let inner = future.clone();
        let task = heist::create_task(async move {
            let caught = heist::catch_cancelled(inner.wait()).await;
            // The next wait is disturbed no more.
            let next = create_future();
            let setter = next.clone();
            Handle::current().unwrap().call_soon(move || setter.set_result(7).unwrap()).unwrap();
            (caught.is_err(), next.await.unwrap())
        });
        heist::yield_now().await;
        task.cancel();
        assert_eq!(task.await.unwrap(), (true, 7));
        assert!(!future.done() || future.cancelled());
    });
}

#[test]
fn b032_a_future_that_somebody_else_cancels_is_a_value_for_who_waits() {
    on_each_flavour(|| async {
        let future = create_future::<i32>();
        let inner = future.clone();
        let task = heist::create_task(async move { inner.await.is_err() });
        heist::yield_now().await;
        future.cancel();
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_future_that_is_done_when_the_cancellation_comes_gives_its_value() {
    heist::Runner::builder()
        .current_thread()
        .build()
        .unwrap()
        .run(async {
            let future = create_future();
            let inner = future.clone();
            let task = heist::create_task(async move { inner.await });
            heist::yield_now().await;
            future.set_result(1).unwrap();
            task.cancel();
            // As in asyncio: the future cannot be cancelled any more, and the task is.
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(future.result().unwrap(), 1);
        })
        .unwrap();
}
