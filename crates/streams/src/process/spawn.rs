//! The start of a child, on the blocking pool, and what becomes of one that nobody wants any more.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::process;
use std::sync::Arc;

use heist_reactor::IoSource;
use heist_scheduler::{Handle, TaskRef};

use super::child::Child;
use super::handle::Process;
use super::reaper;
use crate::error::explained;
use crate::pipe::source;
use crate::wire::{Input, Output, StreamAddr};
use crate::{StreamReader, StreamWriter};

/// How the program wants the child to be looked after.
pub(super) struct Manner {
    pub(super) limit: usize,
    pub(super) kill_on_drop: bool,
    pub(super) wait_by_thread: bool,
    /// Where the command was made.
    pub(super) made_at: &'static Location<'static>,
}

/// A child that was started and that nobody has taken over yet: dropped, it is killed and collected.
pub(super) struct Started {
    /// `None` once taken over.
    child: Option<Arc<Child>>,
    stdin: Option<IoSource<File>>,
    stdout: Option<IoSource<File>>,
    stderr: Option<IoSource<File>>,
}

/// Starts a child. Given up before the pool has begun, nothing is started.
pub(super) async fn start(command: process::Command, merged: Option<OwnedFd>) -> io::Result<Started> {
    /// A job that is not awaited any more need not begin.
    struct GiveUp(TaskRef);
    impl Drop for GiveUp {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }

    let Some(handle) = Handle::current() else {
        let message = "no event loop runs on this thread: start processes in a task of a loop";
        return Err(io::Error::other(message));
    };
    reaper::sweep();
    let job = handle.to_thread(move || spawn(command, merged)).with_name("start of a process");
    let _give_up = GiveUp(job.task_ref());
    match job.await {
        Ok(started) => started,
        Err(error) => Err(io::Error::other(format!("the process was not started: {error}"))),
    }
}

/// Blocks until the program runs, or cannot.
fn spawn(mut command: process::Command, merged: Option<OwnedFd>) -> io::Result<Started> {
    let mut child = command.spawn().map_err(|error| refused(&command, error))?;
    // The child's ends of pipes and files are in the command.
    drop(command);
    let [stdin, stdout, stderr] = [
        child.stdin.take().map(OwnedFd::from),
        child.stdout.take().map(OwnedFd::from).or(merged),
        child.stderr.take().map(OwnedFd::from),
    ];
    let mut started =
        Started { child: Some(Arc::new(Child::new(child))), stdin: None, stdout: None, stderr: None };
    // The parent's ends become non-blocking; the child has open files of its own.
    started.stdin = stdin.map(source).transpose()?;
    started.stdout = stdout.map(source).transpose()?;
    started.stderr = stderr.map(source).transpose()?;
    Ok(started)
}

/// What the system says, of which program, and what to do about it.
fn refused(command: &process::Command, error: io::Error) -> io::Error {
    let program = command.get_program();
    let missing = command.get_current_dir().filter(|directory| !directory.is_dir());
    let advice = match (error.kind(), missing) {
        (io::ErrorKind::NotFound, Some(directory)) => {
            format!(" - its working directory {directory:?} is not there")
        }
        (io::ErrorKind::NotFound, None) if program.as_encoded_bytes().contains(&b'/') => {
            " - check the path, and for a script the interpreter in its first line".to_owned()
        }
        (io::ErrorKind::NotFound, None) => " - is it installed, in a directory that PATH names?".to_owned(),
        (io::ErrorKind::PermissionDenied, _) => {
            " - may this user execute it, and from this directory?".to_owned()
        }
        _ => String::new(),
    };
    let message = format!("cannot start {program:?}: {error}{advice}");
    explained(error, message)
}

impl Started {
    /// Takes the child over, on a thread of its loop.
    pub(super) fn into_process(mut self, manner: Manner) -> io::Result<Process> {
        let Some(handle) = Handle::current() else {
            return Err(io::Error::other("the event loop has ended: the process was killed"));
        };
        let Some(child) = self.child.as_ref() else { unreachable!("only this takes it out, and once") };
        child.hold(handle.clock().hold());
        reaper::look_after(handle, child, manner.wait_by_thread)?;
        let reader = |end: IoSource<File>| StreamReader::over(Input::other(end), manner.limit);
        let stdin =
            self.stdin.take().map(|end| StreamWriter::over(Output::other(end), StreamAddr::Unnamed, None));
        let stdout = self.stdout.take().map(reader);
        let stderr = self.stderr.take().map(reader);
        let Some(child) = self.child.take() else { unreachable!("it was there above") };
        Ok(Process::new(child, &manner, stdin, stdout, stderr))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // Gone already is as good.
            let _ = child.send_signal(crate::signal::SIGKILL);
            reaper::by_thread_or_later(child);
        }
    }
}
