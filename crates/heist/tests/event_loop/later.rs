//! `call_later`, `call_at` and their handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use heist::{EventLoop, TimerHandle};

use crate::common::{Log, SECOND, in_order, stop_later, virtual_loop};
use crate::support::for_each_flavour;

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
