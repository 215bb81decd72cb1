//! `run_forever`, `stop`, and what a pass calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use heist::{RunError, get_running_loop};

use crate::common::{Log, SECOND, in_order, stop_later, stop_soon, virtual_loop};
use crate::support::for_each_flavour;

#[test]
fn b213_a_stop_before_run_forever_makes_one_pass_that_waits_for_nothing() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        let (again, its) = (event_loop.handle(), log.clone());
        event_loop
            .call_soon(move || {
                its.push("first pass");
                again.call_soon(its.add("second pass")).unwrap();
            })
            .unwrap();
        event_loop.call_later(SECOND, log.add("later")).unwrap();
        event_loop.call_at(Duration::ZERO, log.add("due")).unwrap();
        event_loop.stop();
        event_loop.run_forever().unwrap();
        let mut called = log.take();
        called.retain(|&what| what != "second pass");
        called.sort_unstable();
        assert_eq!(called, ["due", "first pass"]);
        assert_eq!(event_loop.time(), Duration::ZERO);
        // The stop is used up.
        stop_later(&event_loop, 2 * SECOND);
        event_loop.run_forever().unwrap();
        assert!(log.take().contains(&"later"));
    });
}

#[test]
fn b213_a_pass_without_anything_to_do_ends_at_once() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let begun = Instant::now();
        event_loop.call_later(3600 * SECOND, || {}).unwrap();
        event_loop.stop();
        event_loop.run_forever().unwrap();
        assert!(begun.elapsed() < 60 * SECOND);
        event_loop.stop();
        assert!(matches!(
            event_loop.run_until_complete(std::future::pending::<()>()),
            Err(RunError::Stopped)
        ));
    });
}

#[test]
fn b214_a_stop_that_was_scheduled_comes_after_what_was_before_it() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        for name in ["a", "b", "c"] {
            event_loop.call_soon(log.add(name)).unwrap();
        }
        stop_soon(&event_loop);
        event_loop.run_forever().unwrap();
        assert_eq!(log.take(), ["a", "b", "c"]);
    });
}

#[test]
fn b214_tasks_that_were_ready_before_it_have_had_their_turn() {
    let event_loop = in_order();
    let log = Log::default();
    let (first, last) = (log.clone(), log.clone());
    let _first = event_loop.create_task(async move {
        first.push("first");
        heist::yield_now().await;
        first.push("next pass");
    });
    stop_soon(&event_loop);
    let _last = event_loop.create_task(async move { last.push("same pass") });
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["first", "same pass"], "a run that is stopped ends with its pass");
    stop_soon(&event_loop);
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["next pass"]);
}

#[test]
fn b215_a_callback_of_a_callback_waits_for_the_next_pass() {
    let event_loop = in_order();
    let log = Log::default();
    let (handle, its) = (event_loop.handle(), log.clone());
    event_loop
        .call_soon(move || {
            its.push("now");
            handle.call_soon(its.add("next")).unwrap();
        })
        .unwrap();
    stop_soon(&event_loop);
    event_loop.call_soon(log.add("behind the stop")).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["now", "behind the stop"]);
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["next"]);
}

#[test]
fn b216_data_that_comes_while_the_loop_stops_is_delivered_once() {
    use std::io::Write;
    use std::net::TcpListener;

    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reads = Arc::new(AtomicUsize::new(0));
        let (counted, stops) = (reads.clone(), event_loop.handle());
        let mut task = event_loop.create_task(async move {
            let (mut reader, _writer) = heist::open_connection(address).await.unwrap();
            let mut all = Vec::new();
            loop {
                let read = reader.read(100).await.unwrap();
                if read.is_empty() {
                    return all;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                // The loop stops with the event in its hands; what it woke goes on in the next run.
                stops.stop();
                all.extend_from_slice(&read);
            }
        });
        let (peer, more) = (thread::spawn(move || listener.accept().unwrap().0), channel());
        assert!(matches!(
            event_loop.run_until_complete(async {
                let mut peer = heist::to_thread(move || peer.join().unwrap()).await.unwrap();
                peer.write_all(b"once").unwrap();
                more.0.send(peer).unwrap();
                (&mut task).await;
            }),
            Err(RunError::Stopped)
        ));
        drop(more.1.recv().unwrap());
        let all = event_loop.run_until_complete(task).unwrap().unwrap();
        assert_eq!((&*all, reads.load(Ordering::Relaxed)), (&b"once"[..], 1));
    });
}

#[test]
fn another_thread_stops_a_loop_that_sleeps() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        for _ in 0..20 {
            let (handle, (begun, runs)) = (event_loop.handle(), channel());
            event_loop.call_soon(move || begun.send(()).unwrap()).unwrap();
            let stopper = thread::spawn(move || {
                runs.recv().unwrap();
                handle.stop();
            });
            event_loop.run_forever().unwrap();
            stopper.join().unwrap();
        }
    });
}

#[test]
fn a_task_of_a_loop_that_runs_forever_is_the_only_one_in_its_list() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let task = event_loop.create_task(async {
            let tasks = heist::all_tasks();
            get_running_loop().stop();
            tasks.len()
        });
        event_loop.run_forever().unwrap();
        assert_eq!(event_loop.run_until_complete(task).unwrap().unwrap(), 1);
    });
}
