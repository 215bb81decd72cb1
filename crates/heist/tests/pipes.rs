#![cfg(all(target_os = "linux", not(heist_loom)))]
//! Pipes, terminals, and a program's own standard streams.

mod support;

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use heist::pipe::{connect_read_pipe, connect_write_pipe, open_pty, pipe};
use heist::process::Command;
use heist::{PIPE, STDOUT, StreamWriter};
use rustix::fs::{OFlags, fcntl_getfl};
use support::{ROLE, in_real_time, role};

fn raw_pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

/// The two ends of a pipe, and of a pair of sockets.
fn ends() -> [(OwnedFd, OwnedFd); 2] {
    let (one, other) = UnixStream::pair().unwrap();
    [raw_pipe(), (one.into(), other.into())]
}

/// More than any pipe holds.
const MUCH: usize = 2 << 20;

#[test]
fn b391_a_pipe_that_is_read_gives_its_data_and_then_its_end() {
    in_real_time(async || {
        for (read, write) in ends() {
            let mut reader = connect_read_pipe(read).await.unwrap();
            let mut write = File::from(write);
            let waiting = heist::create_task(async move {
                let first = reader.readexactly(5).await.unwrap();
                (reader, first)
            });
            heist::yield_now().await;
            std::io::Write::write_all(&mut write, b"first and last").unwrap();
            let (mut reader, first) = waiting.await.unwrap();
            assert_eq!((first.as_slice(), reader.at_eof()), (&b"first"[..], false));
            drop(write);
            assert_eq!(reader.read_to_end().await.unwrap(), b" and last");
            assert!(reader.at_eof() && reader.exception().is_none());
        }
    });
}

#[test]
fn b392_a_writer_whose_reader_is_gone_is_closed_without_a_write() {
    in_real_time(async || {
        for (read, write) in ends() {
            let writer = connect_write_pipe(write).await.unwrap();
            assert!(!writer.is_closing());
            drop(read);
            writer.wait_closed().await.unwrap();
            assert!(writer.is_closing());
        }
    });
}

#[test]
fn a_writer_that_keeps_something_fails_when_its_reader_goes() {
    in_real_time(async || {
        for (read, write) in ends() {
            let writer = connect_write_pipe(write).await.unwrap();
            writer.write(&vec![0; MUCH]);
            drop(read);
            assert_eq!(writer.wait_closed().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn bytes_from_the_other_end_of_a_socket_are_no_hang_up() {
    in_real_time(async || {
        let (mut one, other) = UnixStream::pair().unwrap();
        let writer = connect_write_pipe(other).await.unwrap();
        std::io::Write::write_all(&mut one, b"not asked for").unwrap();
        for _ in 0..10 {
            heist::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(!writer.is_closing());
        drop(one);
        writer.wait_closed().await.unwrap();
    });
}

#[test]
fn b393_close_sends_what_waits_and_abort_does_not() {
    in_real_time(async || {
        for (read, write) in ends() {
            let mut reader = connect_read_pipe(read).await.unwrap();
            let writer = connect_write_pipe(write).await.unwrap();
            writer.write(&vec![7; MUCH]);
            assert!(writer.write_buffer_size() > 0);
            writer.close();
            assert_eq!(reader.read_to_end().await.unwrap().len(), MUCH);
            writer.wait_closed().await.unwrap();
        }
        for (read, write) in ends() {
            let mut reader = connect_read_pipe(read).await.unwrap();
            let writer = connect_write_pipe(write).await.unwrap();
            writer.write(&vec![7; MUCH]);
            writer.abort();
            assert!(reader.read_to_end().await.unwrap().len() < MUCH);
        }
    });
}

#[test]
fn b394_terminals_work_in_both_directions() {
    in_real_time(async || {
        let pty = open_pty().unwrap();
        let keyboard = connect_write_pipe(pty.controller.try_clone().unwrap()).await.unwrap();
        let mut screen = connect_read_pipe(pty.controller).await.unwrap();
        let mut input = connect_read_pipe(pty.terminal.try_clone().unwrap()).await.unwrap();
        let output = connect_write_pipe(pty.terminal).await.unwrap();
        keyboard.write(b"typed\n");
        assert_eq!(input.readline().await.unwrap(), b"typed\n");
        // The terminal's echo.
        assert_eq!(screen.readline().await.unwrap(), b"typed\r\n");
        output.write(b"shown\n");
        assert_eq!(screen.readline().await.unwrap(), b"shown\r\n");
        // The last program at the terminal goes.
        drop(input);
        output.close();
        assert_eq!(screen.read_to_end().await.unwrap(), b"");
    });
}

#[test]
fn a_program_at_a_terminal_is_talked_to() {
    in_real_time(async || {
        let pty = open_pty().unwrap();
        let terminal = || pty.terminal.try_clone().unwrap();
        let shell = Command::shell("stty -echo; echo ready; read line; echo \"got $line\"; test -t 0");
        let process = shell.stdin(terminal()).stdout(terminal()).stderr(terminal()).spawn().await.unwrap();
        let keyboard = connect_write_pipe(pty.controller.try_clone().unwrap()).await.unwrap();
        let mut screen = connect_read_pipe(pty.controller.try_clone().unwrap()).await.unwrap();
        assert_eq!(screen.readline().await.unwrap(), b"ready\r\n");
        keyboard.write(b"a line\n");
        assert_eq!(screen.readline().await.unwrap(), b"got a line\r\n");
        assert_eq!(process.wait().await.unwrap(), 0);
    });
}

#[test]
fn regular_files_are_refused_and_devices_are_not() {
    in_real_time(async || {
        let file = || File::open(std::env::current_exe().unwrap()).unwrap();
        let error = connect_read_pipe(file()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("to_thread"), "{error}");
        assert_eq!(connect_write_pipe(file()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let error = connect_read_pipe(raw_pipe().0).limit(0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let mut reader = connect_read_pipe(null.try_clone().unwrap()).await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        let writer = connect_write_pipe(null).await.unwrap();
        writer.write(&vec![0; MUCH]);
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

#[test]
fn a_pipe_of_ones_own_carries_more_than_it_holds() {
    in_real_time(async || {
        let (mut reader, writer) = pipe().unwrap();
        writer.write(&vec![1; MUCH]);
        writer.write_eof();
        assert_eq!(reader.read_to_end().await.unwrap().len(), MUCH);
    });
}

#[test]
fn b298_all_of_a_pipe_is_read_although_the_limit_is_small() {
    in_real_time(async || {
        for (read, write) in ends() {
            let mut reader = connect_read_pipe(read).limit(1).await.unwrap();
            let writer = connect_write_pipe(write).await.unwrap();
            writer.write(&vec![7; MUCH]);
            writer.close();
            assert_eq!(reader.read_to_end().await.unwrap(), vec![7; MUCH]);
        }
    });
}

#[test]
fn a_full_disk_is_an_error_of_drain_and_close() {
    in_real_time(async || {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let writer = connect_write_pipe(full).await.unwrap();
        writer.write(b"no room");
        assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(writer.wait_closed().await.unwrap_err().kind(), ErrorKind::StorageFull);
    });
}

#[test]
fn a_descriptor_with_duplicates_is_connected_again_and_again() {
    in_real_time(async || {
        let (read, write) = raw_pipe();
        let mut write = File::from(write);
        for _ in 0..10 {
            // Most often under the number of the one before.
            let mut reader = connect_read_pipe(read.try_clone().unwrap()).await.unwrap();
            let waiting = heist::create_task(async move { reader.readexactly(1).await.unwrap() });
            heist::sleep(std::time::Duration::from_millis(1)).await;
            std::io::Write::write_all(&mut write, b"x").unwrap();
            assert_eq!(waiting.await.unwrap(), b"x");
        }
    });
}

#[test]
fn a_line_longer_than_the_limit_is_an_error() {
    in_real_time(async || {
        let (read, write) = raw_pipe();
        let mut reader = connect_read_pipe(read).limit(4).await.unwrap();
        std::io::Write::write_all(&mut File::from(write), b"too long\n").unwrap();
        assert!(matches!(reader.readline().await, Err(heist::ReadError::LimitOverrun(_))));
    });
}

/// A program's own standard streams: in copies of this process.
mod own {
    use super::*;

    /// A copy that runs one of these tests, whose child part is told by the role.
    fn copy(test: &str, flavour: &str) -> Command {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("own::{test}"), "--nocapture", "--test-threads=1"])
            .env(ROLE, flavour)
    }

    /// In a copy: runs its part, and ends the process before the harness says more.
    fn in_copy(part: impl AsyncFnOnce()) {
        let Some(flavour) = role() else { return };
        let builder = heist::Runner::builder();
        let builder = if flavour == "workers" { builder.workers(2) } else { builder.current_thread() };
        builder.build().unwrap().run(part()).unwrap();
        std::process::exit(0);
    }

    const FLAVOURS: [&str; 2] = ["workers", "current_thread"];

    /// Copies stdin to stderr, line by line.
    async fn echo() {
        let mut stdin = heist::stdin().unwrap();
        let stderr = heist::stderr().unwrap();
        while let Some(line) = stdin.next_line().await.unwrap() {
            stderr.write(b"got ");
            stderr.write(&line);
            stderr.drain().await.unwrap();
        }
        finish(stderr).await;
    }

    async fn finish(writer: StreamWriter) {
        writer.close();
        writer.wait_closed().await.unwrap();
    }

    #[test]
    fn stdin_is_read_whatever_it_is() {
        in_copy(echo);
        in_real_time(async || {
            for flavour in FLAVOURS {
                let start = |stdin: OwnedFd| {
                    copy("stdin_is_read_whatever_it_is", flavour)
                        .stdin(stdin)
                        .stdout(heist::DEVNULL)
                        .stderr(PIPE)
                };
                for (read, write) in ends() {
                    let mut process = start(read).spawn().await.unwrap();
                    std::io::Write::write_all(&mut File::from(write), b"1\n2").unwrap();
                    let (_, stderr) = process.communicate(None).await.unwrap();
                    assert_eq!(stderr.unwrap(), b"got 1\ngot 2");
                }
                // From where it stands, which its neighbours share.
                let path = std::env::temp_dir().join(format!("heist-stdin-{}", std::process::id()));
                std::fs::write(&path, b"skipped\nread\n").unwrap();
                let mut file = File::open(&path).unwrap();
                std::io::Read::read_exact(&mut file, &mut [0; 8]).unwrap();
                std::fs::remove_file(&path).unwrap();
                let output = start(file.into()).output().await.unwrap();
                assert_eq!(output.stderr, b"got read\n");
            }
        });
    }

    #[test]
    fn streams_that_others_share_stay_in_blocking_mode() {
        in_copy(echo);
        in_real_time(async || {
            for flavour in FLAVOURS {
                let pty = open_pty().unwrap();
                let (read, write) = raw_pipe();
                let (errors, shared) = raw_pipe();
                for (stdin, keyboard) in [(pty.terminal, pty.controller), (read, write)] {
                    let stderr = shared.try_clone().unwrap();
                    let echo = copy("streams_that_others_share_stay_in_blocking_mode", flavour)
                        .stdin(stdin.try_clone().unwrap())
                        .stdout(heist::DEVNULL)
                        .stderr(stderr);
                    let process = echo.kill_on_drop(true).spawn().await.unwrap();
                    let mut errors = connect_read_pipe(errors.try_clone().unwrap()).await.unwrap();
                    rustix::io::write(&keyboard, b"typed\n").unwrap();
                    assert_eq!(errors.readline().await.unwrap(), b"got typed\n");
                    for end in [&stdin, &shared] {
                        assert!(!fcntl_getfl(end).unwrap().contains(OFlags::NONBLOCK));
                    }
                    process.kill().unwrap();
                    process.wait().await.unwrap();
                }
            }
        });
    }

    #[test]
    fn a_task_that_reads_stdin_does_not_keep_the_program() {
        in_copy(async || {
            let reading = heist::create_task(async { heist::stdin().unwrap().read(1).await });
            heist::sleep(std::time::Duration::from_millis(5)).await;
            assert!(!reading.done());
        });
        in_real_time(async || {
            for flavour in FLAVOURS {
                let pty = open_pty().unwrap();
                let [pipe, sockets] = ends();
                for (read, _write) in [pipe, sockets, (pty.terminal, pty.controller)] {
                    let copy = copy("a_task_that_reads_stdin_does_not_keep_the_program", flavour);
                    assert!(copy.stdin(read).status().await.unwrap().success());
                }
            }
        });
    }

    #[test]
    fn output_that_nobody_takes_does_not_keep_the_program() {
        in_copy(async || {
            let stderr = heist::stderr().unwrap();
            stderr.write(&vec![b'x'; MUCH]);
            assert!(stderr.write_buffer_size() > 0);
            let draining = heist::create_task(async move { stderr.drain().await });
            heist::sleep(std::time::Duration::from_millis(5)).await;
            assert!(!draining.done());
        });
        in_real_time(async || {
            for flavour in FLAVOURS {
                let pty = open_pty().unwrap();
                for (_read, write) in [raw_pipe(), (pty.controller, pty.terminal)] {
                    let copy = copy("output_that_nobody_takes_does_not_keep_the_program", flavour);
                    assert!(copy.stderr(write).status().await.unwrap().success());
                }
            }
        });
    }

    /// Of stderr, since the harness has something to say on stdout before any test.
    #[test]
    fn a_full_disk_below_an_own_stream_is_told_of() {
        in_copy(async || {
            let stderr = heist::stderr().unwrap();
            stderr.write(b"no room");
            assert_eq!(stderr.flushed().await.unwrap_err().kind(), ErrorKind::StorageFull);
            stderr.close();
            assert_eq!(stderr.wait_closed().await.unwrap_err().kind(), ErrorKind::StorageFull);
        });
        in_real_time(async || {
            for flavour in FLAVOURS {
                let full = File::options().write(true).open("/dev/full").unwrap();
                let copy = copy("a_full_disk_below_an_own_stream_is_told_of", flavour).stderr(full);
                assert!(copy.status().await.unwrap().success());
            }
        });
    }

    #[test]
    fn what_is_written_to_stdout_arrives_in_order_and_whole() {
        in_copy(async || {
            println!("first");
            let stdout = heist::stdout().unwrap();
            stdout.write(&vec![b'x'; MUCH]);
            finish(stdout).await;
            // Closing the writer is not closing the stream.
            println!("last");
        });
        in_real_time(async || {
            let check = |text: &[u8]| {
                let begin = text.windows(6).position(|text| text == b"first\n").unwrap() + 6;
                assert!(text[begin..begin + MUCH].iter().all(|byte| *byte == b'x'));
                assert_eq!(&text[begin + MUCH..], b"last\n");
            };
            for flavour in FLAVOURS {
                let copy = || copy("what_is_written_to_stdout_arrives_in_order_and_whole", flavour);
                let mut process = copy().stdout(PIPE).stderr(STDOUT).spawn().await.unwrap();
                check(&process.communicate(None).await.unwrap().0.unwrap());
                let path = std::env::temp_dir().join(format!("heist-stdout-{}", std::process::id()));
                let file =
                    File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
                assert!(copy().stdout(file).status().await.unwrap().success());
                check(&std::fs::read(&path).unwrap());
                std::fs::remove_file(&path).unwrap();
            }
        });
    }
}
