//! `Builder::wrap_worker`: what a program has called around the work of a loop's threads.
#![cfg(not(heist_loom))]

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use heist::{Builder, EventLoop, RunError, create_task, gather, to_thread};

use support::{Copy, for_each_flavour, role};

thread_local! {
    /// How many wrappers this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One wrapper's life on one thread.
struct Inside(Arc<Counts>);

/// How often a wrapper was entered and left.
#[derive(Default)]
struct Counts {
    entered: AtomicUsize,
    left: AtomicUsize,
}

impl Inside {
    fn enter(counts: &Arc<Counts>) -> Self {
        counts.entered.fetch_add(1, Ordering::Relaxed);
        DEPTH.set(DEPTH.get() + 1);
        Self(counts.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}

/// A builder with a wrapper that counts.
fn counting(builder: Builder) -> (Builder, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let its = counts.clone();
    let builder = builder.wrap_worker(move |work| {
        let _inside = Inside::enter(&its);
        work();
    });
    (builder, counts)
}

fn is_inside() -> bool {
    DEPTH.get() == 1
}

#[test]
fn tasks_main_callbacks_and_closures_run_inside() {
    for_each_flavour(|builder| {
        let (builder, _) = counting(builder);
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                assert!(is_inside(), "main");
                let tasks = (0..64).map(|_| create_task(async { is_inside() }));
                assert!(gather(tasks).await.unwrap().into_iter().all(|inside| inside), "a task");
                assert!(to_thread(is_inside).await.unwrap(), "a closure");
                let (sender, receiver) = heist::sync::oneshot::channel();
                heist::get_running_loop().call_soon(move || sender.send(is_inside()).unwrap()).unwrap();
                assert!(receiver.await.unwrap(), "a callback");
            })
            .unwrap();
        assert!(!is_inside(), "the run is over");
    });
}

/// Each worker has a task at one time, so that all of them are seen.
#[test]
fn every_worker_is_inside() {
    const WORKERS: usize = 3;
    let (builder, counts) = counting(Builder::new().workers(WORKERS));
    let mut runner = builder.build().unwrap();
    let seen = runner
        .run(async {
            let together = Arc::new(Barrier::new(WORKERS));
            let tasks = (0..WORKERS).map(|_| {
                let together = together.clone();
                create_task(async move {
                    together.wait();
                    (thread::current().id(), is_inside())
                })
            });
            gather(tasks).await.unwrap()
        })
        .unwrap();
    let seen: BTreeMap<String, bool> =
        seen.into_iter().map(|(id, inside)| (format!("{id:?}"), inside)).collect();
    assert_eq!(seen.len(), WORKERS);
    assert!(seen.values().all(|inside| *inside), "{seen:?}");
    assert!(counts.entered.load(Ordering::Relaxed) >= WORKERS);
}

/// The watchdog starts a spare when all workers are inside long polls: what else is ready runs there, inside.
#[test]
fn a_spare_worker_is_inside() {
    let (builder, _) = counting(Builder::new().workers(1));
    let mut runner = builder.build().unwrap();
    runner
        .run(async {
            let (sender, receiver) = std::sync::mpsc::channel::<(ThreadId, bool)>();
            let _task = create_task(async move {
                sender.send((thread::current().id(), is_inside())).unwrap();
            });
            // This poll blocks the only worker until the task has run.
            let (on, inside) = receiver.recv_timeout(Duration::from_secs(60)).expect("the watchdog helps");
            assert!(on != thread::current().id() && inside);
        })
        .unwrap();
}

#[test]
fn the_close_waits_until_every_wrapper_has_returned() {
    for_each_flavour(|builder| {
        let counts = Arc::new(Counts::default());
        let its = counts.clone();
        let mut runner = builder
            .max_blocking_threads(3)
            .wrap_worker(move |work| {
                let inside = Inside::enter(&its);
                work();
                // Long enough for a close that does not wait to be seen.
                thread::sleep(Duration::from_millis(20));
                drop(inside);
            })
            .build()
            .unwrap();
        runner.run(async { gather((0..3).map(|_| to_thread(|| ()))).await.unwrap() }).unwrap();
        assert!(runner.close().is_clean());
        assert_eq!(counts.left.load(Ordering::Relaxed), counts.entered.load(Ordering::Relaxed));
    });
}

#[test]
fn a_task_is_cancelled_by_the_close_inside() {
    for_each_flavour(|builder| {
        struct Tells(std::sync::mpsc::Sender<bool>);
        impl Drop for Tells {
            fn drop(&mut self) {
                let _ = self.0.send(is_inside());
            }
        }
        let (builder, _) = counting(builder);
        let event_loop = builder.build_event_loop().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let task = event_loop.create_task(async move {
            let _tells = Tells(sender);
            std::future::pending::<()>().await;
        });
        event_loop.run_until_complete(heist::sleep(Duration::from_millis(1))).unwrap();
        event_loop.close().unwrap();
        assert!(task.cancelled());
        assert!(receiver.recv().unwrap());
    });
}

#[test]
fn several_nest_in_the_order_in_which_they_were_given() {
    for_each_flavour(|builder| {
        let log: Arc<Mutex<BTreeMap<String, Vec<&str>>>> = Arc::default();
        let note = |before: &'static str, after: &'static str| {
            let log = log.clone();
            move |work: &mut dyn FnMut()| {
                let note = |what| {
                    log.lock().unwrap().entry(format!("{:?}", thread::current().id())).or_default().push(what)
                };
                note(before);
                work();
                note(after);
            }
        };
        let mut runner = builder
            .wrap_worker(note("first in", "first out"))
            .wrap_worker(note("second in", "second out"))
            .build()
            .unwrap();
        runner.run(async { to_thread(|| ()).await.unwrap() }).unwrap();
        runner.close();
        let log = log.lock().unwrap();
        assert!(log.len() >= 2, "{log:?}");
        for once in log.values().flat_map(|events| events.chunks(4)) {
            assert_eq!(once, ["first in", "second in", "second out", "first out"]);
        }
    });
}

#[test]
fn every_way_to_run_a_loop_is_inside() {
    for_each_flavour(|builder| {
        let (builder, counts) = counting(builder);
        let event_loop = builder.build_event_loop().unwrap();
        assert!(event_loop.run_until_complete(async { is_inside() }).unwrap());
        let (sender, receiver) = std::sync::mpsc::channel();
        let stops = event_loop.handle();
        event_loop
            .call_soon(move || {
                sender.send(is_inside()).unwrap();
                stops.stop();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert!(receiver.recv().unwrap());
        let task = event_loop.create_task(async { is_inside() });
        let mut passes = event_loop.begin().unwrap();
        while !task.done() {
            passes.pass(Duration::from_millis(1)).unwrap();
            assert!(!is_inside(), "between passes the thread is the program's");
        }
        drop(passes);
        assert!(*task.result().unwrap());
        event_loop.close().unwrap();
        assert_eq!(counts.left.load(Ordering::Relaxed), counts.entered.load(Ordering::Relaxed));
    });
}

#[test]
fn an_eager_task_between_runs_is_inside() {
    let (builder, _) = counting(Builder::new().current_thread().eager_tasks(true));
    let event_loop = builder.build_event_loop().unwrap();
    let task = event_loop.spawn_local(async { is_inside() }).unwrap();
    assert!(task.done() && *task.result().unwrap());
}

#[test]
fn a_run_whose_wrapper_calls_nothing_fails_and_has_begun_nothing() {
    for_each_flavour(|builder| {
        let event_loop = builder.wrap_worker(|_| ()).build_event_loop().unwrap();
        let mut polled = false;
        let error = event_loop.run_until_complete(async { polled = true }).unwrap_err();
        assert!(matches!(error, RunError::NotWrapped));
        assert!(error.to_string().contains("have it call its argument, once"), "{error}");
        assert!(!polled);
        assert!(matches!(event_loop.run_forever(), Err(RunError::NotWrapped)));
        assert!(matches!(event_loop.begin().unwrap().pass(Duration::ZERO), Err(RunError::NotWrapped)));
        let task = event_loop.create_task(std::future::pending::<()>());
        assert!(event_loop.close().unwrap().is_clean(), "it closes without the wrapper");
        assert!(task.cancelled());
    });
}

#[test]
fn a_task_survives_runs_that_fail() {
    for_each_flavour(|builder| {
        let calls = AtomicUsize::new(0);
        let builder = builder.wrap_worker(move |work| {
            if thread::current().name() != Some("caller") || calls.fetch_add(1, Ordering::Relaxed) > 0 {
                work();
            }
        });
        let caller = thread::Builder::new().name("caller".to_owned()).spawn(move || {
            let event_loop = builder.build_event_loop().unwrap();
            let mut task = event_loop.create_task(async { 7 });
            assert!(matches!(event_loop.run_until_complete(&mut task), Err(RunError::NotWrapped)));
            assert_eq!(event_loop.run_until_complete(task).unwrap().unwrap(), 7);
        });
        caller.unwrap().join().unwrap();
    });
}

/// A builder whose wrapper goes wrong on the loop's own threads, and not on that of the run.
fn wrong_elsewhere(builder: Builder, wrong: fn(&mut dyn FnMut())) -> Builder {
    let caller = thread::current().id();
    builder.wrap_worker(move |work| if thread::current().id() == caller { work() } else { wrong(work) })
}

/// Has every thread of a loop with three of them do something.
fn uses_all_threads(builder: Builder) {
    let mut runner = builder.build().unwrap();
    let sum = runner.run(async {
        let tasks = (0..100).map(|number| create_task(async move { number }));
        let closures = (0..4).map(|number| to_thread(move || number));
        let (tasks, closures) = (gather(tasks).await.unwrap(), gather(closures).await.unwrap());
        tasks.into_iter().chain(closures).sum::<i32>()
    });
    assert_eq!(sum.unwrap(), 4950 + 6);
    assert!(runner.close().is_clean());
}

#[test]
fn a_thread_of_the_loop_works_without_a_wrapper_that_goes_wrong() {
    if role().is_some() {
        for wrong in [|_: &mut dyn FnMut()| (), |_: &mut dyn FnMut()| panic!("a wrapper")] {
            for_each_flavour(|builder| uses_all_threads(wrong_elsewhere(builder, wrong)));
        }
        return;
    }
    let mut copy = Copy::start("a_thread_of_the_loop_works_without_a_wrapper_that_goes_wrong", "all");
    let warning = copy.stderr.until("a wrapper of the loop's threads");
    assert!(warning.contains("returned without calling its argument"), "{warning}");
    assert!(copy.wait().success());
}

#[test]
fn a_second_call_does_nothing_but_warn() {
    if role().is_some() {
        for_each_flavour(|builder| {
            uses_all_threads(builder.wrap_worker(|work| {
                work();
                work();
            }));
        });
        return;
    }
    let mut copy = Copy::start("a_second_call_does_nothing_but_warn", "twice");
    let warning = copy.stderr.until("a wrapper of the loop's threads");
    assert!(warning.contains("a second time: that did nothing, call it once"), "{warning}");
    assert!(copy.wait().success());
}

#[test]
fn a_panic_of_a_wrapper_after_the_work_changes_nothing() {
    for_each_flavour(|builder| {
        uses_all_threads(builder.wrap_worker(|work| {
            work();
            panic!("a wrapper");
        }));
    });
}

#[test]
fn a_panic_of_main_passes_the_wrapper_by() {
    for_each_flavour(|builder| {
        let (builder, counts) = counting(builder);
        let event_loop = builder.build_event_loop().unwrap();
        let main = async { panic!("main") };
        let payload = catch_unwind(AssertUnwindSafe(|| event_loop.run_until_complete::<_>(main)))
            .map(drop)
            .unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "main");
        assert!(!is_inside());
        assert!(counts.left.load(Ordering::Relaxed) >= 1);
        assert_eq!(event_loop.run_until_complete(async { 7 }).unwrap(), 7, "the loop is whole");
    });
}

#[test]
fn a_loop_that_closes_inside_the_run_of_another_is_inside_both() {
    let (outer, outer_counts) = counting(Builder::new().workers(1));
    outer
        .build()
        .unwrap()
        .run(async {
            let (inner, inner_counts) = counting(Builder::new().current_thread());
            let inner: EventLoop = inner.build_event_loop().unwrap();
            inner.close().unwrap();
            assert_eq!(inner_counts.left.load(Ordering::Relaxed), 1);
            assert!(is_inside());
        })
        .unwrap();
    assert!(outer_counts.left.load(Ordering::Relaxed) >= 1);
}

#[test]
fn a_wrapper_that_takes_long_is_waited_for_no_longer_than_the_limits() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let caller = thread::current().id();
    let mut runner = Builder::new()
        .workers(2)
        .shutdown_timeout(Duration::from_millis(50))
        .executor_timeout(Duration::from_millis(50))
        .wrap_worker(move |work| {
            work();
            if thread::current().id() != caller {
                let _ = held.lock().unwrap().recv();
            }
        })
        .build()
        .unwrap();
    runner.run(async {}).unwrap();
    let begun = Instant::now();
    let report = runner.close();
    assert_eq!(report.worker_threads, 1, "{report}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(release);
}
