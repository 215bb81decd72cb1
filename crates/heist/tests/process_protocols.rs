//! Protocols of pipes and child processes: behaviours PIPE 391 to 393, SUBPROC 371, 374, 375, 377, 382, 384, 387, TRANS A80.
#![cfg(all(unix, not(heist_loom)))]

#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::transports::{connect_read_pipe, connect_write_pipe};
use heist::{
    DEVNULL, ProcessLookupError, Queue, SubprocessProtocol, SubprocessTransport, signal, subprocess_exec,
    subprocess_shell, yield_now,
};
use recorder::Recorder;
use support::{for_each_flavour, with_io};

/// More than any pipe takes without a reader.
const MUCH: usize = 4 << 20;

fn raw_pipe() -> (File, File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (read.into(), write.into())
}

/// A callback of a process' protocol, or the end of it.
#[derive(Debug)]
enum Called {
    Made,
    Data(i32, Vec<u8>),
    PipeLost(i32, Option<io::Error>),
    Paused,
    Resumed,
    Exited(Option<i32>),
    Lost(Option<io::Error>),
    Dropped,
}

#[derive(Clone, Default)]
struct Child(Queue<Called>);

impl Child {
    async fn next(&self) -> Called {
        self.0.get().await.unwrap()
    }

    /// All calls from here to the end, which comes last.
    async fn rest(&self) -> Vec<Called> {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Called::Dropped => return all,
                called => {
                    assert!(!matches!(all.last(), Some(Called::Lost(_))), "{called:?} after connection_lost");
                    all.push(called);
                }
            }
        }
    }
}

/// All that came from a pipe, whose end must come after it.
fn output(calls: &[Called], pipe: i32) -> Vec<u8> {
    let end = calls.iter().position(|called| matches!(called, Called::PipeLost(fd, None) if *fd == pipe));
    let end = end.unwrap_or_else(|| panic!("no end of {pipe}: {calls:?}"));
    let data = |called: &Called| match called {
        Called::Data(fd, data) if *fd == pipe => Some(data.clone()),
        _ => None,
    };
    assert!(calls[end..].iter().all(|called| data(called).is_none()), "data after the end of {pipe}");
    calls.iter().filter_map(data).flatten().collect()
}

fn exit_code(calls: &[Called]) -> Option<i32> {
    calls.iter().find_map(|called| match called {
        Called::Exited(code) => *code,
        _ => None,
    })
}

struct Recording {
    child: Child,
    transport: Option<SubprocessTransport>,
    is_faulty: bool,
}

impl Recording {
    fn of(child: &Child) -> Self {
        Self { child: child.clone(), transport: None, is_faulty: false }
    }

    fn add(&self, called: Called) {
        self.child.0.put_nowait(called).unwrap();
    }
}

impl SubprocessProtocol for Recording {
    fn connection_made(&mut self, transport: SubprocessTransport) {
        self.transport = Some(transport);
        self.add(Called::Made);
    }

    fn pipe_data_received(&mut self, fd: i32, data: &[u8]) {
        assert!(!self.is_faulty, "a fault of the program's");
        self.add(Called::Data(fd, data.to_vec()));
    }

    fn pipe_connection_lost(&mut self, fd: i32, error: Option<io::Error>) {
        self.add(Called::PipeLost(fd, error));
    }

    fn process_exited(&mut self) {
        let code = self.transport.as_ref().and_then(SubprocessTransport::get_returncode);
        self.add(Called::Exited(code));
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.add(Called::Lost(error));
    }

    fn pause_writing(&mut self) {
        self.add(Called::Paused);
    }

    fn resume_writing(&mut self) {
        self.add(Called::Resumed);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.add(Called::Dropped);
    }
}

/// A shell that runs, and its calls after `connection_made`.
async fn shell(command: &str) -> io::Result<(SubprocessTransport, Child)> {
    let child = Child::default();
    let recording = Recording::of(&child);
    let (transport, _) = subprocess_shell(|| recording, command).await?;
    let Called::Made = child.next().await else { panic!("no connection_made") };
    Ok((transport, child))
}

#[test]
fn b391_a_pipe_gives_its_data_its_end_and_then_its_loss() {
    with_io(|| async {
        let (read, mut write) = raw_pipe();
        let recorder = Recorder::default().keep_writing();
        let calls = recorder.calls.clone();
        let (transport, _) = connect_read_pipe(|| recorder, read).await?;
        calls.made().await;
        write.write_all(b"hello")?;
        assert_eq!(calls.data(5).await, b"hello");
        assert!(transport.is_reading() && !transport.can_write_eof());
        drop(write);
        calls.ended().await;
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn a_pipe_that_is_read_can_be_closed_and_not_be_written() {
    with_io(|| async {
        for write_to_it in [false, true] {
            let (read, mut write) = raw_pipe();
            let recorder = Recorder::default();
            let calls = recorder.calls.clone();
            let (transport, _) = connect_read_pipe(|| recorder, read).await?;
            calls.made().await;
            if write_to_it {
                transport.write(b"x");
                assert_eq!(calls.lost().await.unwrap().kind(), ErrorKind::Unsupported);
            } else {
                transport.close();
                assert!(calls.lost().await.is_none());
            }
            // A child that another test is just starting may have the other end for a moment, until it is a program.
            let refused = loop {
                match write.write_all(b"x") {
                    Ok(()) => heist::sleep(Duration::from_millis(1)).await,
                    Err(error) => break error,
                }
            };
            assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
        }
        Ok(())
    });
}

#[test]
fn b392_a_transport_whose_reader_is_gone_is_closed_without_a_write() {
    with_io(|| async {
        let (read, write) = raw_pipe();
        let recorder = Recorder::default();
        let calls = recorder.calls.clone();
        let (transport, _) = connect_write_pipe(|| recorder, write).await?;
        calls.made().await;
        drop(read);
        assert!(calls.lost().await.is_none());
        assert!(transport.is_closing());
        Ok(())
    });
}

#[test]
fn b393_close_sends_what_waits_and_abort_does_not() {
    with_io(|| async {
        for abort in [false, true] {
            let (read, write) = raw_pipe();
            let recorder = Recorder::default();
            let calls = recorder.calls.clone();
            let (transport, _) = connect_write_pipe(|| recorder, write).await?;
            calls.made().await;
            transport.write(&vec![7; MUCH]);
            calls.paused().await;
            if abort {
                transport.abort();
            } else {
                transport.close();
            }
            let mut reader = heist::connect_read_pipe(read).await?;
            let read = reader.read_to_end().await?.len();
            assert_eq!(read < MUCH, abort);
            assert!(calls.lost().await.is_none());
        }
        Ok(())
    });
}

#[test]
fn b371_b387_what_a_child_does_is_told_in_order() {
    with_io(|| async {
        let (transport, child) = shell("cat; echo wrong >&2; exit 7").await?;
        assert_eq!(transport.get_returncode(), None);
        assert!(transport.get_pid() > 0);
        let stdin = transport.get_pipe_transport(0).unwrap();
        stdin.write(b"through ");
        stdin.writelines(["the", " child"]);
        stdin.write_eof();
        let calls = child.rest().await;
        assert_eq!(output(&calls, 1), b"through the child");
        assert_eq!(output(&calls, 2), b"wrong\n");
        assert!(output(&calls, 0).is_empty());
        assert_eq!(exit_code(&calls), Some(7));
        assert!(matches!(calls.last(), Some(Called::Lost(None))), "{calls:?}");
        assert_eq!(transport.get_returncode(), Some(7));
        Ok(())
    });
}

#[test]
fn b374_programs_run_with_the_streams_that_they_are_given() {
    with_io(|| async {
        let child = Child::default();
        let recording = Recording::of(&child);
        let (transport, protocol) = subprocess_exec(|| recording, "sh", ["-c", "echo $WORD; exit 3"])
            .options(|command| command.stdin(DEVNULL).stderr(heist::STDOUT).env("WORD", "given"))
            .await?;
        assert!(transport.get_pipe_transport(0).is_none() && transport.get_pipe_transport(2).is_none());
        assert!(transport.get_pipe_transport(3).is_none() && transport.get_pipe_transport(-1).is_none());
        drop(protocol);
        let calls = child.rest().await;
        assert_eq!(output(&calls, 1), b"given\n");
        assert_eq!(exit_code(&calls), Some(3));

        let child = Child::default();
        let recording = {
            let child = child.clone();
            move || Recording::of(&child)
        };
        let missing = subprocess_exec(recording, "/no/such/program", [""; 0]).await;
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(child.0.is_empty(), "no protocol is made for it");
        Ok(())
    });
}

#[test]
fn b375_signals_end_a_child_and_a_child_that_ended_is_not_found() {
    with_io(|| async {
        for by in [signal::SIGTERM, signal::SIGKILL, signal::SIGHUP] {
            let (transport, child) = shell("exec cat").await?;
            match by {
                signal::SIGTERM => transport.terminate()?,
                signal::SIGKILL => transport.kill()?,
                other => transport.send_signal(other)?,
            }
            let calls = child.rest().await;
            assert_eq!(exit_code(&calls), Some(-by));
            let error = transport.kill().unwrap_err();
            assert!(error.get_ref().is_some_and(|error| error.is::<ProcessLookupError>()), "{error}");
        }
        Ok(())
    });
}

#[test]
fn b377_a_child_that_stops_reading_is_told_of() {
    with_io(|| async {
        let (transport, child) = shell("exec <&-; echo closed; exec sleep 1000").await?;
        let stdin = transport.get_pipe_transport(0).unwrap();
        let (mut said, mut lost) = (false, false);
        while !(said && lost) {
            match child.next().await {
                Called::Data(1, data) => said = data == b"closed\n",
                Called::PipeLost(0, None) => lost = true,
                other => panic!("{other:?}"),
            }
        }
        assert!(stdin.is_closing());
        transport.close();
        child.rest().await;

        // With more to be sent it is an error.
        let (transport, child) = shell("read line; exec <&-; exec sleep 1000").await?;
        transport.get_pipe_transport(0).unwrap().write(&vec![b'\n'; MUCH]);
        let error = loop {
            match child.next().await {
                // Where there was time for it.
                Called::Paused => {}
                Called::PipeLost(0, Some(error)) => break error,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        transport.close();
        child.rest().await;
        Ok(())
    });
}

#[test]
fn b382_closing_kills_a_running_child_and_not_one_that_has_ended() {
    with_io(|| async {
        let (transport, child) = shell("exec sleep 1000").await?;
        transport.close();
        transport.close();
        assert!(transport.is_closing());
        let calls = child.rest().await;
        assert_eq!(exit_code(&calls), Some(-signal::SIGKILL));
        assert!(matches!(calls.last(), Some(Called::Lost(None))), "{calls:?}");

        let (transport, child) = shell("exit 0").await?;
        assert_eq!(exit_code(&child.rest().await), Some(0));
        transport.close();
        assert_eq!(transport.get_returncode(), Some(0));
        Ok(())
    });
}

#[test]
fn b384_a_pipe_whose_reading_is_paused_keeps_its_data_beyond_the_exit() {
    with_io(|| async {
        let (transport, child) = shell("read line; echo late").await?;
        let stdout = transport.get_pipe_transport(1).unwrap();
        stdout.pause_reading();
        transport.get_pipe_transport(0).unwrap().write(b"\n");
        let mut seen = Vec::new();
        while exit_code(&seen).is_none() {
            seen.push(child.next().await);
        }
        assert!(!seen.iter().any(|called| matches!(called, Called::Data(..))), "{seen:?}");
        stdout.resume_reading();
        assert_eq!(output(&child.rest().await, 1), b"late\n");
        Ok(())
    });
}

#[test]
fn the_stdin_of_a_child_has_marks() {
    with_io(|| async {
        // Reads only when it is told to.
        let command = "trap 'cat >/dev/null; exit 0' USR1; echo ready; while :; do sleep 0.01; done";
        let (transport, child) = shell(command).await?;
        let Called::Data(1, _) = child.next().await else { panic!("not ready") };
        let stdin = transport.get_pipe_transport(0).unwrap();
        stdin.write(&vec![b'x'; MUCH]);
        let Called::Paused = child.next().await else { panic!("not paused") };
        transport.send_signal(signal::SIGUSR1)?;
        let Called::Resumed = child.next().await else { panic!("not resumed") };
        stdin.write_eof();
        let calls = child.rest().await;
        assert_eq!(exit_code(&calls), Some(0));
        Ok(())
    });
}

#[test]
fn a080_a_fault_of_the_protocol_ends_the_child() {
    with_io(|| async {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tells = told.clone();
        heist::get_running_loop().set_exception_handler(Some(Arc::new(move |_, context| {
            tells.lock().unwrap().push(context.panic.clone().unwrap_or_default());
        })));
        let child = Child::default();
        let mut recording = Recording::of(&child);
        recording.is_faulty = true;
        let (transport, _) = subprocess_shell(|| recording, "echo x; exec sleep 1000").await?;
        let calls = child.rest().await;
        let Some(Called::Lost(Some(error))) = calls.last() else { panic!("{calls:?}") };
        assert!(error.to_string().contains("pipe_data_received"), "{error}");
        assert_eq!(transport.get_returncode(), Some(-signal::SIGKILL));
        while told.lock().unwrap().is_empty() {
            yield_now().await;
        }
        assert_eq!(*told.lock().unwrap(), ["a fault of the program's"]);
        Ok(())
    });
}

#[test]
fn the_end_of_the_loop_kills_the_child() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let (read, write) = raw_pipe();
        let child = runner.run(async move {
            let child = Child::default();
            let recording = Recording::of(&child);
            let started = subprocess_exec(|| recording, "sleep", ["1000"])
                .options(|command| command.stdout(write))
                .await;
            started.unwrap();
            child
        });
        drop(runner);
        let calls = heist::run(async move { child.unwrap().rest().await });
        let Some(Called::Lost(Some(error))) = calls.last() else { panic!("{calls:?}") };
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        // Its stdout ends with it.
        assert_eq!({ read }.read(&mut [0; 8]).unwrap(), 0);
    });
}
