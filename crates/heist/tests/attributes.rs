#![cfg(not(heist_loom))]
//! The attributes, as a user writes them.

use std::process::{ExitCode, Termination};
use std::time::{Duration, Instant};

use support::{Copy, role};

mod support;

#[heist::test]
async fn a_test_runs_on_a_loop() {
    assert_eq!(heist::create_task(async { 1 }).await.unwrap(), 1);
}

#[heist::test(workers = 3)]
async fn a_test_chooses_its_workers() {
    assert_eq!(heist::Handle::current().unwrap().workers(), 3);
}

#[heist::test(current_thread)]
async fn a_test_may_stay_on_its_thread() {
    let here = std::thread::current().id();
    let there = heist::spawn_local(async { std::thread::current().id() }).await.unwrap();
    assert_eq!(here, there);
}

#[heist::test(virtual_time)]
async fn an_hour_passes_at_once() {
    let began = Instant::now();
    let clock = heist::Handle::current().unwrap().clock().clone();
    let before = clock.now();
    heist::sleep(Duration::from_secs(3600)).await;
    assert_eq!(clock.now() - before, 3_600_000_000_000);
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[heist::test(current_thread, virtual_time)]
async fn a_closure_on_the_pool_holds_virtual_time_back() {
    let clock = heist::Handle::current().unwrap().clock().clone();
    let sleeper = heist::create_task(heist::sleep(Duration::from_secs(1)));
    let worker = heist::to_thread(move || {
        std::thread::sleep(Duration::from_millis(30));
        clock.now()
    });
    assert_eq!(worker.await.unwrap(), 0, "time jumped while the pool was at work");
    sleeper.await.unwrap();
}

#[heist::test]
async fn an_ok_passes() -> Result<(), std::num::ParseIntError> {
    let _: u32 = "7".parse()?;
    Ok(())
}

#[heist::test(virtual_time)]
async fn a_timeout_ends_what_takes_too_long() {
    let ended = heist::timeout(Duration::from_secs(1), heist::sleep(Duration::from_secs(10))).await;
    assert!(ended.is_err());
    let ended = heist::timeout(Duration::from_secs(10), heist::sleep(Duration::from_secs(1))).await;
    assert!(ended.is_ok());
}

mod programs {
    //! Functions called `main` would be the test's own.

    #[heist::main]
    pub(super) async fn works() -> Result<(), String> {
        heist::yield_now().await;
        Ok(())
    }

    #[heist::main(workers = 2)]
    pub(super) async fn fails() -> Result<(), Box<dyn std::error::Error>> {
        heist::create_task(async { "x".parse::<u8>() }).await??;
        Ok(())
    }

    #[heist::main(current_thread)]
    pub(super) async fn chooses_its_status() -> std::process::ExitCode {
        std::process::ExitCode::from(7)
    }
}

/// An `ExitCode` does not say its number; its Debug form is enough to tell two apart.
fn is(program: impl Termination, code: ExitCode) -> bool {
    format!("{:?}", program.report()) == format!("{code:?}")
}

#[test]
fn a_main_that_fails_prints_its_error_and_exits_with_1() {
    if role().is_some() {
        assert!(is(programs::works(), ExitCode::SUCCESS));
        assert!(is(programs::chooses_its_status(), ExitCode::from(7)));
        assert!(is(programs::fails(), ExitCode::FAILURE));
        return;
    }
    let mut copy = Copy::start("a_main_that_fails_prints_its_error_and_exits_with_1", "child");
    let printed = copy.stderr.until("Error: ");
    assert!(printed.contains("InvalidDigit"), "{printed}");
    assert!(copy.wait().success());
}

#[heist::test]
async fn a_main_inside_a_run_is_refused_and_on_another_thread_allowed() {
    let refused = std::panic::catch_unwind(programs::works).unwrap_err();
    let message = refused.downcast_ref::<String>().unwrap();
    assert!(message.contains("inside an event loop that is running since"), "{message}");
    assert_eq!(message.matches(file!()).count(), 2, "{message}");
    assert_eq!(heist::to_thread(programs::works).await.unwrap(), Ok(()));
}
