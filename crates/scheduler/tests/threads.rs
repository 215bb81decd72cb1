#![cfg(all(target_os = "linux", not(heist_loom)))]
//! Threads come when they are needed and go when they are not. Each test has thread names of its own and counts those.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, Handle, LocalScheduler, Scheduler, Task, spawn, spawn_blocking, yield_now};

const LIMIT: Duration = Duration::from_secs(20);

/// Threads of this process whose name begins with `prefix`.
fn threads(prefix: &str) -> usize {
    let mut count = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        // A thread may end between the listing and the look.
        if let Ok(name) = std::fs::read_to_string(task.unwrap().path().join("comm")) {
            count += usize::from(name.starts_with(prefix));
        }
    }
    count
}

/// Waits until `done` holds; fails after the limit.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn config(name: &str, workers: usize) -> Config {
    Config { thread_name: name.into(), ..Config::new(workers) }
}

#[test]
fn close_leaves_no_thread_behind() {
    let scheduler = Scheduler::new(config("closing", 3), Clock::real(), Arc::new(NoDriver));
    scheduler
        .block_on(async {
            let tasks: Vec<Task<()>> = (0..4).map(|_| spawn_blocking(|| ())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        })
        .unwrap();
    // A thread takes its name a moment after it was started.
    eventually("two workers and the watchdog", || threads("closing") >= 3);
    assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
    // A thread is joined a moment before the system forgets its name.
    eventually("threads outlived the loop", || threads("closing") == 0);
}

#[test]
fn the_pool_is_bounded_and_its_idle_threads_end() {
    let config = Config {
        max_blocking_threads: 3,
        blocking_keep_alive: Duration::from_millis(20),
        ..config("bounded", 1)
    };
    let scheduler = LocalScheduler::new(config, Clock::real(), Arc::new(NoDriver));
    let most = scheduler
        .block_on(async {
            let running = Arc::new(AtomicUsize::new(0));
            let most = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<Task<()>> = (0..30)
                .map(|_| {
                    let (running, most) = (running.clone(), most.clone());
                    spawn_blocking(move || {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, SeqCst);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            eventually("idle threads stayed", || threads("bounded-bl") == 0);
            // And they come again.
            spawn_blocking(|| ()).await.unwrap();
            most.load(SeqCst)
        })
        .unwrap();
    assert_eq!(most, 3);
}

#[test]
fn a_closure_in_line_can_be_cancelled_and_one_that_runs_ends() {
    let config = Config { max_blocking_threads: 1, ..config("in-line", 1) };
    let scheduler = Scheduler::new(config, Clock::real(), Arc::new(NoDriver));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    scheduler
        .block_on(async move {
            let first = spawn_blocking(move || wait.recv().is_ok());
            let ran = Arc::new(AtomicUsize::new(0));
            let count = ran.clone();
            let second = spawn_blocking(move || count.fetch_add(1, SeqCst));
            assert!(second.cancel());
            go.send(()).unwrap();
            assert!(first.await.unwrap());
            assert!(second.await.unwrap_err().is_cancelled());
            assert_eq!(ran.load(SeqCst), 0);
        })
        .unwrap();
}

#[test]
fn close_reports_a_task_that_does_not_end() {
    let scheduler = Scheduler::new(config("hanging", 2), Clock::real(), Arc::new(NoDriver));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = std::sync::mpsc::channel::<()>();
    let task = scheduler.handle().create_task(async move {
        begun.send(()).unwrap();
        let _ = wait.recv();
    });
    task.set_name("the hanging one");
    scheduler
        .block_on(async {
            // Worker 0 stays out of its way: the other worker has to take it.
            eventually("the task did not begin", || has_begun.try_recv().is_ok());
        })
        .unwrap();
    let report = scheduler.close(Duration::from_millis(50), Duration::ZERO).unwrap();
    assert!(!report.is_clean());
    assert!(report.to_string().contains("the hanging one"), "{report}");
    assert!(report.to_string().contains("tests/threads.rs"), "{report}");
    drop(report);
    go.send(()).unwrap();
    eventually("the late thread did not end", || threads("hanging") == 0);
    assert!(task.done());
}

#[test]
fn submissions_race_with_threads_that_give_up() {
    let config = Config {
        max_blocking_threads: 4,
        blocking_keep_alive: Duration::from_micros(50),
        ..config("giving-up", 2)
    };
    let scheduler = Scheduler::new(config, Clock::real(), Arc::new(NoDriver));
    scheduler
        .block_on(async {
            for round in 0..2000u64 {
                let task = spawn_blocking(move || round);
                if round % 3 == 0 {
                    yield_now().await;
                }
                if round % 7 == 0 {
                    std::thread::sleep(Duration::from_micros(40 + round % 30));
                }
                assert_eq!(task.await.unwrap(), round);
            }
        })
        .unwrap();
}

/// Foreign threads, workers and closing at the same time: every task ends once, whoever brings it.
#[test]
fn spawning_races_with_closing() {
    for round in 0..60 {
        let scheduler = Scheduler::new(config("racing", 1 + round % 3), Clock::real(), Arc::new(NoDriver));
        race_with_close(scheduler.handle(), |handle| {
            scheduler.block_on(async { yield_now().await }).unwrap();
            assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
            drop(handle);
        });
        let scheduler = LocalScheduler::new(config("racing", 1), Clock::real(), Arc::new(NoDriver));
        race_with_close(scheduler.handle(), |handle| {
            scheduler.block_on(async { yield_now().await }).unwrap();
            assert!(scheduler.close(LIMIT, LIMIT).unwrap().is_clean());
            drop(handle);
        });
    }
}

fn race_with_close(handle: Handle, close: impl FnOnce(Handle)) {
    struct Ends(Arc<AtomicUsize>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let ended = Arc::new(AtomicUsize::new(0));
    let made: usize = std::thread::scope(|scope| {
        let spawners: Vec<_> = (0..2)
            .map(|_| {
                let (handle, ended) = (handle.clone(), ended.clone());
                scope.spawn(move || {
                    let mut tasks = Vec::new();
                    while !handle.is_closed() && tasks.len() < 2000 {
                        let end = Ends(ended.clone());
                        tasks.push(handle.create_task(async move {
                            let _end = end;
                            drop(spawn(async {}));
                            std::future::pending::<()>().await;
                        }));
                    }
                    for task in &tasks {
                        task.cancel();
                    }
                    tasks.len()
                })
            })
            .collect();
        close(handle.clone());
        spawners.into_iter().map(|spawner| spawner.join().unwrap()).sum()
    });
    eventually("a task never ended", || ended.load(SeqCst) == made);
}
