//! `call_soon` and the exception handler, by asyncio's behaviours.
#![cfg(not(heist_loom))]

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use heist::{ContextVar, EventLoop, ExceptionContext, ExceptionHandler, Handle, LoopClosedError};
use support::{for_each_flavour, in_real_time, on_each_flavour};

/// A list that callbacks write to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, what: &'static str) -> impl FnOnce() + Send + 'static + use<> {
        let log = self.0.clone();
        move || log.lock().unwrap().push(what)
    }

    fn lines(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

fn current() -> Handle {
    Handle::current().expect("inside a run")
}

/// Ready when all callbacks that were put in line before have been called.
async fn all_called() {
    let (done, wait) = heist::sync::oneshot::channel();
    current().call_soon(move || done.send(()).unwrap_or(())).unwrap();
    wait.await.unwrap();
}

fn handler(to: Sender<ExceptionContext>) -> Option<ExceptionHandler> {
    let to = Mutex::new(to);
    Some(Arc::new(move |_: &Handle, context: &ExceptionContext| {
        to.lock().unwrap().send(context.clone()).unwrap()
    }))
}

fn reports() -> (Option<ExceptionHandler>, Receiver<ExceptionContext>) {
    let (sender, receiver) = channel();
    (handler(sender), receiver)
}

#[test]
fn a051_a_callback_is_called_once_with_what_it_was_given() {
    for_each_flavour(|builder| {
        let log = Log::default();
        builder
            .build()
            .unwrap()
            .run(async {
                let values = vec![1, 2];
                let (sender, receiver) = channel();
                current().call_soon(move || sender.send(values).unwrap()).unwrap();
                current().call_soon(log.add("once")).unwrap();
                all_called().await;
                all_called().await;
                assert_eq!(receiver.recv().unwrap(), [1, 2]);
                assert_eq!(log.lines(), ["once"]);
            })
            .unwrap();
    });
}

#[test]
fn b181_a_zero_sleep_gives_each_callback_that_was_scheduled_one_turn() {
    heist::Runner::builder()
        .current_thread()
        .build()
        .unwrap()
        .run(async {
            let log = Log::default();
            let (first, second) = (log.add("first"), log.add("second"));
            let handle = current();
            let again = handle.clone();
            handle
                .call_soon(move || {
                    first();
                    again.call_soon(second).unwrap();
                })
                .unwrap();
            handle.call_soon(log.add("beside")).unwrap();
            let task = heist::create_task({
                let log = log.clone();
                async move { log.add("task")() }
            });
            assert!(log.lines().is_empty(), "never on the spot");
            heist::sleep(Duration::ZERO).await;
            assert_eq!(log.lines(), ["first", "beside", "task"], "one order for callbacks and tasks");
            heist::sleep(Duration::ZERO).await;
            assert_eq!(log.lines(), ["first", "beside", "task", "second"]);
            task.await.unwrap();
        })
        .unwrap();
}

#[test]
fn b188_callbacks_of_other_threads_keep_their_place_among_the_loop_s_own() {
    in_real_time(|| async {
        let log = Log::default();
        let handle = current();
        for round in [["a0", "a1", "a2"], ["b0", "b1", "b2"]] {
            handle.call_soon(log.add(round[0])).unwrap();
            let (theirs, callback) = (handle.clone(), log.add(round[1]));
            thread::spawn(move || theirs.call_soon_threadsafe(callback).unwrap()).join().unwrap();
            handle.call_soon(log.add(round[2])).unwrap();
        }
        all_called().await;
        assert_eq!(log.lines(), ["a0", "a1", "a2", "b0", "b1", "b2"]);
    });
}

#[test]
fn b188_a_thread_wakes_a_loop_that_sleeps() {
    in_real_time(|| async {
        let future = heist::create_future();
        let (handle, setter) = (current(), future.clone());
        let thread = thread::spawn(move || {
            let here = thread::current().id();
            let callback = move || setter.set_result(thread::current().id() != here).unwrap();
            handle.call_soon_threadsafe(callback).unwrap();
        });
        assert!(future.await.unwrap(), "called by the loop, not by the thread");
        thread.join().unwrap();
    });
}

#[test]
fn b188_a_callback_of_another_thread_comes_before_a_task_that_yields_later() {
    heist::Runner::builder()
        .current_thread()
        .build()
        .unwrap()
        .run(async {
            for _ in 0..100 {
                let log = Log::default();
                let (handle, callback) = (current(), log.add("called"));
                thread::spawn(move || handle.call_soon_threadsafe(callback).unwrap()).join().unwrap();
                heist::sleep(Duration::ZERO).await;
                assert_eq!(log.lines(), ["called"]);
            }
        })
        .unwrap();
}

#[test]
fn b189_the_threadsafe_call_works_on_the_loop_s_own_thread() {
    in_real_time(|| async {
        let future = heist::create_future();
        let setter = future.clone();
        current().call_soon_threadsafe(move || setter.set_result("called").unwrap()).unwrap();
        assert_eq!(future.await.unwrap(), "called");
    });
}

#[test]
fn b215_a_callback_scheduled_by_a_callback_comes_after_all_that_are_scheduled() {
    in_real_time(|| async {
        let log = Log::default();
        let (handle, second) = (current(), log.add("second"));
        let again = handle.clone();
        // In one callback, so that no worker begins before both are in line.
        let (first, beside) = (log.add("first"), log.add("beside"));
        handle
            .call_soon(move || {
                let inner = again.clone();
                let call = move || {
                    first();
                    inner.call_soon(second).unwrap();
                };
                again.call_soon(call).unwrap();
                again.call_soon(beside).unwrap();
            })
            .unwrap();
        for _ in 0..3 {
            all_called().await;
        }
        assert_eq!(log.lines(), ["first", "beside", "second"]);
    });
}

#[test]
fn b223_a_cancelled_callback_is_skipped() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let log = Log::default();
        let handles: Vec<_> =
            ["a", "b", "c"].map(|name| event_loop.call_soon(log.add(name)).unwrap()).into_iter().collect();
        handles[1].cancel();
        assert!(handles[1].cancelled());
        assert_eq!(Arc::strong_count(&log.0), 3, "what a cancelled one holds is released at once");
        event_loop.run_until_complete(all_called()).unwrap();
        assert_eq!(log.lines(), ["a", "c"]);
        assert!(!handles[0].cancelled());
    });
}

#[test]
fn b226_a_callback_that_panics_is_reported_and_stops_nobody() {
    for_each_flavour(|builder| {
        let (handler, reports) = reports();
        builder
            .build()
            .unwrap()
            .run(async {
                let log = Log::default();
                current().set_exception_handler(handler.clone());
                current().call_soon(|| panic!("out of {}", "order")).unwrap();
                current().call_soon(log.add("next")).unwrap();
                all_called().await;
                assert_eq!(log.lines(), ["next"]);
            })
            .unwrap();
        let told: Vec<_> = reports.try_iter().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].panic.as_deref(), Some("out of order"));
        assert!(told[0].source.unwrap().file().ends_with("callbacks.rs"));
        assert!(told[0].message.contains("callback"), "{}", told[0].message);
    });
}

#[test]
fn b227_a_handler_replaces_the_default_and_none_restores_it() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        assert!(event_loop.get_exception_handler().is_none());
        let (handler, reports) = reports();
        event_loop.set_exception_handler(handler.clone());
        let set = event_loop.get_exception_handler().unwrap();
        assert!(Arc::ptr_eq(&set, &handler.unwrap()));
        event_loop.call_exception_handler(&ExceptionContext::new("told"));
        event_loop.set_exception_handler(None);
        assert!(event_loop.get_exception_handler().is_none());
        event_loop.call_exception_handler(&ExceptionContext::new("printed"));
        assert_eq!(reports.try_iter().map(|context| context.message).collect::<Vec<_>>(), ["told"]);
    });
}

#[test]
fn b228_a_handler_that_panics_is_reported_with_what_it_was_told() {
    if support::role().is_some() {
        heist::run(async {
            current().set_exception_handler(Some(Arc::new(|_, _| panic!("no handler at all"))));
            current().call_soon(|| panic!("the first fault")).unwrap();
            all_called().await;
            println!("alive");
        });
        return;
    }
    let mut copy =
        support::Copy::start("b228_a_handler_that_panics_is_reported_with_what_it_was_told", "panics");
    copy.stdout.until("alive");
    let line = copy.stderr.until("the exception handler failed");
    assert!(line.contains("no handler at all") && line.contains("the first fault"), "{line}");
    assert!(copy.wait().success());
}

#[test]
fn the_default_handler_writes_a_line() {
    if support::role().is_some() {
        heist::run(async {
            current().call_soon(|| panic!("lost")).unwrap();
            all_called().await;
        });
        return;
    }
    let mut copy = support::Copy::start("the_default_handler_writes_a_line", "panics");
    let line = copy.stderr.until("heist: a callback failed");
    assert!(line.contains("panicked: lost") && line.contains("callbacks.rs"), "{line}");
    assert!(copy.wait().success());
}

static WHERE: ContextVar<&str> = ContextVar::new("where");

#[test]
fn a047_the_handler_is_called_in_the_context_of_the_callback() {
    in_real_time(|| async {
        let (sender, receiver) = channel();
        let sender = Mutex::new(sender);
        let seen = move |_: &Handle, _: &ExceptionContext| {
            sender.lock().unwrap().send(WHERE.get()).unwrap();
        };
        current().set_exception_handler(Some(Arc::new(seen)));
        WHERE.set("registered");
        current()
            .call_soon(|| {
                WHERE.set("in the callback");
                panic!("for the handler");
            })
            .unwrap();
        WHERE.set("after");
        all_called().await;
        assert_eq!(receiver.recv().unwrap(), Some("in the callback"));
        assert_eq!(WHERE.get(), Some("after"));
    });
}

#[test]
fn nobody_is_the_current_task_in_a_callback_and_no_list_has_it() {
    in_real_time(|| async {
        let (sender, receiver) = channel();
        let handle = current();
        current()
            .call_soon(move || {
                let child = heist::create_task(async {
                    all_called().await;
                    heist::current_task().unwrap().parent()
                });
                sender.send((heist::current_task().is_none(), handle.all_tasks(), child)).unwrap();
            })
            .unwrap();
        assert_eq!(current().all_tasks().len(), 1, "main alone");
        all_called().await;
        let (none, tasks, child) = receiver.recv().unwrap();
        assert!(none);
        assert_eq!(tasks.len(), 2, "main and the callback's own child: {tasks:?}");
        assert_eq!(child.await.unwrap(), None);
    });
}

#[test]
fn callbacks_are_called_one_at_a_time() {
    const COUNT: usize = 2000;
    in_real_time(|| async {
        // Not atomic on purpose: two callbacks at a time would lose counts, and their order.
        let seen = Arc::new(Mutex::new(Vec::new()));
        let busy = Arc::new(Mutex::new(()));
        let mut threads = Vec::new();
        for thread in 0..2 {
            let (handle, seen, busy) = (current(), seen.clone(), busy.clone());
            threads.push(thread::spawn(move || {
                for index in 0..COUNT {
                    let (seen, busy) = (seen.clone(), busy.clone());
                    let call = move || {
                        let _alone = busy.try_lock().expect("two callbacks at a time");
                        seen.lock().unwrap().push((thread, index));
                    };
                    handle.call_soon_threadsafe(call).unwrap();
                }
            }));
        }
        let busy = heist::create_task(async {
            for _ in 0..COUNT {
                heist::yield_now().await;
            }
        });
        busy.await.unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        all_called().await;
        for thread in 0..2 {
            let order: Vec<_> = seen.lock().unwrap().clone();
            let order = order.iter().filter(|entry| entry.0 == thread).map(|entry| entry.1);
            assert!(order.eq(0..COUNT), "each thread's in its order, none lost");
        }
    });
}

#[test]
fn b212_a_closed_loop_takes_no_callback_and_drops_those_it_has() {
    for_each_flavour(|builder| {
        let event_loop: EventLoop = builder.build_event_loop().unwrap();
        let log = Log::default();
        let handle = event_loop.handle();
        event_loop.call_soon(log.add("never")).unwrap();
        event_loop.close().unwrap();
        assert_eq!(Arc::strong_count(&log.0), 1, "dropped with the loop");
        assert_eq!(event_loop.call_soon(|| {}).unwrap_err(), LoopClosedError);
        assert_eq!(handle.call_soon_threadsafe(|| {}).unwrap_err(), LoopClosedError);
        assert!(log.lines().is_empty());
    });
}

#[test]
fn time_does_not_jump_over_a_callback_that_waits() {
    on_each_flavour(|| async {
        let handle = current();
        let start = handle.clock().now();
        let (sender, receiver) = channel();
        let clock = handle.clock().clone();
        let sleeper = heist::create_task(heist::sleep(Duration::from_secs(10)));
        let timed = handle.clone();
        handle
            .call_soon(move || {
                timed.call_soon(move || sender.send(clock.now()).unwrap()).unwrap();
            })
            .unwrap();
        sleeper.await.unwrap();
        assert_eq!(receiver.recv().unwrap(), start);
        assert_eq!(handle.clock().now() - start, Duration::from_secs(10).as_nanos() as u64);
    });
}
