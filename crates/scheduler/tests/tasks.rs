#![cfg(not(heist_loom))]
#![allow(clippy::async_yields_async)] // handing a task out of a task is what some of these tests are about
//! Tasks on both flavours, without I/O and timers: creating, joining, cancelling, panicking, closing.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::Duration;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{
    Config, Handle, LocalScheduler, RunError, Scheduler, Task, current_task, spawn, spawn_blocking, task,
    yield_now,
};

const LIMIT: Duration = Duration::from_secs(20);

fn multi(workers: usize) -> Scheduler {
    Scheduler::new(Config::new(workers), Clock::real(), Arc::new(NoDriver))
}

fn local() -> LocalScheduler {
    LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver))
}

/// Runs a test on every flavour and worker count.
fn on_all<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for workers in [1, 2, 4] {
        let scheduler = multi(workers);
        scheduler.block_on(test()).unwrap();
        let report = scheduler.close(LIMIT, LIMIT).unwrap();
        assert!(report.is_clean(), "{workers} workers: {report}");
    }
    let scheduler = local();
    scheduler.block_on(test()).unwrap();
    let report = scheduler.close(LIMIT, LIMIT).unwrap();
    assert!(report.is_clean(), "current thread: {report}");
}

/// Counts how many of its clones were dropped.
#[derive(Clone)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn new() -> (Self, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (Self(count.clone()), count)
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn values_come_back() {
    on_all(|| async {
        let tasks: Vec<Task<usize>> = (0..1000).map(|i| spawn(async move { i * 2 })).collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), i * 2);
        }
    });
}

#[test]
fn large_and_aligned_futures_have_a_place() {
    #[repr(align(128))]
    #[derive(Clone, Copy)]
    struct Wide([u8; 128]);
    on_all(|| async {
        let large = spawn(async {
            let block = [7u8; 20_000];
            yield_now().await;
            block.iter().map(|&b| usize::from(b)).sum::<usize>()
        });
        let wide = spawn(async {
            let wide = Wide([3; 128]);
            yield_now().await;
            assert_eq!((&raw const wide).addr() % 128, 0);
            usize::from(wide.0[5])
        });
        assert_eq!(large.await.unwrap() + wide.await.unwrap(), 140_003);
    });
}

#[test]
fn a_detached_task_runs_to_its_end() {
    on_all(|| async {
        let (sender, receiver) = mpsc::channel();
        drop(spawn(async move {
            yield_now().await;
            sender.send(5).unwrap();
        }));
        loop {
            match receiver.try_recv() {
                Ok(value) => break assert_eq!(value, 5),
                Err(_) => yield_now().await,
            }
        }
    });
}

#[test]
fn a_panic_ends_its_task_and_nothing_else() {
    on_all(|| async {
        let task = spawn(async {
            yield_now().await;
            if true {
                panic!("on purpose");
            }
        });
        let error = task.await.unwrap_err();
        assert_eq!(error.panic_message(), Some("on purpose"));
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_panicking_drop_of_future_or_output_is_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("bomb");
            }
        }
    }
    on_all(|| async {
        let bomb = Bomb;
        let task = spawn(async move {
            let _bomb = bomb;
            pending::<()>().await
        });
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_panic());
        // The output has nobody to go to.
        drop(spawn(async { Bomb }));
        for _ in 0..10 {
            yield_now().await;
        }
    });
}

#[test]
fn a_waker_that_panics_ends_no_worker() {
    struct Bad;
    impl std::task::Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("a bad waker");
        }
    }
    on_all(|| async {
        let mut task = spawn(yield_now());
        let bad = Waker::from(Arc::new(Bad));
        let mut cx = std::task::Context::from_waker(&bad);
        assert!(task.poll_done(&mut cx).is_pending());
        while !task.done() {
            yield_now().await;
        }
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn cancel_drops_the_future_at_its_suspension() {
    on_all(|| async {
        let (guard, drops) = Drops::new();
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        yield_now().await;
        assert!(task.cancel_with("enough"));
        let error = task.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("enough"));
        assert_eq!(drops.load(SeqCst), 1);
    });
}

#[test]
fn cancel_before_the_first_poll_runs_nothing() {
    let scheduler = local();
    scheduler
        .block_on(async {
            let (guard, drops) = Drops::new();
            let task = spawn(async move {
                let _guard = guard;
                unreachable!("the task was cancelled before it began");
            });
            assert!(task.cancel());
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(drops.load(SeqCst), 1);
        })
        .unwrap();
}

#[test]
fn cancel_of_a_finished_task_keeps_its_value() {
    on_all(|| async {
        let mut task = spawn(async { 3 });
        while !task.done() {
            yield_now().await;
        }
        assert!(!task.cancel());
        (&mut task).await;
        assert_eq!(*task.result().unwrap(), 3);
    });
}

#[test]
fn a_joiner_may_change_its_waker_and_leave() {
    on_all(|| async {
        let (wake, woken) = mpsc::channel::<Waker>();
        let task = spawn(poll_fn(move |cx| {
            wake.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        let joiner = spawn(async move {
            let mut task = task;
            let first = poll_fn(|cx| Poll::Ready(task.poll_done(cx).is_pending())).await;
            assert!(first);
            task
        });
        let task = joiner.await.unwrap();
        let second = spawn(task.into_future());
        for _ in 0..3 {
            yield_now().await;
        }
        let waker = loop {
            match woken.try_recv() {
                Ok(waker) => break waker,
                Err(_) => yield_now().await,
            }
        };
        waker.wake();
        second.cancel();
        assert!(second.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn wakers_and_handles_outlive_the_loop() {
    for flavour in 0..2 {
        let (wake, wakers) = mpsc::channel::<Waker>();
        let (task, reference);
        let main = async move {
            let task = spawn(poll_fn(move |cx| {
                wake.send(cx.waker().clone()).unwrap();
                Poll::<u32>::Pending
            }));
            yield_now().await;
            let reference = task.task_ref();
            while wakers.try_recv().map(|w| w.wake()).is_err() {
                yield_now().await;
            }
            (task, reference, wakers)
        };
        let wakers;
        if flavour == 0 {
            let scheduler = multi(2);
            (task, reference, wakers) = scheduler.block_on(main).unwrap();
            scheduler.close(LIMIT, LIMIT).unwrap();
        } else {
            let scheduler = local();
            (task, reference, wakers) = scheduler.block_on(main).unwrap();
            scheduler.close(LIMIT, LIMIT).unwrap();
        }
        assert!(task.done() && reference.done());
        for waker in wakers.try_iter() {
            waker.wake_by_ref();
            let other = waker.clone();
            std::thread::spawn(move || other.wake()).join().unwrap();
        }
        let other = multi(1);
        assert!(other.block_on(task).unwrap().unwrap_err().is_cancelled());
        assert!(reference.name().starts_with("Task-"));
    }
}

#[test]
fn foreign_threads_create_tasks() {
    for flavour in 0..2 {
        let body = |handle: Handle| async move {
            let (sender, receiver) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                let tasks: Vec<_> = (0..500).map(|i| handle.create_task(async move { i })).collect();
                sender.send(tasks).unwrap();
            });
            let tasks = loop {
                match receiver.try_recv() {
                    Ok(tasks) => break tasks,
                    Err(_) => yield_now().await,
                }
            };
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, 499 * 500 / 2);
            thread.join().unwrap();
        };
        if flavour == 0 {
            let scheduler = multi(2);
            scheduler.block_on(body(scheduler.handle())).unwrap();
        } else {
            let scheduler = local();
            scheduler.block_on(body(scheduler.handle())).unwrap();
        }
    }
}

#[test]
fn foreign_threads_await_cancel_and_drop_local_tasks() {
    let scheduler = local();
    scheduler
        .block_on(async {
            let (guard, drops) = Drops::new();
            let cancelled = spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
            let awaited = spawn(async {
                yield_now().await;
                7
            });
            let (unwanted, output_drops) = Drops::new();
            let dropped = spawn(async move { unwanted });
            let foreign = spawn_blocking(move || {
                cancelled.cancel();
                drop(dropped);
                let other = multi(1);
                let cancelled = other.block_on(cancelled).unwrap().unwrap_err().is_cancelled();
                (cancelled, other.block_on(awaited).unwrap().unwrap())
            });
            assert_eq!(foreign.await.unwrap(), (true, 7));
            assert_eq!(drops.load(SeqCst), 1);
            while output_drops.load(SeqCst) == 0 {
                yield_now().await;
            }
        })
        .unwrap();
    assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
}

#[test]
fn closures_run_on_other_threads() {
    on_all(|| async {
        let here = std::thread::current().id();
        let task = spawn_blocking(move || std::thread::current().id() != here);
        assert!(task.await.unwrap());
        let failed = spawn_blocking(|| -> u32 { panic!("in the pool") });
        assert_eq!(failed.await.unwrap_err().panic_message(), Some("in the pool"));
    });
}

#[test]
fn a_run_inside_a_run_names_both_places() {
    let scheduler = multi(1);
    let other = multi(1);
    let error = scheduler.block_on(async { other.block_on(async {}).unwrap_err() }).unwrap();
    assert!(matches!(error, RunError::Nested { .. }));
    let text = error.to_string();
    assert_eq!(text.matches("tests/tasks.rs").count(), 2, "{text}");
    // Inside to_thread it is allowed.
    let nested =
        scheduler.block_on(async move { spawn_blocking(move || other.block_on(async { 4 }).unwrap()).await });
    assert_eq!(nested.unwrap().unwrap(), 4);
}

#[test]
fn a_loop_runs_again_and_tasks_go_on() {
    for workers in [1, 3] {
        let scheduler = multi(workers);
        let task = scheduler
            .block_on(async {
                spawn(async {
                    for _ in 0..5 {
                        yield_now().await;
                    }
                    9
                })
            })
            .unwrap();
        assert_eq!(scheduler.block_on(task).unwrap().unwrap(), 9);
    }
    let scheduler = local();
    let task = scheduler.spawn_local(async { 2 }).unwrap();
    assert_eq!(scheduler.block_on(task).unwrap().unwrap(), 2);
}

#[test]
fn the_main_panic_reaches_the_caller_and_the_loop_survives() {
    let scheduler = multi(2);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _: Result<(), _> = scheduler.block_on(async { panic!("main") });
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"main"));
    assert_eq!(scheduler.block_on(async { spawn(async { 1 }).await.unwrap() }).unwrap(), 1);
}

#[test]
fn close_ends_every_task() {
    for workers in [1, 2, 4] {
        let scheduler = multi(workers);
        let (guard, drops) = Drops::new();
        scheduler
            .block_on(async {
                for _ in 0..300 {
                    let guard = guard.clone();
                    drop(spawn(async move {
                        let _guard = guard;
                        loop {
                            yield_now().await;
                        }
                    }));
                    let guard = Drops(drops.clone());
                    drop(spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    }));
                }
            })
            .unwrap();
        assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
        assert_eq!(drops.load(SeqCst), 600);
        assert!(matches!(scheduler.block_on(async {}), Err(RunError::Closed)));
        let late = scheduler.handle().create_task(async { 1 });
        let other = multi(1);
        assert!(other.block_on(late).unwrap().unwrap_err().is_cancelled());
    }
}

#[test]
fn all_tasks_lists_who_is_alive() {
    on_all(|| async {
        let handle = Handle::current().unwrap();
        let tasks: Vec<_> =
            (0..40).map(|i| spawn(pending::<()>()).with_name(format!("sleeper {i}"))).collect();
        let names: Vec<_> = handle.all_tasks().iter().map(|task| task.name().to_string()).collect();
        assert_eq!(names.iter().filter(|name| name.starts_with("sleeper")).count(), 40);
        for task in &tasks {
            task.cancel();
        }
        for task in tasks {
            assert!(task.await.is_err());
        }
        assert_eq!(handle.all_tasks().len(), 1, "the main future alone is left");
    });
}

#[test]
fn current_thread_order_is_first_in_first_out() {
    let scheduler = local();
    scheduler
        .block_on(async {
            let log = Arc::new(std::sync::Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..4)
                .map(|i| {
                    let log = log.clone();
                    spawn(async move {
                        for round in 0..3 {
                            log.lock().unwrap().push((round, i));
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let expected: Vec<_> = (0..3).flat_map(|round| (0..4).map(move |i| (round, i))).collect();
            assert_eq!(*log.lock().unwrap(), expected);
        })
        .unwrap();
}

#[test]
fn neither_main_nor_tasks_starve() {
    on_all(|| async {
        let rounds = Arc::new(AtomicUsize::new(0));
        let (stop, count) = (Arc::new(AtomicUsize::new(0)), rounds.clone());
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let (stop, count) = (stop.clone(), count.clone());
                spawn(async move {
                    while stop.load(SeqCst) == 0 {
                        count.fetch_add(1, SeqCst);
                        yield_now().await;
                    }
                })
            })
            .collect();
        // Main is woken by a task each time, while the two are always ready.
        for _ in 0..50 {
            spawn(yield_now()).await.unwrap();
        }
        assert!(rounds.load(SeqCst) > 0);
        stop.store(1, SeqCst);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn local_futures_need_not_be_send() {
    let scheduler = local();
    let value = scheduler
        .block_on(async {
            let shared = std::rc::Rc::new(std::cell::Cell::new(1));
            let inner = shared.clone();
            heist_scheduler::spawn_local(async move {
                yield_now().await;
                inner.set(inner.get() + 1);
                inner
            })
            .await
            .unwrap()
            .get()
        })
        .unwrap();
    assert_eq!(value, 2);
}

/// Many tasks, woken from everywhere, joined and cancelled at random, on four workers.
#[test]
fn stress_wake_join_cancel() {
    let scheduler = multi(4);
    let (guard, drops) = Drops::new();
    let rounds = 200;
    let made = scheduler
        .block_on(async move {
            let mut made = 0;
            for round in 0..rounds {
                let mut tasks = Vec::new();
                for i in 0..50usize {
                    let guard = guard.clone();
                    made += 1;
                    tasks.push(spawn(async move {
                        let _guard = guard;
                        for _ in 0..i % 7 {
                            if i % 3 == 0 {
                                let inner = spawn(async move { i });
                                assert_eq!(inner.await.unwrap(), i);
                            } else if i % 11 == 5 {
                                assert_eq!(spawn_blocking(move || i).await.unwrap(), i);
                            } else {
                                yield_now().await;
                            }
                        }
                        i
                    }));
                }
                for (i, task) in tasks.into_iter().enumerate() {
                    match (i + round) % 4 {
                        0 => drop(task),
                        1 => {
                            task.cancel();
                            if let Ok(value) = task.await {
                                assert_eq!(value, i);
                            }
                        }
                        _ => assert_eq!(task.await.unwrap(), i),
                    }
                }
            }
            drop(guard);
            made
        })
        .unwrap();
    assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
    assert_eq!(drops.load(SeqCst), made + 1);
}

/// The cell of a task is given back also where its output, which nobody wants, is a reference to the task itself: the end counts
/// what the drop of the output gives back.
#[test]
fn a_detached_task_that_returns_itself_is_freed() {
    let name: Arc<str> = "myself".into();
    on_all(|| {
        let name = name.clone();
        async move {
            let (ended, end) = mpsc::channel();
            drop(task(async move { ended.send(()).map(|()| current_task()) }).name(name).spawn());
            while end.try_recv().is_err() {
                yield_now().await;
            }
        }
    });
    assert_eq!(Arc::strong_count(&name), 1, "a cell was not freed: it keeps its task's name");
}

/// Clones the waker of the task that drops it, which is about to be complete, and keeps the clone.
struct ClonesInDrop(Waker, mpsc::Sender<Waker>);

impl Drop for ClonesInDrop {
    fn drop(&mut self) {
        let _ = self.1.send(self.0.clone());
    }
}

/// References are exact from the end of a task on, also where its output's drop clones its waker.
#[test]
fn a_waker_cloned_by_the_drop_of_the_output_counts() {
    let name: Arc<str> = "the last clone".into();
    on_all(|| {
        let name = name.clone();
        async move {
            // After no clone in the poll, after one, and after as many as are counted at once.
            for before in [0, 1, 63, 64, 65] {
                let (kept, wakers) = mpsc::channel();
                let output = poll_fn(move |cx| {
                    (0..before).for_each(|_| drop(cx.waker().clone()));
                    Poll::Ready(ClonesInDrop(cx.waker().clone(), kept.clone()))
                });
                drop(task(output).name(name.clone()).spawn());
                let waker = loop {
                    match wakers.try_recv() {
                        Ok(waker) => break waker,
                        Err(_) => yield_now().await,
                    }
                };
                let others: Vec<Waker> = (0..100).map(|_| waker.clone()).collect();
                drop(waker);
                assert!(Arc::strong_count(&name) > 2, "the cell went while somebody had a waker of it");
                drop(others);
            }
        }
    });
    assert_eq!(Arc::strong_count(&name), 1, "a cell was not freed: it keeps its task's name");
}
