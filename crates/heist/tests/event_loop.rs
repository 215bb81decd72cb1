//! The event loop as a value, by asyncio's behaviours: runs, stops, passes, callbacks for later.
#![cfg(not(heist_loom))]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use heist::{Builder, EventLoop, Handle, LoopClosedError, RunError, TimerHandle, get_running_loop};
use support::for_each_flavour;

const SECOND: Duration = Duration::from_secs(1);

/// A list that callbacks write to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, what: &'static str) -> impl FnOnce() + Send + 'static + use<> {
        let log = self.clone();
        move || log.push(what)
    }

    fn push(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    /// What came since the last look.
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn virtual_loop(builder: Builder) -> EventLoop {
    builder.virtual_time().build_event_loop().unwrap()
}

fn in_order() -> EventLoop {
    virtual_loop(EventLoop::builder().current_thread())
}

/// Has the loop stop once what is before it was called.
fn stop_soon(event_loop: &EventLoop) {
    let handle = event_loop.handle();
    event_loop.call_soon(move || handle.stop()).unwrap();
}

fn stop_later(event_loop: &EventLoop, delay: Duration) -> TimerHandle {
    let handle = event_loop.handle();
    event_loop.call_later(delay, move || handle.stop()).unwrap()
}

// ---- runs --------------------------------------------------------------------------------------------------------

#[test]
fn what_was_ready_before_the_end_of_the_future_has_its_turn() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();

        event_loop
            .run_until_complete(async { event_loop.call_soon(log.add("soon")).map(drop) })
            .unwrap()
            .unwrap();
        assert_eq!(log.take(), ["soon"]);

        let mut task = event_loop.create_task(heist::sleep(SECOND));
        for what in ["first", "second"] {
            let add = log.add(what);
            task.add_done_callback(move |_| add());
        }
        event_loop.run_until_complete(&mut task).unwrap();
        assert_eq!(log.take(), ["first", "second"]);

        // What these ask for comes with the next run.
        let (handle, next) = (event_loop.handle(), log.add("next"));
        let ends = async { event_loop.call_soon(move || drop(handle.call_soon(next))).map(drop) };
        event_loop.run_until_complete(ends).unwrap().unwrap();
        if event_loop.workers() == 1 {
            assert!(log.take().is_empty());
        }
    });
}

#[test]
fn done_callbacks_come_before_who_awaits_the_task() {
    let (event_loop, log) = (in_order(), Log::default());
    let task = event_loop.create_task(heist::sleep(SECOND));
    let add = log.add("callback");
    task.add_done_callback(move |_| add());
    let awaits = event_loop.create_task({
        let log = log.clone();
        async move {
            task.await.unwrap();
            log.push("awaited");
        }
    });
    event_loop.run_until_complete(awaits).unwrap().unwrap();
    assert_eq!(log.take(), ["callback", "awaited"]);
}

#[test]
fn whole_programs_run_on_the_loop_that_a_test_chooses() {
    const HOUR: Duration = Duration::from_secs(3600);

    /// With a loop by each of the ways that there are.
    fn program() -> usize {
        let slept = heist::run(async {
            let start = get_running_loop().time();
            heist::sleep(HOUR).await;
            get_running_loop().time() - start
        });
        assert_eq!(slept, HOUR);
        let new = heist::new_event_loop().unwrap();
        new.run_until_complete(heist::sleep(HOUR)).unwrap();
        assert_eq!(new.time(), HOUR);
        let kept = heist::get_event_loop();
        assert_eq!(kept.workers(), new.workers());
        kept.workers()
    }

    let kept = EventLoop::builder().workers(3).build_event_loop().unwrap();
    heist::set_event_loop(Some(kept.clone()));
    assert_eq!(EventLoop::builder().virtual_time().workers(2).as_default(program), 2);
    assert_eq!(EventLoop::builder().virtual_time().current_thread().as_default(program), 1);
    // One in the other, and one that is left by a panic.
    let inner = || EventLoop::builder().workers(1).as_default(|| panic!("of the program"));
    let outer = EventLoop::builder().virtual_time().workers(2);
    let workers = outer.as_default(|| {
        assert!(catch_unwind(AssertUnwindSafe(inner)).is_err());
        program()
    });
    assert_eq!(workers, 2);

    assert!(heist::get_event_loop().same_loop(&kept), "the thread's own loop is back in its place");
    heist::set_event_loop(None);
}

#[test]
fn b208_run_until_complete_takes_the_time_and_gives_the_value() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (begun, delay) = (Instant::now(), Duration::from_millis(20));
        let value = event_loop.run_until_complete(heist::sleep(delay).result("slept")).unwrap();
        assert_eq!(value, "slept");
        assert!(begun.elapsed() >= delay);
    });
}

#[test]
fn b209_a_stop_before_the_end_is_an_error_and_a_later_run_goes_on() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let mut task = event_loop.create_task(heist::sleep(10 * SECOND).result(7));
        stop_later(&event_loop, SECOND);
        let stopped = event_loop.run_until_complete(&mut task);
        assert!(matches!(stopped, Err(RunError::Stopped)), "{stopped:?}");
        assert!(!task.done());
        assert_eq!(event_loop.run_until_complete(task).unwrap().unwrap(), 7);
        assert_eq!(event_loop.time().as_secs(), 10, "it slept on from where it was");
    });
}

#[test]
fn b209_a_future_that_was_given_by_reference_goes_on_as_well() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        let its = log.clone();
        let mut future = Box::pin(async move {
            its.push("begun");
            heist::sleep(10 * SECOND).await;
            its.push("ended");
        });
        stop_later(&event_loop, SECOND);
        assert!(matches!(event_loop.run_until_complete(&mut future), Err(RunError::Stopped)));
        assert_eq!(log.take(), ["begun"]);
        event_loop.run_until_complete(future).unwrap();
        assert_eq!(log.take(), ["ended"]);
    });
}

#[test]
fn a_future_that_a_stop_drops_cleans_up_in_the_next_run() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        let (its, cleaned) = (log.clone(), log.clone());
        let main = heist::try_finally(
            its,
            async |log: &mut Log| {
                log.push("begun");
                heist::sleep(10 * SECOND).await;
            },
            move |_| async move { cleaned.push("cleaned up") },
        );
        stop_later(&event_loop, SECOND);
        assert!(matches!(event_loop.run_until_complete(main), Err(RunError::Stopped)));
        event_loop.run_until_complete(heist::sleep(SECOND)).unwrap();
        assert_eq!(log.take(), ["begun", "cleaned up"]);
    });
}

#[test]
fn b210_a050_no_loop_runs_inside_a_run_of_the_same_thread() {
    for_each_flavour(|builder| {
        let (outer, inner) = (builder.clone().build_event_loop().unwrap(), virtual_loop(builder));
        let again = outer.clone();
        outer
            .run_until_complete(async {
                for error in [
                    again.run_until_complete(async {}).unwrap_err(),
                    inner.run_until_complete(async {}).unwrap_err(),
                    inner.run_forever().unwrap_err(),
                    inner.begin().unwrap_err(),
                    heist::get_event_loop().run_forever().unwrap_err(),
                ] {
                    assert!(matches!(error, RunError::Nested { .. }), "{error}");
                }
            })
            .unwrap();
        inner.run_until_complete(async {}).unwrap();
    });
}

#[test]
fn b211_a_loop_that_runs_cannot_be_closed() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let its = event_loop.clone();
        event_loop
            .run_until_complete(async {
                assert!(its.is_running());
                assert!(matches!(its.close(), Err(RunError::Busy)));
                assert!(matches!(heist::get_event_loop().close(), Err(RunError::Busy)));
            })
            .unwrap();
        assert!(!event_loop.is_running() && !event_loop.is_closed());
        assert!(event_loop.close().unwrap().is_clean());
    });
}

#[test]
fn b212_a_closed_loop_refuses_everything_and_can_be_closed_again() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        for _ in 0..3 {
            assert!(event_loop.close().unwrap().is_clean());
            assert!(event_loop.is_closed());
        }
        assert!(matches!(event_loop.run_until_complete(async {}), Err(RunError::Closed)));
        assert!(matches!(event_loop.run_forever(), Err(RunError::Closed)));
        assert!(matches!(event_loop.begin(), Err(RunError::Closed)));
        assert_eq!(event_loop.call_soon(|| {}).unwrap_err(), LoopClosedError);
        assert_eq!(event_loop.call_soon_threadsafe(|| {}).unwrap_err(), LoopClosedError);
        assert_eq!(event_loop.call_later(SECOND, || {}).unwrap_err(), LoopClosedError);
        assert_eq!(event_loop.call_at(SECOND, || {}).unwrap_err(), LoopClosedError);
        assert!(event_loop.create_task(async {}).cancelled());
        event_loop.stop();
    });
}

#[test]
fn b217_a_panic_leaves_no_old_stop_behind() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let failed = catch_unwind(AssertUnwindSafe(|| {
            event_loop.run_until_complete(async {
                get_running_loop().stop();
                panic!("out of the run");
            })
        }));
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&"out of the run"));
        event_loop.run_until_complete(heist::sleep(SECOND)).expect("no stop is left");
    });
}

#[test]
fn a060_a_panic_of_the_main_future_leaves_the_run_and_is_not_reported() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (told, tells) = channel();
        let told = Mutex::new(told);
        event_loop.set_exception_handler(Some(Arc::new(move |_: &Handle, context: &_| {
            told.lock().unwrap().send(format!("{context}")).unwrap();
        })));
        let run = || event_loop.run_until_complete(async { panic!("mine") });
        assert_eq!(catch_unwind(AssertUnwindSafe(run)).unwrap_err().downcast_ref(), Some(&"mine"));
        event_loop.close().unwrap();
        assert!(tells.try_recv().is_err());
    });
}

#[test]
fn b218_what_a_failed_run_was_waiting_for_disturbs_no_later_one() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let orphan = heist::create_future::<u32>();
        stop_soon(&event_loop);
        let failed = event_loop.run_until_complete(orphan.clone());
        assert!(matches!(failed, Err(RunError::Stopped)));
        orphan.set_result(1).unwrap();
        assert_eq!(event_loop.run_until_complete(heist::sleep(SECOND).result(2)).unwrap(), 2);
        assert!(event_loop.close().unwrap().is_clean());
    });
}

// ---- run_forever and stop ----------------------------------------------------------------------------------------

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

// ---- callbacks for later -----------------------------------------------------------------------------------------

#[test]
fn b219_call_later_calls_once_after_the_delay() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let (sender, called) = channel();
        let handle = event_loop.handle();
        let timer = event_loop.call_later(SECOND, move || sender.send(handle.time()).unwrap()).unwrap();
        assert_eq!(timer.when(), SECOND);
        event_loop.run_until_complete(heist::sleep(5 * SECOND)).unwrap();
        assert_eq!(called.try_iter().collect::<Vec<_>>(), [SECOND]);
    });
}

#[test]
fn b220_overdue_callbacks_are_called_by_due_time() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        event_loop.run_until_complete(heist::sleep(10 * SECOND)).unwrap();
        for (when, name) in [(9, "9"), (3, "3"), (5, "5"), (3, "3 again"), (0, "0")] {
            event_loop.call_at(when * SECOND, log.add(name)).unwrap();
        }
        event_loop.run_until_complete(heist::sleep(SECOND)).unwrap();
        assert_eq!(log.take(), ["0", "3", "3 again", "5", "9"]);
    });
}

/// In asyncio what is due comes in line between two passes: behind what this pass has asked for, before what the next one asks
/// for.
#[test]
fn b220_what_is_due_when_it_comes_is_called_in_the_next_pass() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        event_loop.call_later(SECOND, log.add("much later")).unwrap();
        let (handle, adds) = (event_loop.handle(), log.clone());
        event_loop
            .call_later(SECOND / 2, move || {
                handle.call_later(Duration::ZERO, adds.add("at once")).unwrap();
                handle.call_at(handle.time(), adds.add("now")).unwrap();
                handle.call_at(Duration::from_millis(1), adds.add("overdue")).unwrap();
                handle.call_later(Duration::ZERO, adds.add("never")).unwrap().cancel();
                handle.call_soon(adds.add("soon")).unwrap();
            })
            .unwrap();
        event_loop.run_until_complete(heist::sleep(2 * SECOND)).unwrap();
        assert_eq!(log.take(), ["soon", "overdue", "at once", "now", "much later"]);
    });
}

#[test]
fn b220_what_is_due_when_it_comes_is_called_before_what_the_next_pass_asks_for() {
    let event_loop = in_order();
    let log = Log::default();
    let (handle, adds, after) = (event_loop.handle(), log.clone(), log.add("after"));
    event_loop
        .call_soon(move || {
            let again = handle.clone();
            handle.call_soon(move || drop(again.call_soon(after).unwrap())).unwrap();
            handle.call_later(Duration::ZERO, adds.add("due")).unwrap();
            handle.call_soon(adds.add("soon")).unwrap();
        })
        .unwrap();
    event_loop.run_until_complete(heist::sleep(SECOND)).unwrap();
    assert_eq!(log.take(), ["soon", "due", "after"]);
}

#[test]
fn b220_a_loop_that_is_never_idle_calls_what_is_due_in_the_next_pass() {
    let event_loop = EventLoop::builder().current_thread().build_event_loop().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    event_loop
        .run_until_complete(async {
            for before in 0..100 {
                let its = calls.clone();
                event_loop
                    .call_later(Duration::ZERO, move || _ = its.fetch_add(1, Ordering::Relaxed))
                    .unwrap();
                // The end of the pass that is under way, and of the next one.
                heist::sleep(Duration::ZERO).await;
                heist::sleep(Duration::ZERO).await;
                assert_eq!(calls.load(Ordering::Relaxed), before + 1);
            }
        })
        .unwrap();
}

#[test]
fn b221_call_at_never_calls_early() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (sender, called) = channel();
        let begun = event_loop.time();
        for step in 1..=20_u32 {
            let (handle, sender) = (event_loop.handle(), sender.clone());
            let when = begun + step * Duration::from_micros(730);
            event_loop.call_at(when, move || sender.send((when, handle.time())).unwrap()).unwrap();
        }
        stop_later(&event_loop, Duration::from_millis(20));
        event_loop.run_forever().unwrap();
        let called: Vec<_> = called.try_iter().collect();
        assert_eq!(called.len(), 20);
        assert!(called.iter().all(|(when, now)| now >= when), "{called:?}");
        assert!(called.is_sorted(), "in order: {called:?}");
    });
}

#[test]
fn b222_a_cancelled_callback_shortens_no_wait() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let (sender, passed) = channel();
        let early = event_loop.call_later(SECOND, || unreachable!("cancelled")).unwrap();
        let handle = event_loop.handle();
        event_loop
            .call_later(7 * SECOND, move || {
                sender.send(handle.time()).unwrap();
                handle.stop();
            })
            .unwrap();
        early.cancel();
        // Virtual time jumps to where the loop would have slept to.
        event_loop.run_forever().unwrap();
        assert_eq!(passed.recv().unwrap(), 7 * SECOND);
    });
}

#[test]
fn b224_cancelling_drops_the_callback_at_once_and_when_still_tells() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let held = Arc::new(());
        let its = held.clone();
        let timer = event_loop.call_later(SECOND, move || drop(its)).unwrap();
        assert!(!timer.cancelled());
        timer.cancel();
        assert_eq!((Arc::strong_count(&held), timer.cancelled(), timer.when()), (1, true, SECOND));
        timer.cancel();
        event_loop.run_until_complete(heist::sleep(2 * SECOND)).unwrap();
    });
}

#[test]
fn a052_cancelled_callbacks_leave_nothing_behind() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        let timers: Vec<_> =
            (0..1000).map(|n| event_loop.call_later((n + 1) * SECOND, log.add("called")).unwrap()).collect();
        assert_eq!(event_loop.metrics().callbacks_later, 1000);
        timers.iter().filter(|timer| timer.when() != 500 * SECOND).for_each(TimerHandle::cancel);
        assert_eq!(event_loop.metrics().callbacks_later, 1);
        event_loop.run_until_complete(heist::sleep(2000 * SECOND)).unwrap();
        assert_eq!(log.take(), ["called"]);
    });
}

#[test]
fn a053_timer_handles_are_ordered_by_due_time() {
    let event_loop = in_order();
    let timer = |seconds| event_loop.call_at(seconds * SECOND, || {}).unwrap();
    let (second, first, also_second) = (timer(2), timer(1), timer(2));
    assert!(first < second && first.when() < second.when());
    assert!(second < also_second && second != also_second && second == second.clone());
    let mut timers = [also_second.clone(), second.clone(), first.clone()];
    timers.sort();
    assert_eq!(timers, [first, second, also_second]);
}

#[test]
fn a_callback_for_later_wakes_a_loop_that_sleeps() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (handle, (begun, runs)) = (event_loop.handle(), channel());
        event_loop.call_soon(move || begun.send(()).unwrap()).unwrap();
        let other = thread::spawn(move || {
            runs.recv().unwrap();
            let stops = handle.clone();
            handle.call_later(Duration::from_millis(1), move || stops.stop()).unwrap();
        });
        let guard = stop_later(&event_loop, 3600 * SECOND);
        event_loop.run_forever().unwrap();
        assert!(event_loop.time() < guard.when());
        other.join().unwrap();
    });
}

#[test]
fn a_callback_for_later_runs_in_its_variables() {
    static NAME: heist::ContextVar<&str> = heist::ContextVar::new("name");

    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let (sender, seen) = channel();
        let again = sender.clone();
        let given = heist::copy_context();
        given.run(|| NAME.set("given"));
        let _ = NAME.set("copied");
        event_loop.call_later(SECOND, move || sender.send(NAME.get()).unwrap()).unwrap();
        let _ = NAME.set("changed");
        event_loop.call_at_in(&given, 2 * SECOND, move || again.send(NAME.get()).unwrap()).unwrap();
        event_loop.run_until_complete(heist::sleep(3 * SECOND)).unwrap();
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Some("copied"), Some("given")]);
    });
}

#[test]
fn a_closing_loop_drops_what_waits_for_its_time() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let held = Arc::new(());
        let its = held.clone();
        let timer = event_loop.call_later(3600 * SECOND, move || drop(its)).unwrap();
        event_loop.close().unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
        timer.cancel();
    });
}

// ---- which loop --------------------------------------------------------------------------------------------------

#[test]
fn b225_get_running_loop_works_in_tasks_and_callbacks_and_nowhere_else() {
    let outside = || catch_unwind(|| drop(get_running_loop())).unwrap_err();
    let message = |payload: Box<dyn std::any::Any + Send>| payload.downcast::<String>().unwrap();
    assert!(message(outside()).contains("outside of a running event loop"));
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (sender, seen) = channel();
        let in_callback = sender.clone();
        event_loop.call_soon(move || in_callback.send(get_running_loop()).unwrap()).unwrap();
        let task = event_loop.create_task(async move { sender.send(get_running_loop()).unwrap() });
        event_loop
            .run_until_complete(async {
                task.await.unwrap();
                assert!(get_running_loop().same_loop(&event_loop));
                assert!(heist::get_event_loop().same_loop(&event_loop));
            })
            .unwrap();
        assert_eq!(seen.iter().take(2).filter(|handle| handle.same_loop(&event_loop)).count(), 2);
        outside();
    });
}

#[test]
fn get_event_loop_keeps_one_for_the_thread() {
    thread::spawn(|| {
        let first = heist::get_event_loop();
        assert!(first.same_loop(&heist::get_event_loop()));
        let other = heist::new_event_loop().unwrap();
        heist::set_event_loop(Some(other.clone()));
        assert!(heist::get_event_loop().same_loop(&other));
        heist::set_event_loop(None);
        assert!(!heist::get_event_loop().same_loop(&other));
        let elsewhere = first.handle();
        assert!(thread::spawn(move || !heist::get_event_loop().same_loop(&elsewhere)).join().unwrap());
        let kept = heist::get_event_loop().handle();
        let _waits = kept.create_task(std::future::pending::<()>());
        kept
    })
    .join()
    .map(|kept| assert!(kept.is_closed(), "a loop that is kept for a thread ends with it"))
    .unwrap();
}

#[test]
fn a_loop_is_closed_with_the_last_value_that_owns_it() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let handle = event_loop.handle();
        let clone = event_loop.clone();
        drop(event_loop);
        assert!(!handle.is_closed());
        let inside = clone.run_until_complete(async { heist::get_event_loop() }).unwrap();
        assert!(matches!(inside.run_until_complete(async {}), Err(RunError::NotOwned)));
        assert!(matches!(inside.close(), Err(RunError::NotOwned)));
        drop(clone);
        assert!(handle.is_closed());
    });
}

#[test]
fn futures_that_are_not_send_wait_for_the_next_run() {
    let event_loop = in_order();
    let shared = std::rc::Rc::new(3);
    let task = event_loop.spawn_local(async move { *shared }).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap().unwrap(), 3);
    let several = EventLoop::builder().workers(1).build_event_loop().unwrap();
    assert!(matches!(several.spawn_local(async {}), Err(RunError::SeveralWorkers)));
}

// ---- by hand -----------------------------------------------------------------------------------------------------

#[test]
fn a054_a_loop_is_driven_by_hand_pass_by_pass() {
    let event_loop = in_order();
    let log = Log::default();
    let (handle, its) = (event_loop.handle(), log.clone());
    event_loop
        .call_soon(move || {
            its.push("first");
            handle.call_soon(its.add("second")).unwrap();
        })
        .unwrap();
    let mut passes = event_loop.begin().unwrap();
    assert!(event_loop.is_running() && Handle::current().is_none());
    assert!(passes.pass(Duration::ZERO).unwrap());
    assert_eq!(log.take(), ["first"]);
    assert!(passes.pass(Duration::ZERO).unwrap());
    assert_eq!(log.take(), ["second"]);
    assert!(matches!(event_loop.run_forever(), Err(RunError::Busy)));
    event_loop.stop();
    assert!(!passes.pass(Duration::ZERO).unwrap(), "it was stopped");
    stop_soon(&event_loop);
    assert!(!passes.pass(Duration::ZERO).unwrap(), "it was stopped inside the pass");
    drop(passes);
    assert!(!event_loop.is_running());
    event_loop.run_until_complete(async {}).unwrap();
}

#[test]
fn a054_passes_wait_no_longer_than_they_may_and_end_what_they_began() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let mut passes = event_loop.begin().unwrap();
        let begun = Instant::now();
        assert!(passes.pass(Duration::from_millis(5)).unwrap());
        assert!(begun.elapsed() >= Duration::from_millis(5), "there was nothing to do");
        let inside = event_loop.create_task(async { Handle::current().is_some() });
        let sleeps = event_loop.create_task(heist::sleep(Duration::from_millis(3)));
        while !(inside.done() && sleeps.done()) {
            assert!(passes.pass(Duration::from_millis(100)).unwrap());
            assert!(begun.elapsed() < 60 * SECOND);
        }
        drop(passes);
        assert!(event_loop.run_until_complete(inside).unwrap().unwrap());
    });
}

#[test]
fn a054_virtual_time_jumps_in_a_pass_that_may_wait() {
    for_each_flavour(|builder| {
        let event_loop = virtual_loop(builder);
        let log = Log::default();
        event_loop.call_later(3600 * SECOND, log.add("called")).unwrap();
        let mut passes = event_loop.begin().unwrap();
        let begun = Instant::now();
        while log.0.lock().unwrap().is_empty() {
            passes.pass(SECOND).unwrap();
            assert!(begun.elapsed() < 60 * SECOND);
        }
        assert_eq!(event_loop.time(), 3600 * SECOND);
    });
}
