//! Debug mode on what was forgotten, futures and tasks, and on the wrong thread: read from copies of this process.
#![cfg(not(heist_loom))]

mod support;

use std::thread;
use std::time::Duration;

use heist::{Barrier, Condition, Event, EventLoop, Handle, Lock, Queue, Semaphore, create_task};
use support::said::{debug_on, said};

const SECOND: Duration = Duration::from_secs(1);
const FORGOTTEN: &str = "was never awaited, and did nothing: `.await` it, or give it to create_task";

fn run(event_loop: &EventLoop, main: impl Future<Output = ()>) {
    event_loop.run_until_complete(main).unwrap();
    event_loop.close().unwrap();
}

/// The lines of this file that were told of, in order; every line is of a forgotten future.
fn forgotten_at(lines: &[String]) -> Vec<u32> {
    let place = |line: &String| {
        assert!(line.ends_with(FORGOTTEN), "{line}");
        let (_, place) = line.split_once("debug_forgotten.rs:").unwrap();
        place.split(':').next().unwrap().parse().unwrap()
    };
    lines.iter().map(place).collect()
}

#[test]
fn a_future_that_nobody_awaits_is_told_of_with_its_place() {
    let test = "a_future_that_nobody_awaits_is_told_of_with_its_place";
    let first = line!() + 6;
    for lines in said(test, debug_on, |event_loop| {
        run(&event_loop, async {
            let (queue, lock, condition) = (Queue::<u32>::bounded(1), Lock::new(()), Condition::new());
            let mut ended = create_task(async {});
            (&mut ended).await;
            drop(heist::sleep(SECOND));
            drop(heist::sleep(Duration::ZERO).result(7));
            drop(queue.get());
            drop(queue.put(7));
            drop(queue.join());
            drop(lock.lock());
            drop(lock.acquire());
            drop(Semaphore::new(1).acquire());
            drop(Event::new().wait());
            drop(condition.wait(lock.lock().await));
            drop(Barrier::new(2).unwrap().wait());
            drop(heist::wait_for(async {}, SECOND));
            drop(heist::wait([ended]));
            drop(vec![heist::coroutine(async {})]);
            drop(heist::start_server(async |_, _| (), "127.0.0.1:0"));
            drop(heist::open_connection("127.0.0.1:1"));
        });
    }) {
        assert_eq!(forgotten_at(&lines), (first..first + 16).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_awaited_and_what_was_cancelled_before_it_began_is_not_told_of() {
    let test = "what_was_awaited_and_what_was_cancelled_before_it_began_is_not_told_of";
    for lines in said(test, debug_on, |event_loop| {
        run(&event_loop, async {
            let (queue, lock) = (Queue::bounded(1), Lock::new(()));
            queue.put(7).await.unwrap();
            assert_eq!(queue.get().await.unwrap(), 7);
            queue.task_done().unwrap();
            queue.join().await;
            drop(lock.lock().await);
            drop(Semaphore::new(1).acquire().await);
            assert_eq!(Barrier::new(1).unwrap().wait().await, Ok(0));
            heist::sleep(Duration::ZERO).await;
            heist::wait_for(heist::coroutine(async {}), SECOND).await.unwrap();
            heist::wait([create_task(async {})]).timeout(SECOND).await;
            // Polled, and then dropped while it waits.
            heist::wait_for(heist::sleep(SECOND), Duration::from_nanos(1)).await.unwrap_err();

            let begun = create_task(heist::sleep(SECOND));
            assert!(begun.cancel());
            assert!(begun.await.unwrap_err().is_cancelled());
            heist::timeout(Duration::from_nanos(1), async {
                let later = heist::sleep(SECOND);
                heist::sleep(SECOND).await;
                later.await;
            })
            .await
            .unwrap_err();
        });
    }) {
        assert_eq!(lines, [] as [&str; 0]);
    }
}

#[test]
fn a_future_that_nobody_awaits_is_nobody_s_business_without_debug_mode() {
    let test = "a_future_that_nobody_awaits_is_nobody_s_business_without_debug_mode";
    let off = |command: &mut std::process::Command| _ = command.env_remove("HEIST_DEBUG");
    for lines in said(test, off, |event_loop| {
        run(&event_loop, async {
            drop(heist::sleep(SECOND));
            drop(create_task(async {}));
        });
    }) {
        assert_eq!(lines, [] as [&str; 0]);
    }
}

#[test]
fn a_task_that_never_ran_is_told_of_when_its_loop_is_closed() {
    let test = "a_task_that_never_ran_is_told_of_when_its_loop_is_closed";
    let both = said(test, debug_on, |event_loop| {
        let begun = heist::create_future();
        let tells = begun.clone();
        let ran = async move {
            tells.set_result(()).unwrap();
            std::future::pending::<()>().await;
        };
        let _ran = event_loop.create_task(ran).with_name("ran");
        event_loop.run_until_complete(begun).unwrap().unwrap();
        // What it holds is dropped with it, and is told of no more.
        let _never = event_loop.create_task(heist::sleep(SECOND)).with_name("never");
        event_loop.close().unwrap();
    });
    // Another worker may still come to it, before it is cancelled.
    for (lines, least) in both.iter().zip([0, 1]) {
        assert!((least..=1).contains(&lines.len()), "{lines:?}");
    }
    for line in both.iter().flatten() {
        assert!(line.contains("task never (created at ") && line.contains("debug_forgotten.rs:"), "{line}");
        assert!(line.contains(" never ran: its loop was closed before its turn came"), "{line}");
    }
}

/// Calls `wrong` on a thread of that name, while the loop runs.
fn on_another_thread(event_loop: &EventLoop, wrong: impl FnOnce(Handle) + Send + 'static) {
    let handle = event_loop.handle();
    run(event_loop, async {
        let other = thread::Builder::new().name("other".into());
        let thread = other.spawn(move || wrong(handle)).unwrap();
        heist::to_thread(|| thread.join().unwrap()).await.unwrap();
    });
}

#[test]
fn a044_callbacks_from_a_thread_that_does_not_run_a_current_thread_loop_are_told_of() {
    let test = "a044_callbacks_from_a_thread_that_does_not_run_a_current_thread_loop_are_told_of";
    let both = said(test, debug_on, |event_loop| {
        let mine = event_loop.call_later(SECOND, || ()).unwrap();
        // Nothing runs yet: whose thread it will be is open.
        event_loop.call_soon(|| ()).unwrap();
        on_another_thread(&event_loop, move |handle| {
            handle.call_soon(|| ()).unwrap();
            handle.call_later(SECOND, || ()).unwrap();
            handle.call_at(SECOND, || ()).unwrap();
            mine.cancel();
            handle.call_soon_threadsafe(|| ()).unwrap();
        });
    });
    // Several workers: there is no one thread that it could be.
    for (lines, expected) in both.iter().zip([0, 4]) {
        assert_eq!(lines.len(), expected, "{lines:?}");
    }
    for (line, what) in both.iter().flatten().zip([
        "call_soon was called at ",
        "a callback for later was made at ",
        "a callback for later was made at ",
        "a callback for later was cancelled at ",
    ]) {
        assert!(line.contains(what) && line.contains("debug_forgotten.rs:"), "{line}");
        assert!(
            line.contains(" on thread other, while another thread runs this current-thread loop"),
            "{line}"
        );
        assert!(line.contains("use call_soon_threadsafe there"), "{line}");
    }
}
