//! [`Driver`]: the task of a child process.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_sync::Lock;

use super::{SubprocessProtocol, SubprocessTransport};
use crate::process::Process;
use crate::transports::call::{Failure, Payload, end, guarded};
use crate::transports::driver::{ended, running_loop};
use crate::transports::handle::Locked;
use crate::transports::lane::{Event, Lane};
use crate::transports::pipe::no_writer;
use crate::transports::{ProtocolHandle, Transport};
use crate::{StreamReader, StreamWriter};

/// What the protocol is told, beside the bytes.
enum Call {
    PipeLost(i32, Option<io::Error>),
    Paused,
    Resumed,
    Exited,
    Lost(Option<io::Error>),
}

/// A pipe of the child.
struct Pipe {
    fd: i32,
    lane: Lane,
}

/// Waits for the end of the child.
type Exit = Pin<Box<dyn Future<Output = io::Result<i32>> + Send>>;

pub(super) struct Driver<P: SubprocessProtocol> {
    transport: SubprocessTransport,
    /// Those that are not at their end.
    pipes: Vec<Pipe>,
    /// Which pipe is looked at first: each is once in a while, so that none keeps the others waiting.
    first: usize,
    /// `None` once the child has ended.
    exit: Option<Exit>,
    protocol: Locked<P>,
    call: Option<Call>,
    error: Option<io::Error>,
    payload: Option<Payload>,
    lost: bool,
}

/// Calls `connection_made`, and starts the task.
pub(super) fn start<P: SubprocessProtocol>(
    mut protocol: P,
    mut process: Process,
    stdin: Option<StreamWriter>,
) -> io::Result<(SubprocessTransport, ProtocolHandle<P>)> {
    let handle = running_loop()?;
    let pipes = [
        stdin.map(|stdin| lane(None, stdin)),
        process.stdout.take().map(|stdout| lane(Some(stdout), no_writer())),
        process.stderr.take().map(|stderr| lane(Some(stderr), no_writer())),
    ];
    let transports = pipes.each_ref().map(|lane| lane.as_ref().map(|lane| lane.transport().clone()));
    let pipes = (0..).zip(pipes).filter_map(|(fd, lane)| Some(Pipe { fd, lane: lane? })).collect();
    let transport = SubprocessTransport::new(process, transports);
    let exit = transport.clone();
    let made = guarded("connection_made", || protocol.connection_made(transport.clone()));
    let lock = Arc::new(Lock::new(protocol));
    let mut driver = Driver {
        transport: transport.clone(),
        pipes,
        first: 0,
        exit: Some(Box::pin(async move { exit.wait().await })),
        protocol: Locked::new(lock.clone()),
        call: None,
        error: None,
        payload: None,
        lost: false,
    };
    if let Err(failure) = made {
        driver.fail(failure);
    }
    let name = format!("transport to process {}", transport.get_pid());
    // It runs on by itself; a panic is told to the exception handler.
    drop(handle.create_task(driver).with_name(name));
    Ok((transport, ProtocolHandle::new(lock)))
}

fn lane(reader: Option<StreamReader>, writer: StreamWriter) -> Lane {
    Lane::new(Transport::new(writer), reader)
}

impl<P: SubprocessProtocol> Driver<P> {
    /// Waits until something happens, and tells the protocol. Ready(true) after `connection_lost`.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.call.is_none() {
            self.call = match ready!(self.poll_call(cx)) {
                Some(call) => Some(call),
                None => return Poll::Ready(false),
            };
        }
        let is_last = matches!(self.call, Some(Call::Lost(_)));
        let call = &mut self.call;
        if let Err(failure) = ready!(self.protocol.poll_with(cx, |protocol| tell(protocol, call.take()))) {
            self.fail(failure);
        }
        self.lost |= is_last;
        Poll::Ready(is_last)
    }

    /// What the protocol is to be told; `None` where something happened that it needs not be told.
    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Option<Call>> {
        for i in 0..self.pipes.len() {
            let at = (self.first + i) % self.pipes.len();
            if let Poll::Ready(call) = self.poll_pipe(at, cx) {
                self.first = at + 1;
                return Poll::Ready(call);
            }
        }
        if let Some(exit) = &mut self.exit {
            if let Err(error) = ready!(exit.as_mut().poll(cx)) {
                self.error.get_or_insert(error);
            }
            self.exit = None;
            return Poll::Ready(Some(Call::Exited));
        }
        if self.pipes.is_empty() {
            return Poll::Ready(Some(Call::Lost(self.error.take())));
        }
        Poll::Pending
    }

    fn poll_pipe(&mut self, at: usize, cx: &mut Context<'_>) -> Poll<Option<Call>> {
        let Pipe { fd, lane } = &mut self.pipes[at];
        let fd = *fd;
        // No protocol of its own is ever set on a pipe.
        drop(lane.attend(cx));
        let protocol = &mut self.protocol;
        let event = ready!(lane.poll_event(cx, |cx, reader| poll_take(protocol, cx, reader, fd)));
        Poll::Ready(match event {
            Event::Read => None,
            Event::Ended => {
                lane.transport().close();
                None
            }
            Event::Paused => Some(Call::Paused),
            Event::Resumed => Some(Call::Resumed),
            Event::Failed(failure) => {
                self.fail(failure);
                None
            }
            Event::Lost(error) => {
                self.pipes.remove(at);
                Some(Call::PipeLost(fd, error))
            }
        })
    }

    fn fail(&mut self, failure: Failure) {
        let error = failure.split(&mut self.payload);
        self.error.get_or_insert(error);
        self.transport.close();
    }
}

/// Reads, and gives the protocol what came.
fn poll_take<P: SubprocessProtocol>(
    protocol: &mut Locked<P>,
    cx: &mut Context<'_>,
    reader: &mut StreamReader,
    fd: i32,
) -> Poll<Result<usize, Failure>> {
    ready!(reader.poll_some(cx, usize::MAX)).map_err(Failure::Io)?;
    let n = reader.buffered().len();
    if n > 0 {
        let data = reader.buffered();
        let call = |protocol: &mut P| guarded("pipe_data_received", || protocol.pipe_data_received(fd, data));
        ready!(protocol.poll_with(cx, call))?;
        reader.consume(n);
    }
    Poll::Ready(Ok(n))
}

fn tell<P: SubprocessProtocol>(protocol: &mut P, call: Option<Call>) -> Result<(), Failure> {
    match call {
        None => Ok(()),
        Some(Call::PipeLost(fd, error)) => {
            guarded("pipe_connection_lost", || protocol.pipe_connection_lost(fd, error))
        }
        Some(Call::Paused) => guarded("pause_writing", || protocol.pause_writing()),
        Some(Call::Resumed) => guarded("resume_writing", || protocol.resume_writing()),
        Some(Call::Exited) => guarded("process_exited", || protocol.process_exited()),
        Some(Call::Lost(error)) => guarded("connection_lost", || protocol.connection_lost(error)),
    }
}

// Nothing in it is pinned.
impl<P: SubprocessProtocol> Unpin for Driver<P> {}

impl<P: SubprocessProtocol> Future for Driver<P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while !ready!(self.poll_turn(cx)) {}
        end(self.payload.take())
    }
}

impl<P: SubprocessProtocol> Drop for Driver<P> {
    fn drop(&mut self) {
        if !self.lost {
            self.transport.close();
            let lost = Call::Lost(Some(self.error.take().unwrap_or_else(ended)));
            // Nobody is left to hear of a panic but the panic hook, which has.
            let _ = self.protocol.try_with(|protocol| tell(protocol, Some(lost)));
        }
    }
}
