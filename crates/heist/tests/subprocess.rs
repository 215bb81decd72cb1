#![cfg(all(target_os = "linux", not(heist_loom)))]
//! Child processes. Each test runs on both flavours, and with both ways of waiting for a child.

#[path = "support/descriptors.rs"]
mod descriptors;
mod support;

use std::io::ErrorKind;
use std::time::Duration;

use heist::process::Command;
use heist::signal::{SIGCONT, SIGHUP, SIGKILL, SIGTERM};
use heist::{DEVNULL, PIPE, ProcessLookupError, STDOUT, create_subprocess_exec, create_subprocess_shell};
use support::{Copy, for_each_flavour, role};

/// How children are waited for in a test.
#[derive(Clone, Copy)]
struct Way {
    by_thread: bool,
}

impl Way {
    fn shell(self, command_line: &str) -> Command {
        create_subprocess_shell(command_line).wait_by_thread(self.by_thread)
    }

    fn exec<const N: usize>(self, program: &str, args: [&str; N]) -> Command {
        create_subprocess_exec(program, args).wait_by_thread(self.by_thread)
    }
}

/// Runs a test on both flavours with both ways of waiting.
fn every_way(test: impl AsyncFn(Way)) {
    for by_thread in [false, true] {
        for_each_flavour(|builder| builder.build().unwrap().run(test(Way { by_thread })).unwrap());
    }
}

#[test]
fn b371_stdin_is_written_and_closed_stdout_read_to_its_end_and_the_code_awaited() {
    every_way(async |way| {
        let mut process = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        let stdin = process.stdin.take().unwrap();
        stdin.write(b"some data");
        stdin.drain().await.unwrap();
        stdin.close();
        assert_eq!(process.stdout.as_mut().unwrap().read_to_end().await.unwrap(), b"some data");
        assert_eq!((process.wait().await.unwrap(), process.returncode()), (0, Some(0)));
    });
}

#[test]
fn b372_communicate_feeds_and_collects_and_without_input_closes_stdin() {
    every_way(async |way| {
        let all = way.shell("cat; echo oh >&2; exit 3").stdin(PIPE).stdout(PIPE).stderr(PIPE);
        let mut process = all.spawn().await.unwrap();
        let large = vec![b'x'; 300_000];
        let (stdout, stderr) = process.communicate(Some(&large)).await.unwrap();
        assert_eq!((stdout.unwrap(), stderr.unwrap()), (large, b"oh\n".to_vec()));
        assert_eq!(process.returncode(), Some(3));
        let mut process = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        assert_eq!(process.communicate(None).await.unwrap(), (Some(Vec::new()), None));
    });
}

#[test]
fn b373_streams_that_are_not_piped_are_none() {
    every_way(async |way| {
        let process = way.exec("true", []).stdout(DEVNULL).stderr(DEVNULL).spawn().await.unwrap();
        assert!(process.stdin.is_none() && process.stdout.is_none() && process.stderr.is_none());
        assert_eq!(process.wait().await.unwrap(), 0);
        let mut process = way.shell("cat; echo gone").stdin(DEVNULL).stdout(DEVNULL).spawn().await.unwrap();
        assert_eq!(process.communicate(None).await.unwrap(), (None, None));
    });
}

#[test]
fn b374_a_shell_command_reports_the_shells_code() {
    every_way(async |way| {
        assert_eq!(way.shell("exit 7").spawn().await.unwrap().wait().await.unwrap(), 7);
        let status = way.shell("exit 7").status().await.unwrap();
        assert_eq!(status.code(), Some(7));
    });
}

#[test]
fn b375_a_signal_ends_the_child_and_its_code_is_minus_the_number() {
    every_way(async |way| {
        for (signal, code) in [(None, -SIGKILL), (Some(SIGTERM), -SIGTERM), (Some(SIGHUP), -SIGHUP)] {
            let process = way.exec("sleep", ["1000"]).spawn().await.unwrap();
            assert_eq!(process.returncode(), None);
            match signal {
                None => process.kill().unwrap(),
                Some(SIGTERM) => process.terminate().unwrap(),
                Some(signal) => process.send_signal(signal).unwrap(),
            }
            assert_eq!(process.wait().await.unwrap(), code);
        }
    });
}

#[test]
fn b376_a_signal_at_the_moment_of_exit_spoils_nothing_and_later_the_process_is_gone() {
    every_way(async |way| {
        for _ in 0..20 {
            let process = way.shell("exit 5").spawn().await.unwrap();
            // One that does nothing to it, until the end has been noticed.
            let error = loop {
                match process.send_signal(SIGCONT) {
                    Ok(()) => heist::yield_now().await,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let gone = error.get_ref().unwrap().downcast_ref::<ProcessLookupError>().unwrap();
            assert_eq!(gone.pid(), process.pid());
            assert_eq!((process.returncode(), process.wait().await.unwrap()), (Some(5), 5));
            assert_eq!(process.terminate().unwrap_err().kind(), ErrorKind::NotFound);
        }
    });
}

#[test]
fn b377_a_child_that_stops_reading_makes_drain_a_broken_pipe() {
    every_way(async |way| {
        let process = way.exec("true", []).stdin(PIPE).spawn().await.unwrap();
        let stdin = process.stdin.as_ref().unwrap();
        stdin.write(&vec![0; 1 << 20]);
        assert_eq!(stdin.drain().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

#[test]
fn b378_communicate_overlooks_that_error() {
    every_way(async |way| {
        let mut process = way.shell("echo done").stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        let (stdout, _) = process.communicate(Some(&vec![0; 1 << 20])).await.unwrap();
        assert_eq!((stdout.unwrap(), process.returncode()), (b"done\n".to_vec(), Some(0)));
    });
}

#[test]
fn b379_no_child_inherits_the_writing_end_of_a_stdin() {
    every_way(async |way| {
        let mut first = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        let second = way.exec("sleep", ["1000"]).stdin(PIPE).kill_on_drop(true).spawn().await.unwrap();
        // Ends only when nobody else has the pipe.
        assert_eq!(first.communicate(Some(b"x")).await.unwrap().0.unwrap(), b"x");
        assert_eq!(second.returncode(), None);
    });
}

#[test]
fn b380_cancelling_a_wait_leaves_the_child_alone() {
    every_way(async |way| {
        let process = std::sync::Arc::new(way.exec("sleep", ["1000"]).spawn().await.unwrap());
        let waiting = process.clone();
        let task = heist::create_task(async move { waiting.wait().await });
        heist::yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(process.returncode(), None);
        process.kill().unwrap();
        assert_eq!(process.wait().await.unwrap(), -SIGKILL);
    });
}

#[test]
fn b382_closing_kills_a_running_child_and_not_one_that_has_ended() {
    every_way(async |way| {
        let mut process = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        process.close();
        assert!(process.stdin.is_none() && process.stdout.is_none());
        assert_eq!(process.wait().await.unwrap(), -SIGKILL);
        let mut process = way.shell("exit 6").spawn().await.unwrap();
        process.wait().await.unwrap();
        process.close();
        assert_eq!((process.returncode(), process.wait().await.unwrap()), (Some(6), 6));
    });
}

#[test]
fn b384_output_can_be_read_after_the_exit_by_a_slow_reader() {
    every_way(async |way| {
        // As much as a pipe holds.
        let mut process = way.exec("head", ["-c", "60000", "/dev/zero"]).stdout(PIPE).spawn().await.unwrap();
        assert_eq!(process.wait().await.unwrap(), 0);
        let (stdout, mut read) = (process.stdout.as_mut().unwrap(), 0);
        loop {
            let part = stdout.read(1000).await.unwrap();
            if part.is_empty() {
                break;
            }
            read += part.len();
            heist::yield_now().await;
        }
        assert_eq!(read, 60_000);
    });
}

#[test]
fn b385_many_waits_at_once_give_the_code_and_so_does_waiting_again() {
    every_way(async |way| {
        let mut process = way.shell("read line; exit 9").stdin(PIPE).spawn().await.unwrap();
        let stdin = process.stdin.take();
        let process = std::sync::Arc::new(process);
        let waits: Vec<_> = (0..10)
            .map(|_| {
                let process = process.clone();
                heist::create_task(async move { process.wait().await.unwrap() })
            })
            .collect();
        drop(stdin);
        assert_eq!(heist::gather(waits).await.unwrap(), [9; 10]);
        assert_eq!(process.wait().await.unwrap(), 9);
    });
}

#[test]
fn b386_children_at_once_give_their_own_output() {
    every_way(async |way| {
        let all = (0..10).map(|number| async move {
            let mut process = way.exec("echo", [&number.to_string()]).stdout(PIPE).spawn().await.unwrap();
            String::from_utf8(process.communicate(None).await.unwrap().0.unwrap()).unwrap()
        });
        let outputs = heist::gather(all.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(outputs, (0..10).map(|number| format!("{number}\n")).collect::<Vec<_>>());
    });
}

#[test]
fn b387_exit_and_end_of_a_pipe_come_in_any_order_and_data_before_the_end() {
    every_way(async |way| {
        // The end of the pipe first.
        let closes = "echo data; exec >&-; read line; exit 4";
        let mut process = way.shell(closes).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        let stdout = process.stdout.as_mut().unwrap();
        assert_eq!(stdout.readline().await.unwrap(), b"data\n");
        assert_eq!(stdout.read(1).await.unwrap(), b"");
        assert_eq!(process.returncode(), None);
        drop(process.stdin.take());
        assert_eq!(process.wait().await.unwrap(), 4);
        // The exit first: a grandchild has the pipe, too, and ends with its stdin.
        let leaves = "{ read line; echo later; } <&3 & exit 2";
        let leaves = format!("exec 3<&0; {leaves}");
        let mut process = way.shell(&leaves).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
        assert_eq!(process.wait().await.unwrap(), 2);
        drop(process.stdin.take());
        assert_eq!(process.stdout.as_mut().unwrap().read_to_end().await.unwrap(), b"later\n");
    });
}

#[test]
fn b388_stderr_is_merged_into_stdout_in_order() {
    every_way(async |way| {
        let both = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
        let mut process = way.shell(both).stdout(PIPE).stderr(STDOUT).spawn().await.unwrap();
        assert!(process.stderr.is_none());
        let (stdout, stderr) = process.communicate(None).await.unwrap();
        assert_eq!((stdout.unwrap(), stderr), (b"1\n2\n3\n4\n".to_vec(), None));
        // With a descriptor, and with nothing.
        let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let shared = way.shell(both).stdout(std::os::fd::OwnedFd::from(writer)).stderr(STDOUT);
        assert_eq!(shared.spawn().await.unwrap().wait().await.unwrap(), 0);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "1\n2\n3\n4\n");
        let nothing = way.shell(both).stdout(DEVNULL).stderr(STDOUT).status().await.unwrap();
        assert!(nothing.success());
    });
}

#[test]
fn b389_the_environment_reaches_the_child() {
    every_way(async |way| {
        let env = way.shell("echo $HEIST_A,$HEIST_B,$HOME").env("HEIST_A", "1").envs([("HEIST_B", "2")]);
        let output = env.env_remove("HOME").output().await.unwrap();
        assert_eq!(output.stdout, b"1,2,\n");
        let output = way.exec("/usr/bin/env", []).env_clear().env("ONLY", "this").output().await.unwrap();
        assert_eq!(output.stdout, b"ONLY=this\n");
        let output = way.exec("pwd", []).current_dir("/").output().await.unwrap();
        assert_eq!(output.stdout, b"/\n");
    });
}

#[test]
fn a_child_has_the_name_and_the_group_that_it_was_given() {
    every_way(async |way| {
        let output = way.shell("echo $0").arg0("another").output().await.unwrap();
        assert_eq!(output.stdout, b"another\n");
        // What is sent to its group reaches its own children, too.
        let group = way.shell("sleep 1000 & echo; wait").process_group(0).stdout(PIPE);
        let mut process = group.spawn().await.unwrap();
        let mut stdout = process.stdout.take().unwrap();
        assert_eq!(stdout.readline().await.unwrap(), b"\n");
        let group = rustix::process::Pid::from_raw(process.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        assert_eq!(stdout.read(1).await.unwrap(), b"", "the one that slept has the pipe no more");
        assert_eq!(process.wait().await.unwrap(), -SIGKILL);
    });
}

#[test]
fn b390_a_loop_on_another_thread_has_subprocesses() {
    let on_another = || {
        every_way(async |way| {
            assert_eq!(way.shell("exit 8").spawn().await.unwrap().wait().await.unwrap(), 8);
        });
    };
    std::thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(on_another));
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_communicate_that_was_cancelled_goes_on_where_it_was() {
    every_way(async |way| {
        let slow = way.shell("echo first; cat; read never").stdin(PIPE).stdout(PIPE);
        let mut process = slow.spawn().await.unwrap();
        let begun = heist::timeout(Duration::from_millis(30), process.communicate(Some(b"input\n"))).await;
        // Whether it was in time or not, nothing is lost.
        let (stdout, _) = match begun {
            Ok(outputs) => outputs.unwrap(),
            Err(_) => process.communicate(None).await.unwrap(),
        };
        assert_eq!(stdout.unwrap(), b"first\ninput\n");
    });
}

#[test]
fn a_command_of_the_standard_library_brings_its_streams() {
    every_way(async |way| {
        let mut command = std::process::Command::new("cat");
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut process = Command::from(command).wait_by_thread(way.by_thread).await.unwrap();
        assert_eq!(process.communicate(Some(b"x")).await.unwrap().0.unwrap(), b"x");
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    every_way(async |way| {
        for command in [way.exec("true", []).stdin(STDOUT), way.exec("true", []).stdout(STDOUT)] {
            assert_eq!(command.spawn().await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        let error = way.exec("true", []).stdout(STDOUT).stderr(STDOUT).spawn().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = way.exec("true", []).limit(0).spawn().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = way.exec("true", ["\0"]).spawn().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut process = way.exec("sleep", ["1000"]).kill_on_drop(true).spawn().await.unwrap();
        let error = process.communicate(Some(b"x")).await.unwrap_err();
        assert!(error.to_string().contains(".stdin(PIPE)"), "{error}");
        for signal in [0, -1, 1000] {
            assert_eq!(process.send_signal(signal).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn a_running_child_holds_virtual_time() {
    support::on_each_flavour(|| async {
        for by_thread in [false, true] {
            let short = Way { by_thread }.exec("sleep", ["0.05"]).spawn().await.unwrap();
            // Of the program's time none passes.
            let waited = heist::timeout(Duration::from_millis(1), short.wait()).await;
            assert_eq!(waited.unwrap().unwrap(), 0);
        }
    });
}

/// What is left behind, in a process of its own, where nobody else starts children.
mod alone {
    use std::fs::{read_dir, read_to_string};

    use super::descriptors::{EMFILE, Only, code, descriptors};
    use super::*;

    /// Runs a test in a copy of this process, every way.
    fn in_copy(name: &str, test: impl AsyncFn(Way)) {
        if role().is_some() {
            every_way(test);
            println!("\nclean");
            return;
        }
        let mut copy = Copy::start(&format!("alone::{name}"), "child");
        copy.stdout.until("clean");
        assert!(copy.wait().success());
    }

    /// How many children this process has, zombies included.
    fn children() -> usize {
        let own = std::process::id().to_string();
        let parent = |stat: String| stat.rsplit(") ").next()?.split(' ').nth(1).map(str::to_owned);
        let stats = read_dir("/proc").unwrap().filter_map(|entry| {
            // Most are no processes, and some are gone by now.
            read_to_string(entry.unwrap().path().join("stat")).ok()
        });
        stats.filter(|stat| parent(stat.clone()) == Some(own.clone())).count()
    }

    /// Waits until there are no more children and descriptors than before.
    async fn until_clean(before: usize) {
        let patient = heist::timeout(Duration::from_secs(30), async {
            while (children(), descriptors()) != (0, before) {
                heist::sleep(Duration::from_millis(1)).await;
            }
        });
        let state = || format!("{} children, {} descriptors, not {before}", children(), descriptors());
        patient.await.unwrap_or_else(|_| panic!("{}", state()));
    }

    /// The descriptors of a loop that has done I/O.
    async fn settled() -> usize {
        Command::new("true").output().await.unwrap();
        descriptors()
    }

    #[test]
    fn b381_cancelling_the_creation_kills_the_child_and_collects_it() {
        in_copy("b381_cancelling_the_creation_kills_the_child_and_collects_it", async |way| {
            let before = settled().await;
            let mut cancelled = 0;
            for round in 0..60 {
                let start = way.exec("sleep", ["1000"]).stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn();
                let made = std::sync::Arc::new(std::sync::Mutex::new(None));
                let its = made.clone();
                let task = heist::create_task(async move {
                    let process = start.await.unwrap();
                    // What has returned before the cancel came is the program's.
                    *its.lock().unwrap() = Some(process);
                });
                heist::sleep(Duration::from_micros(round * 25)).await;
                task.cancel();
                let _ = task.await;
                match made.lock().unwrap().take() {
                    Some(process) => process.kill().unwrap(),
                    None => cancelled += 1,
                }
            }
            assert!(cancelled > 5, "{cancelled}");
            until_clean(before).await;
        });
    }

    #[test]
    fn b383_a_spawn_that_fails_gives_its_error_and_leaks_nothing() {
        in_copy("b383_a_spawn_that_fails_gives_its_error_and_leaks_nothing", async |way| {
            let before = settled().await;
            for stderr in [PIPE, STDOUT] {
                let command = way.exec("/no/such/program", []).stdin(PIPE).stdout(PIPE).stderr(stderr);
                let error = command.spawn().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
            }
            let error = way.exec("/dev/null", []).stdin(PIPE).spawn().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert_eq!((children(), descriptors()), (0, before));
        });
    }

    /// Whatever runs out, a pipe, the pidfd or neither: an error that says so, or a child that is looked after.
    #[test]
    fn a_start_with_few_descriptors_fails_or_runs_and_leaves_nothing_behind() {
        const TEST: &str = "a_start_with_few_descriptors_fails_or_runs_and_leaves_nothing_behind";
        in_copy(TEST, async |way| {
            let before = settled().await;
            let mut ran = Vec::new();
            for left in 0..12 {
                let piped = way.exec("cat", []).stdin(PIPE).stdout(PIPE).stderr(PIPE);
                let only = Only::more(left);
                let started = piped.spawn().await;
                drop(only);
                match started {
                    Ok(mut process) => {
                        let (stdout, _) = process.communicate(Some(b"x")).await.unwrap();
                        assert_eq!((stdout.unwrap(), process.returncode()), (b"x".to_vec(), Some(0)));
                        ran.push(left);
                    }
                    Err(error) => assert_eq!(code(&error), Some(EMFILE), "{left} left: {error}"),
                }
                until_clean(before).await;
            }
            assert!(ran.first().is_some_and(|&first| first > 3) && ran.last() == Some(&11), "{ran:?}");
            // With nothing to open, the pidfd alone is missed: a thread waits instead.
            let only = Only::more(0);
            let process = way.shell("exit 3").spawn().await.unwrap();
            drop(only);
            assert_eq!(process.wait().await.unwrap(), 3);
            until_clean(before).await;
        });
    }

    #[test]
    fn a_cancel_at_any_point_leaves_nothing_behind() {
        in_copy("a_cancel_at_any_point_leaves_nothing_behind", async |way| {
            let before = settled().await;
            let (mut cancelled, input) = (0, vec![b'x'; 200_000]);
            for round in 0..100 {
                let both = way.shell("cat; echo end >&2").stdin(PIPE).stdout(PIPE).stderr(PIPE);
                let (both, input) = (both.kill_on_drop(true), input.clone());
                let talk = heist::create_task(async move {
                    let mut process = both.spawn().await.unwrap();
                    process.communicate(Some(&input)).await.unwrap()
                });
                heist::sleep(Duration::from_micros(round * 60)).await;
                talk.cancel();
                cancelled += u32::from(talk.await.is_err_and(|error| error.is_cancelled()));
            }
            assert!(cancelled > 5, "{cancelled}");
            until_clean(before).await;
        });
    }

    #[test]
    fn a_thousand_children_in_a_row_leave_nothing_behind() {
        in_copy("a_thousand_children_in_a_row_leave_nothing_behind", async |way| {
            let before = settled().await;
            for number in 0..250 {
                let mut process = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
                let input = format!("{number}");
                let (stdout, _) = process.communicate(Some(input.as_bytes())).await.unwrap();
                assert_eq!(stdout.unwrap(), input.as_bytes());
            }
            until_clean(before).await;
        });
    }

    #[test]
    fn two_hundred_children_at_once_leave_nothing_behind() {
        in_copy("two_hundred_children_at_once_leave_nothing_behind", async |way| {
            let before = settled().await;
            let start = |_| way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn();
            let processes = heist::try_gather((0..200).map(start)).await.unwrap();
            assert_eq!(children(), 200);
            let talk = processes.into_iter().enumerate().map(|(number, mut process)| async move {
                let input = format!("{number}");
                let (stdout, _) = process.communicate(Some(input.as_bytes())).await.unwrap();
                assert_eq!(stdout.unwrap(), input.as_bytes());
            });
            heist::gather(talk.collect::<Vec<_>>()).await.unwrap();
            until_clean(before).await;
        });
    }

    #[test]
    fn a_child_whose_handle_was_dropped_is_collected() {
        in_copy("a_child_whose_handle_was_dropped_is_collected", async |way| {
            let before = settled().await;
            for _ in 0..20 {
                // Ends by itself.
                drop(way.exec("cat", []).stdin(PIPE).spawn().await.unwrap());
                let killed = way.exec("sleep", ["1000"]).kill_on_drop(true);
                drop(killed.spawn().await.unwrap());
                // Given up, these kill, too.
                let given_up = way.exec("sleep", ["1000"]).output();
                assert!(heist::timeout(Duration::from_millis(1), given_up).await.is_err());
            }
            until_clean(before).await;
        });
    }

    /// How many threads of this process wait for children. While threads come and go, the system may leave some out.
    fn waiting_threads() -> usize {
        let tasks = read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|entry| read_to_string(entry.unwrap().path().join("comm")));
        names.filter(|name| name.as_ref().is_ok_and(|name| name.trim() == "heist-child")).count()
    }

    #[test]
    fn only_where_it_was_asked_for_a_thread_waits() {
        let until_there_are = async |count: usize| {
            while waiting_threads() != count {
                heist::yield_now().await;
            }
        };
        in_copy("only_where_it_was_asked_for_a_thread_waits", async |way| {
            let process = way.exec("cat", []).stdin(PIPE).spawn().await.unwrap();
            // A thread would wait as long as the child runs, so that this would never come true.
            until_there_are(usize::from(way.by_thread)).await;
            drop(process);
            until_there_are(0).await;
        });
    }

    #[test]
    fn where_sigchld_is_ignored_a_wait_is_an_error_and_does_not_hang() {
        const TEST: &str = "where_sigchld_is_ignored_a_wait_is_an_error_and_does_not_hang";
        let wait_in_vain = async |way: Way| {
            let mut process = way.exec("cat", []).stdin(PIPE).stdout(PIPE).spawn().await.unwrap();
            drop(process.stdin.take());
            let error = process.wait().await.unwrap_err();
            assert!(error.to_string().contains("SIGCHLD"), "{error}");
            assert_eq!(
                (process.returncode(), process.stdout.as_mut().unwrap().read(1).await.unwrap()),
                (None, vec![])
            );
            assert_eq!(process.kill().unwrap_err().kind(), ErrorKind::NotFound);
        };
        if role().is_some() {
            every_way(wait_in_vain);
            println!("\nclean");
            return;
        }
        // A process inherits what is ignored.
        let mut copy = Copy::start_with(&format!("alone::{TEST}"), "child", |command| {
            let mut env = std::process::Command::new("env");
            env.arg("--ignore-signal=CHLD").arg(command.get_program()).args(command.get_args());
            env.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            *command = env;
        });
        copy.stdout.until("clean");
        assert!(copy.wait().success());
    }

    #[test]
    fn a_child_that_outlives_its_loop_is_collected_by_a_thread() {
        const TEST: &str = "a_child_that_outlives_its_loop_is_collected_by_a_thread";
        if role().is_none() {
            return in_copy(TEST, async |_| {});
        }
        let pids = std::cell::RefCell::new(Vec::new());
        for by_thread in [false, true] {
            for_each_flavour(|builder| {
                let start = Way { by_thread }.exec("sleep", ["1000"]).spawn();
                pids.borrow_mut().push(builder.build().unwrap().run(start).unwrap().unwrap().pid());
            });
        }
        assert_eq!(children(), 4);
        for pid in pids.into_inner() {
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        let before = descriptors();
        // Any loop's time will do; it has descriptors of its own.
        heist::Runner::builder()
            .current_thread()
            .build()
            .unwrap()
            .run(async {
                while children() > 0 {
                    heist::sleep(Duration::from_millis(1)).await;
                }
            })
            .unwrap();
        assert_eq!(descriptors(), before);
        println!("\nclean");
    }
}
