#![cfg(all(not(heist_loom), target_os = "linux"))]
//! The watchdog sleeps while all workers move on, and while all sleep.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heist_core::{Clock, driver::NoDriver};
use heist_scheduler::{Config, Scheduler, spawn};

/// How often the thread of this name has gone to sleep.
fn sleeps_of(name: &str) -> u64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            let status = read("status");
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            return line.unwrap().trim().parse().unwrap();
        }
    }
    panic!("no thread is called {name}");
}

fn scheduler(thread_name: &str) -> Scheduler {
    let config = Config { thread_name: thread_name.into(), ..Config::new(1) };
    Scheduler::new(config, Clock::real(), Arc::new(NoDriver))
}

#[test]
fn nobody_looks_at_a_worker_that_moves_on() {
    scheduler("moves")
        .block_on(async {
            // Until the thread is there.
            spawn(async {}).await.unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let (before, begun) = (sleeps_of("moves-watchdog"), Instant::now());
            // Where others keep this thread from its core, a look or two are in order, and one each ms.
            let (mut last, mut kept) = (begun, 0);
            while begun.elapsed() < Duration::from_millis(200) {
                spawn(async {}).await.unwrap();
                let gap = last.elapsed().as_millis();
                kept += if gap > 2 { gap + 2 } else { 0 };
                last = Instant::now();
            }
            let looks = sleeps_of("moves-watchdog") - before;
            assert!(u128::from(looks) <= 5 + kept, "{looks} looks, {kept} were in order");
        })
        .unwrap();
}

#[test]
fn nobody_looks_at_workers_that_sleep() {
    let scheduler = scheduler("sleeps");
    let (tell, told) = std::sync::mpsc::channel();
    let asks = std::thread::spawn(move || {
        let () = told.recv().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        let before = sleeps_of("sleeps-watchdog");
        std::thread::sleep(Duration::from_millis(100));
        sleeps_of("sleeps-watchdog") - before
    });
    let looks = scheduler
        .block_on(async move {
            let answer = scheduler_waits(asks);
            tell.send(()).unwrap();
            answer.await
        })
        .unwrap();
    assert_eq!(looks, 0);
}

/// Waits for a thread, asleep.
async fn scheduler_waits(thread: std::thread::JoinHandle<u64>) -> u64 {
    heist_scheduler::spawn_blocking(move || thread.join().unwrap()).await.unwrap()
}

#[test]
fn a_first_poll_that_blocks_is_found_in_every_run() {
    let scheduler = scheduler("again");
    for _ in 0..3 {
        // The watchdog rests by then.
        std::thread::sleep(Duration::from_millis(20));
        let (tell, told) = std::sync::mpsc::channel();
        let helped = scheduler
            .block_on(async move {
                drop(spawn(async move { tell.send(()).unwrap() }));
                told.recv_timeout(Duration::from_secs(10)).is_ok()
            })
            .unwrap();
        assert!(helped, "the task behind a poll that waits for it was left there");
    }
}

/// Who moves on puts the alarm off, but not for who does not.
#[test]
fn a_poll_that_blocks_is_found_beside_a_worker_that_moves_on() {
    let config = Config { thread_name: "beside".into(), ..Config::new(2) };
    let scheduler = Scheduler::new(config, Clock::real(), Arc::new(NoDriver));
    for _ in 0..5 {
        let handle = scheduler.handle();
        let (answer, answered) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let hog = handle.create_task(async move {
                let (tell, told) = std::sync::mpsc::channel();
                drop(spawn(async move { tell.send(()).unwrap() }));
                answer.send(told.recv_timeout(Duration::from_secs(10)).is_ok()).unwrap();
            });
            drop(hog);
        });
        let helped = scheduler
            .block_on(async move {
                loop {
                    match answered.try_recv() {
                        Ok(helped) => return helped,
                        Err(_) => spawn(async {}).await.unwrap(),
                    }
                }
            })
            .unwrap();
        assert!(helped, "the task behind a poll that waits for it was left there");
    }
}
