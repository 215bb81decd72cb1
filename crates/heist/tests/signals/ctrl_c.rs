//! Ctrl-C, in processes of their own: copies of this one, which run a single test on their main thread.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use heist::RunError;

use crate::support::main_thread::on_the_main_thread;
use crate::support::{Copy, role};

const SIGINT: i32 = 2;

/// Sends this process, which is a copy, what Ctrl-C sends.
fn interrupt_myself() {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
}

/// The runner of a role.
fn runner(flavour: &str) -> heist::Runner {
    let builder = heist::Runner::builder();
    match flavour {
        "workers" => builder.workers(2),
        _ => builder.current_thread(),
    }
    .build()
    .unwrap()
}

/// The event loop of a role.
fn event_loop(flavour: &str) -> heist::EventLoop {
    let builder = heist::EventLoop::builder();
    match flavour {
        "workers" => builder.workers(2),
        _ => builder.current_thread(),
    }
    .build_event_loop()
    .unwrap()
}

/// Runs `child` in a copy for each flavour, and `parent` beside it.
fn in_copies(test: &str, child: impl Fn(&str), parent: impl Fn(&mut Copy)) {
    match role() {
        Some(flavour) => child(&flavour),
        None => {
            for flavour in ["workers", "current_thread"] {
                parent(&mut Copy::start(test, flavour));
            }
        }
    }
}

/// Says so when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        println!("\n{}", self.0);
    }
}

fn died_by_sigint(status: ExitStatus) {
    assert_eq!(status.signal(), Some(SIGINT), "{status}");
}

on_the_main_thread! {
    #[test]
    fn ctrl_c_reaches_every_task_that_waits() {
        let child = |flavour: &str| {
            let waits = async {
                let tasks: Vec<_> = (0..3).map(|_| heist::create_task(heist::ctrl_c())).collect();
                heist::yield_now().await;
                println!("\nwaiting");
                for task in tasks {
                    task.await.unwrap().unwrap();
                    println!("\ntold");
                }
            };
            runner(flavour).run(waits).unwrap();
        };
        in_copies("ctrl_c_reaches_every_task_that_waits", child, |copy| {
            copy.stdout.until("waiting");
            copy.interrupt();
            for _ in 0..3 {
                copy.stdout.until("told");
            }
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn b014_ctrl_c_cancels_a_main_that_spins_on_zero_sleeps() {
        let child = |flavour: &str| {
            let spin = async {
                let _guard = Says("cleaned up");
                println!("\nspinning");
                loop {
                    heist::sleep(Duration::ZERO).await;
                }
            };
            let error: RunError = runner(flavour).run(spin).map(|never: std::convert::Infallible| never).unwrap_err();
            println!("error: {error:?}");
        };
        in_copies("b014_ctrl_c_cancels_a_main_that_spins_on_zero_sleeps", child, |copy| {
            copy.stdout.until("spinning");
            copy.interrupt();
            copy.stdout.until("cleaned up");
            assert_eq!(copy.stdout.until("error: "), "error: Interrupted");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn b015_ctrl_c_cancels_a_main_that_waits_for_a_future() {
        let child = |flavour: &str| {
            let mut runner = runner(flavour);
            let wait = async {
                let _guard = Says("cleaned up");
                println!("\nwaiting");
                heist::create_future::<()>().await
            };
            println!("error: {:?}", runner.run(wait).unwrap_err());
            // The runner can run on, and takes the next Ctrl-C, too.
            let again = runner.run(async {
                interrupt_myself();
                heist::create_future::<()>().await
            });
            println!("again: {:?}", again.unwrap_err());
        };
        in_copies("b015_ctrl_c_cancels_a_main_that_waits_for_a_future", child, |copy| {
            copy.stdout.until("waiting");
            copy.interrupt();
            copy.stdout.until("cleaned up");
            assert_eq!(copy.stdout.until("error: "), "error: Interrupted");
            assert_eq!(copy.stdout.until("again: "), "again: Interrupted");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn b015_main_sees_the_cancel_and_so_does_what_it_waits_for() {
        let child = |flavour: &str| {
            let mut runner = runner(flavour);
            // It cleans up, with awaits, and goes on being cancelled.
            let ended = runner.run(async {
                let task = heist::create_task(async {
                    let _guard = Says("the task has cleaned up");
                    println!("\nwaiting");
                    std::future::pending::<()>().await
                });
                if let Err(cancelled) = heist::catch_cancelled(task).await {
                    heist::sleep(Duration::from_millis(1)).await;
                    println!("\ncleaned up");
                    cancelled.resume().await
                }
            });
            println!("ended: {ended:?}");
            // It answers with a value: then there was no interrupt.
            let answered = runner.run(async {
                interrupt_myself();
                match heist::catch_cancelled(std::future::pending::<()>()).await {
                    Ok(()) => unreachable!(),
                    Err(_) => 7,
                }
            });
            println!("answered: {answered:?}");
        };
        in_copies("b015_main_sees_the_cancel_and_so_does_what_it_waits_for", child, |copy| {
            copy.stdout.until("waiting");
            copy.interrupt();
            copy.stdout.until("the task has cleaned up");
            copy.stdout.until("cleaned up");
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert_eq!(copy.stdout.until("answered: "), "answered: Ok(7)");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn b016_a_main_that_somebody_else_cancelled_too_was_cancelled() {
        let child = |flavour: &str| {
            let mut runner = runner(flavour);
            let ended = runner.run(async {
                interrupt_myself();
                let waits = heist::catch_cancelled(std::future::pending::<()>());
                let cancelled = waits.await.unwrap_err();
                let me = heist::current_task().unwrap();
                assert_eq!(me.cancelling(), 1);
                me.cancel_with("by somebody else");
                assert_eq!(me.cancelling(), 2);
                cancelled.resume().await
            });
            println!("\nended: {}", matches!(ended, Err(RunError::Cancelled(_))));
            // Who took the other request back is interrupted all the same.
            let ended = runner.run(async {
                interrupt_myself();
                let waits = heist::catch_cancelled(std::future::pending::<()>());
                let cancelled = waits.await.unwrap_err();
                let me = heist::current_task().unwrap();
                me.cancel();
                me.uncancel();
                cancelled.resume().await
            });
            println!("ended: {ended:?}");
        };
        in_copies("b016_a_main_that_somebody_else_cancelled_too_was_cancelled", child, |copy| {
            assert_eq!(copy.stdout.until("ended: "), "ended: true");
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn ctrl_c_before_the_first_poll_cancels_main_before_it() {
        let child = |flavour: &str| {
            struct Interrupts;
            impl IntoFuture for Interrupts {
                type Output = ();
                type IntoFuture = std::future::Ready<()>;
                fn into_future(self) -> Self::IntoFuture {
                    // The runner has taken hold of Ctrl-C, and the run has not begun.
                    interrupt_myself();
                    std::future::ready(())
                }
            }
            println!("\nended: {:?}", runner(flavour).run(Interrupts));
        };
        in_copies("ctrl_c_before_the_first_poll_cancels_main_before_it", child, |copy| {
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn b017_a_second_ctrl_c_ends_the_process_at_once() {
        let child = |flavour: &str| {
            struct Stuck;
            impl Drop for Stuck {
                fn drop(&mut self) {
                    println!("\ncleaning up");
                    let (_sender, receiver) = mpsc::channel::<()>();
                    let _ = receiver.recv_timeout(Duration::from_secs(3600));
                }
            }
            let _ = runner(flavour).run(async {
                let _stuck = Stuck;
                interrupt_myself();
                std::future::pending::<()>().await
            });
        };
        in_copies("b017_a_second_ctrl_c_ends_the_process_at_once", child, |copy| {
            copy.stdout.until("cleaning up");
            copy.interrupt();
            died_by_sigint(copy.wait());
        });
    }

    #[test]
    fn b017_a_second_ctrl_c_ends_a_main_that_never_awaits() {
        let child = |flavour: &str| {
            let _ = runner(flavour).run(async {
                interrupt_myself();
                println!("\ncomputing");
                loop {
                    std::hint::spin_loop();
                }
            });
        };
        in_copies("b017_a_second_ctrl_c_ends_a_main_that_never_awaits", child, |copy| {
            copy.stdout.until("computing");
            copy.interrupt();
            died_by_sigint(copy.wait());
        });
    }

    #[test]
    fn b017_ctrl_c_after_main_is_done_ends_the_process_at_once() {
        let child = |flavour: &str| {
            let mut runner = runner(flavour);
            runner.run(async {}).unwrap();
            println!("\nmain is done");
            interrupt_myself();
            println!("\nstill there");
        };
        in_copies("b017_ctrl_c_after_main_is_done_ends_the_process_at_once", child, |copy| {
            copy.stdout.until("main is done");
            died_by_sigint(copy.wait());
        });
    }

    #[test]
    fn b018_where_the_runner_cannot_take_ctrl_c_it_runs_without() {
        // On another thread.
        let child = |flavour: &str| {
            let flavour = flavour.to_owned();
            let run = move || {
                let value = runner(&flavour).run(async { heist::create_task(async { 7 }).await.unwrap() });
                println!("\nvalue: {value:?}");
                let _ = runner(&flavour).run(async {
                    let _guard = Says("cleaned up");
                    println!("\nwaiting");
                    std::future::pending::<()>().await
                });
            };
            let _ = std::thread::spawn(run).join();
        };
        in_copies("b018_where_the_runner_cannot_take_ctrl_c_it_runs_without", child, |copy| {
            assert_eq!(copy.stdout.until("value: "), "value: Ok(7)");
            copy.stdout.until("waiting");
            copy.interrupt();
            died_by_sigint(copy.wait());
        });
    }

    #[test]
    fn b018_an_ignored_ctrl_c_stays_ignored() {
        const TEST: &str = "b018_an_ignored_ctrl_c_stays_ignored";
        if let Some(flavour) = role() {
            let value = runner(&flavour).run(async {
                interrupt_myself();
                heist::sleep(Duration::from_millis(1)).await;
                7
            });
            println!("\nvalue: {value:?}");
            return;
        }
        for flavour in ["workers", "current_thread"] {
            // A process inherits what is ignored, as under nohup.
            let mut copy = Copy::start_with(TEST, flavour, |command| {
                let mut shell = Command::new("sh");
                shell.args(["-c", "trap '' INT; exec \"$@\"", "sh"]);
                shell.arg(command.get_program()).args(command.get_args());
                shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
                *command = shell;
            });
            assert_eq!(copy.stdout.until("value: "), "value: Ok(7)");
            assert!(copy.wait().success());
        }
    }

    #[test]
    fn heist_run_cleans_up_and_ends_by_the_signal() {
        if role().is_some() {
            heist::run(async {
                let _guard = Says("main has cleaned up");
                drop(heist::create_task(async {
                    let _guard = Says("a task has cleaned up");
                    println!("\nwaiting");
                    std::future::pending::<()>().await
                }));
                std::future::pending::<()>().await
            });
            unreachable!("the process has ended");
        }
        let mut copy = Copy::start("heist_run_cleans_up_and_ends_by_the_signal", "child");
        copy.stdout.until("waiting");
        copy.interrupt();
        copy.stdout.until("main has cleaned up");
        copy.stdout.until("a task has cleaned up");
        died_by_sigint(copy.wait());
    }

    #[test]
    fn a_ctrl_c_that_somebody_waits_for_does_not_interrupt() {
        let child = |flavour: &str| {
            let mut runner = runner(flavour);
            let told = runner.run(async {
                let first = heist::ctrl_c();
                interrupt_myself();
                first.await.unwrap();
                // Told, and main goes on. One that nobody waits for is the runner's again.
                println!("\ntold");
                interrupt_myself();
                heist::sleep(Duration::from_secs(3600)).await;
            });
            println!("ended: {told:?}");
        };
        in_copies("a_ctrl_c_that_somebody_waits_for_does_not_interrupt", child, |copy| {
            copy.stdout.until("told");
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn when_nobody_waits_any_more_ctrl_c_ends_the_process_again() {
        let child = |flavour: &str| {
            let event_loop = event_loop(flavour);
            let told = event_loop.run_until_complete(async {
                let given_up = heist::ctrl_c();
                let waited_for = heist::ctrl_c();
                drop(given_up);
                interrupt_myself();
                waited_for.await.unwrap();
            });
            told.unwrap();
            println!("\ntold");
            interrupt_myself();
            println!("\nstill there");
        };
        in_copies("when_nobody_waits_any_more_ctrl_c_ends_the_process_again", child, |copy| {
            copy.stdout.until("told");
            died_by_sigint(copy.wait());
        });
    }

    #[test]
    fn ctrl_c_ends_run_forever_and_leaves_everything_as_it_was() {
        let child = |flavour: &str| {
            let event_loop = event_loop(flavour);
            let tasks: Vec<_> = (0..3)
                .map(|_| event_loop.create_task(async { heist::sleep(Duration::from_secs(3600)).await }))
                .collect();
            event_loop.call_soon(interrupt_myself).unwrap();
            println!("\nended: {:?}", event_loop.run_until_complete(heist::wait(tasks)).map(drop));
            // As the older programs do on a KeyboardInterrupt.
            let left = event_loop.all_tasks();
            println!("left: {}", left.len());
            left.iter().for_each(|task| _ = task.cancel());
            event_loop.stop();
            event_loop.run_forever().unwrap();
            println!("closed: {}", event_loop.close().unwrap().is_clean());
            println!("again: {:?}", heist::new_event_loop().unwrap().run_until_complete(async { 1 }));
        };
        in_copies("ctrl_c_ends_run_forever_and_leaves_everything_as_it_was", child, |copy| {
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert_eq!(copy.stdout.until("left: "), "left: 3");
            assert_eq!(copy.stdout.until("closed: "), "closed: true");
            assert_eq!(copy.stdout.until("again: "), "again: Ok(1)");
            assert!(copy.wait().success());
        });
    }

    #[test]
    fn ctrl_c_ends_a_run_forever_that_sleeps() {
        let child = |flavour: &str| {
            let event_loop = event_loop(flavour);
            event_loop.call_soon(|| println!("\nruns")).unwrap();
            println!("\nended: {:?}", event_loop.run_forever());
        };
        in_copies("ctrl_c_ends_a_run_forever_that_sleeps", child, |copy| {
            copy.stdout.until("runs");
            copy.interrupt();
            assert_eq!(copy.stdout.until("ended: "), "ended: Err(Interrupted)");
            assert!(copy.wait().success());
        });
    }
}
