//! What a run does to the timer slack of the thread that makes it.
#![cfg(all(target_os = "linux", not(heist_loom)))]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, Handle, LocalScheduler};
use rustix::thread::{current_timer_slack, set_current_timer_slack};

fn scheduler() -> LocalScheduler {
    LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver))
}

/// Runs a loop until a callback for later has been called, and says what the slack was then.
fn slack_at_a_timer(scheduler: &LocalScheduler) -> u64 {
    let (sender, seen) = channel();
    let handle = scheduler.handle();
    let at_the_timer = move || {
        sender.send(current_timer_slack().unwrap()).unwrap();
        Handle::current().unwrap().stop();
    };
    handle.call_later(Duration::from_millis(1), at_the_timer).unwrap();
    scheduler.run_forever().unwrap();
    seen.recv().unwrap()
}

#[test]
fn a_run_that_waits_for_a_timer_has_none_and_gives_it_back() {
    set_current_timer_slack(std::num::NonZeroU64::new(40_000)).unwrap();
    let scheduler = scheduler();
    for _ in 0..2 {
        assert_eq!(slack_at_a_timer(&scheduler), 1);
        assert_eq!(current_timer_slack().unwrap(), 40_000);
    }
}

#[test]
fn a_run_without_timers_leaves_it_alone() {
    let before = current_timer_slack().unwrap();
    let inside = scheduler().block_on(async { current_timer_slack().unwrap() }).unwrap();
    assert_eq!(inside, before);
}
