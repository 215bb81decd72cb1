//! What a loop counts of itself.
#![cfg(not(heist_loom))]

mod support;

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use heist::{Metrics, create_task, get_running_loop, to_thread};
use support::{for_each_flavour, in_real_time};

fn metrics() -> Metrics {
    get_running_loop().metrics()
}

/// Waits until the loop's counts say so.
async fn until(says: impl Fn(&Metrics) -> bool) {
    let begun = Instant::now();
    while !says(&metrics()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:#?}", metrics());
        heist::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn tasks_are_counted_from_their_creation_to_their_end() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (handle, never) = (event_loop.handle(), std::future::pending::<()>());
        assert_eq!((handle.metrics().live_tasks, handle.metrics().created_tasks), (0, 0));
        let before = event_loop.create_task(never);
        assert_eq!(handle.metrics().live_tasks, 1, "also between runs");
        event_loop
            .run_until_complete(async {
                let tasks: Vec<_> = (0..100).map(|_| create_task(std::future::pending::<()>())).collect();
                assert_eq!(metrics().live_tasks, 102, "with the main future");
                tasks.iter().for_each(|task| _ = task.cancel());
                before.cancel();
                let foreign = thread::spawn({
                    let handle = get_running_loop();
                    move || handle.create_task(async {})
                });
                to_thread(|| ()).await.unwrap();
                to_thread(move || foreign.join().unwrap()).await.unwrap().await.unwrap();
                for task in tasks {
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                until(|metrics| metrics.live_tasks == 1).await;
                assert_eq!(metrics().created_tasks, 105);
            })
            .unwrap();
        let _refused = event_loop.create_task(std::future::pending::<()>());
        event_loop.close().unwrap();
        let _late = handle.create_task(async {});
        assert_eq!(handle.metrics().live_tasks, 0);
    });
}

#[test]
fn polls_and_what_is_ready_are_counted() {
    in_real_time(|| async {
        let before = metrics().polls();
        for _ in 0..1000 {
            heist::yield_now().await;
        }
        let polled = metrics().polls() - before;
        assert!((1000..1100).contains(&polled), "{polled}");
        let tasks: Vec<_> = (0..500).map(|_| create_task(heist::yield_now())).collect();
        get_running_loop().call_later(Duration::from_secs(3600), || {}).unwrap();
        let now = metrics();
        assert_eq!(now.callbacks_later, 1);
        assert!(now.live_tasks > 1 && now.live_tasks <= 501);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn callbacks_in_line_are_counted() {
    let event_loop = heist::EventLoop::builder().workers(1).build_event_loop().unwrap();
    for _ in 0..5 {
        event_loop.call_soon(|| {}).unwrap();
    }
    assert_eq!(event_loop.metrics().callbacks, 5);
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(event_loop.metrics().callbacks, 0);
}

#[test]
fn sleeps_wakes_and_busy_time_are_counted() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                let before = metrics();
                for _ in 0..10 {
                    heist::sleep(Duration::from_millis(2)).await;
                }
                let spin = Instant::now();
                while spin.elapsed() < Duration::from_millis(10) {
                    std::hint::spin_loop();
                }
                let after = metrics();
                let (before, after) = (&before.workers[0], &after.workers[0]);
                assert!(after.parks >= before.parks + 10, "{before:?} {after:?}");
                let busy = after.busy - before.busy;
                assert!(busy >= Duration::from_millis(10), "{busy:?}");
                assert!(after.active && !after.spare && !before.stuck);
            })
            .unwrap();
        let handle = runner.handle().unwrap();
        let rests = || handle.metrics().workers.iter().map(|worker| worker.busy).collect::<Vec<_>>();
        let busy = rests();
        thread::sleep(Duration::from_millis(2));
        assert_eq!(rests(), busy, "a loop that rests is not busy");
    });
}

#[test]
fn a_worker_that_others_wake_counts_it() {
    in_real_time(|| async {
        let handle = get_running_loop();
        let woken = |metrics: &Metrics| metrics.workers.iter().map(|worker| worker.wakes).sum::<u64>();
        let before = woken(&handle.metrics());
        // A thread brings tasks while the workers sleep, until one was woken for it.
        let (stop, stopped) = channel::<()>();
        let brings = thread::spawn(move || {
            while stopped
                .recv_timeout(Duration::from_millis(1))
                .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                drop(handle.create_task(async {}));
            }
        });
        until(|metrics| woken(metrics) > before).await;
        drop(stop);
        brings.join().unwrap();
    });
}

#[test]
fn a_worker_that_takes_from_another_counts_it() {
    heist::Runner::builder()
        .workers(2)
        .build()
        .unwrap()
        .run(async {
            let begun = Instant::now();
            // Polls that are worth moving, more of them than one worker gets done before the other has come.
            while metrics().workers.iter().all(|worker| worker.steals == 0) {
                assert!(begun.elapsed() < Duration::from_secs(60), "{:#?}", metrics());
                let spin = || async {
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_micros(200) {
                        std::hint::spin_loop();
                    }
                };
                let tasks: Vec<_> = (0..60).map(|_| create_task(spin())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })
        .unwrap();
}

#[test]
fn timers_sources_and_the_pool_are_counted() {
    in_real_time(|| async {
        assert_eq!((metrics().timers, metrics().io_sources), (0, 0));
        let sleeping = create_task(heist::sleep(Duration::from_secs(3600)));
        let server = heist::start_server(|_, _| async {}, "127.0.0.1:0").await.unwrap();
        let (reader, writer) =
            heist::open_connection(server.sockets()[0].local_addr().unwrap()).await.unwrap();
        until(|metrics| metrics.timers >= 1 && metrics.io_sources >= 1).await;
        let (open, wait) = channel::<()>();
        let blocked = to_thread(move || wait.recv().unwrap_err());
        until(|metrics| metrics.blocking_threads == 1 && metrics.blocking_idle == 0).await;
        drop(open);
        blocked.await.unwrap();
        until(|metrics| metrics.blocking_idle == metrics.blocking_threads).await;
        assert_eq!(metrics().blocking_queue, 0);
        sleeping.cancel();
        drop((server, reader, writer));
    });
}
