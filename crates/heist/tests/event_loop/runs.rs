//! Runs of the loop until a future has ended: what has its turn before, and what an end by a stop or a panic leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heist::{EventLoop, Handle, LoopClosedError, RunError, get_running_loop};

use crate::common::{Log, SECOND, in_order, stop_later, stop_soon, virtual_loop};
use crate::support::for_each_flavour;

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
