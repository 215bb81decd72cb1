//! A loop driven by hand, pass by pass.

use std::time::{Duration, Instant};

use heist::{Handle, RunError};

use crate::common::{Log, SECOND, in_order, stop_soon, virtual_loop};
use crate::support::for_each_flavour;

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
        while log.is_empty() {
            passes.pass(SECOND).unwrap();
            assert!(begun.elapsed() < 60 * SECOND);
        }
        assert_eq!(event_loop.time(), 3600 * SECOND);
    });
}
