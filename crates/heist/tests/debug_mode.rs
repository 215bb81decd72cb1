//! Debug mode, and what the loop says on stderr: read from copies of this process.
#![cfg(not(heist_loom))]

mod support;

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use heist::{ExceptionContext, Handle, create_task, get_running_loop};
use support::for_each_flavour;
use support::said::{debug_on, said};

/// What is slow where that is set to a millisecond.
const LONG: Duration = Duration::from_millis(5);

#[test]
fn b230_slow_callbacks_and_steps_are_named_with_their_time() {
    let test = "b230_slow_callbacks_and_steps_are_named_with_their_time";
    let said = said(test, debug_on, |event_loop| {
        assert_eq!(event_loop.slow_callback_duration(), Duration::from_millis(100));
        event_loop.set_slow_callback_duration(LONG);
        event_loop.call_soon(|| thread::sleep(LONG)).unwrap();
        event_loop.call_later(LONG, || thread::sleep(LONG)).unwrap();
        event_loop
            .run_until_complete(async {
                create_task(async { thread::sleep(LONG) }).with_name("snail").await.unwrap();
                create_task(async { "quick" }).with_name("hare").await.unwrap();
                heist::sleep(2 * LONG).await;
            })
            .unwrap();
        event_loop.close().unwrap();
    });
    for lines in said {
        let about = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        assert_eq!(about("executing the callback made at "), 2, "{lines:?}");
        assert_eq!(about("executing "), 3, "each once: {lines:?}");
        let snail = lines.iter().find(|line| line.contains("executing task snail (created at ")).unwrap();
        assert!(snail.contains("debug_mode.rs") && snail.contains(" took 0.0"), "{snail}");
        assert_eq!(about("hare"), 0);
    }
}

#[test]
fn b230_nothing_is_said_where_debug_mode_is_off() {
    let test = "b230_nothing_is_said_where_debug_mode_is_off";
    let off = |command: &mut std::process::Command| _ = command.env("HEIST_DEBUG", "");
    for lines in said(test, off, |event_loop| {
        event_loop.set_slow_callback_duration(LONG);
        event_loop.run_until_complete(async { thread::sleep(LONG) }).unwrap();
        drop(event_loop);
    }) {
        assert_eq!(lines, [] as [&str; 0]);
    }
}

#[test]
fn b231_the_variable_turns_it_on_and_empty_means_off() {
    let test = "b231_the_variable_turns_it_on_and_empty_means_off";
    let states = [
        (Some("1"), "true"),
        (Some("yes"), "true"),
        (Some(""), "false"),
        (Some("0"), "false"),
        (None, "false"),
    ];
    for (value, expected) in states {
        let set = |command: &mut std::process::Command| {
            match value {
                Some(value) => command.env("HEIST_DEBUG", value),
                None => command.env_remove("HEIST_DEBUG"),
            };
            command.env("EXPECTED", expected);
        };
        said(test, set, |event_loop| {
            assert_eq!(event_loop.get_debug().to_string(), std::env::var("EXPECTED").unwrap());
            event_loop.close().unwrap();
        });
    }
}

#[test]
fn a058_debug_mode_is_switched_during_a_run() {
    let test = "a058_debug_mode_is_switched_during_a_run";
    for lines in said(
        test,
        |_| {},
        |event_loop| {
            event_loop.set_debug(false);
            event_loop.set_slow_callback_duration(LONG);
            event_loop
                .run_until_complete(async {
                    let slow =
                        |name: &'static str| create_task(async { thread::sleep(LONG) }).with_name(name);
                    slow("before").await.unwrap();
                    get_running_loop().set_debug(true);
                    assert!(get_running_loop().get_debug());
                    slow("while").await.unwrap();
                    get_running_loop().set_debug(false);
                    slow("after").await.unwrap();
                })
                .unwrap();
        },
    ) {
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("task while"), "{lines:?}");
    }
}

#[test]
fn a059_a_cancelled_handle_still_says_what_its_callback_was() {
    for_each_flavour(|builder| {
        let event_loop = builder.debug(true).build_event_loop().unwrap();
        let (soon, later) =
            (event_loop.call_soon(|| {}).unwrap(), event_loop.call_later(LONG, || {}).unwrap());
        let line = format!("debug_mode.rs:{}", line!() - 1);
        soon.cancel();
        later.cancel();
        for text in [format!("{soon:?}"), format!("{later:?}")] {
            assert!(text.contains("cancelled") && text.contains(&line), "{text}");
        }
        event_loop.close().unwrap();
    });
}

#[test]
fn a_loop_that_is_dropped_unclosed_is_told_of() {
    let test = "a_loop_that_is_dropped_unclosed_is_told_of";
    for lines in said(test, debug_on, drop) {
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("an event loop was dropped unclosed"), "{lines:?}");
        assert!(lines[0].contains("made at ") && lines[0].contains("said.rs:"), "{lines:?}");
    }
}

#[test]
fn the_end_of_a_run_and_of_a_runner_leaves_nothing_unclosed() {
    let test = "the_end_of_a_run_and_of_a_runner_leaves_nothing_unclosed";
    for lines in said(test, debug_on, |event_loop| {
        event_loop.close().unwrap();
        heist::run(heist::yield_now());
        let mut runner = heist::Runner::new().unwrap();
        runner.run(heist::yield_now()).unwrap();
        drop(runner);
        drop(heist::Runner::new().unwrap());
    }) {
        assert_eq!(lines, [] as [&str; 0]);
    }
}

/// What is said of a future that leaves something unclosed: one line for each of `what`, with the place in this file.
fn is_told_of<F: Future<Output = ()>>(test: &str, what: &[&str], leave: impl Fn() -> F) {
    for lines in said(test, debug_on, |event_loop| {
        event_loop.run_until_complete(leave()).unwrap();
        event_loop.close().unwrap();
    }) {
        assert_eq!(lines.len(), what.len(), "{lines:?}");
        for what in what {
            assert!(
                lines.iter().any(|line| line.contains(what) && line.contains("debug_mode.rs:")),
                "{lines:?}"
            );
        }
    }
}

#[test]
fn a_server_that_nobody_closes_is_told_of_and_one_that_is_closed_is_not() {
    let test = "a_server_that_nobody_closes_is_told_of_and_one_that_is_closed_is_not";
    is_told_of(test, &["a server on 127.0.0.1:", "a server on [::1]:"], async || {
        let start = |address| heist::start_server(async |_, _| (), address);
        let _serves = start("127.0.0.1:0").await.unwrap();
        let _bound = start("[::1]:0").start_serving(false).await.unwrap();
        start("127.0.0.1:0").await.unwrap().close();
        start("127.0.0.1:0").await.unwrap().scope(async |_| ()).await;
    });
}

#[cfg(unix)]
#[test]
fn a_process_that_is_dropped_while_it_runs_is_told_of_and_others_are_not() {
    let test = "a_process_that_is_dropped_while_it_runs_is_told_of_and_others_are_not";
    is_told_of(test, &["a Process was dropped while process "], async || {
        let cat = || heist::create_subprocess_exec("cat", [""; 0]).stdin(heist::PIPE);
        let mut runs = cat().await.unwrap();
        // With the other end of its pipe gone it ends by itself, later.
        let stdin = runs.stdin.take().unwrap();
        drop(runs);
        stdin.close();
        let killed = cat().kill_on_drop(true).await.unwrap();
        killed.stdin.as_ref().unwrap().close();
        drop(killed);
        let mut ended = cat().await.unwrap();
        ended.communicate(None).await.unwrap();
    });
}

/// stderr takes nothing there.
#[cfg(target_os = "linux")]
#[test]
fn b229_a_default_handler_that_cannot_write_disturbs_nobody() {
    let test = "b229_a_default_handler_that_cannot_write_disturbs_nobody";
    let full = |command: &mut std::process::Command| {
        command.env("FULL", "1");
    };
    said(test, full, |event_loop| {
        // The write that fails comes from a process whose stderr is the device that is always full.
        if std::env::var_os("AGAIN").is_none() {
            let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            again.args(["--exact", test, "--nocapture"]).env("AGAIN", "1").stderr(full);
            assert!(again.status().unwrap().success());
            return;
        }
        event_loop
            .run_until_complete(async {
                let handle = get_running_loop();
                handle.default_exception_handler(&ExceptionContext::new("nobody can read this"));
                handle.call_exception_handler(&ExceptionContext::new("nor this"));
                handle.set_exception_handler(Some(Arc::new(|_: &Handle, _: &_| {
                    std::panic::resume_unwind(Box::new("a broken handler"))
                })));
                handle.call_exception_handler(&ExceptionContext::new("nor this"));
                heist::yield_now().await;
            })
            .unwrap();
    });
}

#[test]
fn b229_lines_of_several_threads_stay_whole() {
    let test = "b229_lines_of_several_threads_stay_whole";
    for lines in said(
        test,
        |_| {},
        |event_loop| {
            let handle = event_loop.handle();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            handle.default_exception_handler(&ExceptionContext::new("a whole line"));
                        }
                    });
                }
            });
        },
    ) {
        assert_eq!(lines.iter().filter(|line| *line == "heist: a whole line").count(), 200);
    }
}
