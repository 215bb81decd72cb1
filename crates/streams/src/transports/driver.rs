//! [`Driver`]: the task of a connection, which reads and calls the protocol.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_core::services::{self, ExceptionContext};
use heist_scheduler::Handle;
use heist_sync::Lock;

use super::call::{Call, Failure, Payload, ProtocolError, end};
use super::handle::Locked;
use super::lane::{Event, Lane};
use super::protocol::StreamProtocol;
use super::{ProtocolHandle, Transport};
use crate::report::report;
use crate::{StreamReader, StreamWriter};

/// A protocol of whatever type, as the task has it.
pub(super) trait Session: Send {
    /// Waits for the protocol, then has it read; see [`StreamProtocol::poll_take`].
    fn poll_take(&mut self, cx: &mut Context<'_>, reader: &mut StreamReader) -> Poll<Result<usize, Failure>>;

    /// Waits for the protocol, then takes `call` out and makes it.
    fn poll_tell(&mut self, cx: &mut Context<'_>, call: &mut Option<Call>) -> Poll<Result<bool, Failure>>;

    /// Makes the call if nobody else has the protocol, whatever comes of it.
    fn try_tell(&mut self, call: Call);
}

struct Typed<P, Kind>(Locked<P>, PhantomData<fn() -> Kind>);

/// A protocol, to be called.
pub(super) fn session_of<P: StreamProtocol<Kind>, Kind: 'static>(lock: Arc<Lock<P>>) -> Box<dyn Session> {
    Box::new(Typed(Locked::new(lock), PhantomData))
}

impl<P: StreamProtocol<Kind>, Kind> Session for Typed<P, Kind> {
    fn poll_take(&mut self, cx: &mut Context<'_>, reader: &mut StreamReader) -> Poll<Result<usize, Failure>> {
        let mut taken = Poll::Pending;
        let mut inner = Context::from_waker(cx.waker());
        ready!(self.0.poll_with(cx, |protocol| taken = protocol.poll_take(&mut inner, reader)));
        taken
    }

    fn poll_tell(&mut self, cx: &mut Context<'_>, call: &mut Option<Call>) -> Poll<Result<bool, Failure>> {
        self.0.poll_with(cx, |protocol| call.take().map_or(Ok(false), |call| protocol.tell(call)))
    }

    fn try_tell(&mut self, call: Call) {
        // The connection's task is gone: nobody is left to hear of a panic but the panic hook, which has.
        let _ = self.0.try_with(|protocol| protocol.tell(call));
    }
}

/// The future of a connection's task. Ends after `connection_lost`, with the panic of the callback that ended the
/// connection, if one did.
pub struct Driver {
    lane: Lane,
    session: Box<dyn Session>,
    /// What the protocol is to be told next, while somebody else has it.
    call: Option<Call>,
    /// The panic of a callback.
    payload: Option<Payload>,
    /// `connection_lost` was called.
    lost: bool,
    /// The end of the bytes is the end of the connection, whatever the protocol says.
    one_way: bool,
}

/// Makes the protocol of a connection known to its transport, and calls `connection_made`.
pub(super) fn begin<P: StreamProtocol<Kind>, Kind: 'static>(
    mut protocol: P,
    reader: Option<StreamReader>,
    writer: StreamWriter,
) -> (Driver, ProtocolHandle<P>) {
    let transport = Transport::new(writer);
    let mut lane = Lane::new(transport.clone(), reader);
    let mut payload = None;
    if let Err(failure) = protocol.made(transport.clone()) {
        lane.end_by(failure.split(&mut payload));
    }
    let lock = Arc::new(Lock::new(protocol));
    transport.introduce(&lock);
    let session = session_of(lock.clone());
    (Driver { lane, session, call: None, payload, lost: false, one_way: false }, ProtocolHandle::new(lock))
}

/// As [`begin`], and starts the task on the loop that this thread runs.
pub(super) fn start<P: StreamProtocol<Kind>, Kind: 'static>(
    protocol: P,
    reader: Option<StreamReader>,
    writer: StreamWriter,
    one_way: bool,
) -> io::Result<(Transport, ProtocolHandle<P>)> {
    let handle = running_loop()?;
    let name = format!("transport to {}", writer.peer_name());
    let (mut driver, protocol) = begin(protocol, reader, writer);
    driver.one_way = one_way;
    let transport = driver.lane.transport().clone();
    // It runs on by itself; a panic is told to the exception handler.
    drop(handle.create_task(driver).with_name(name));
    Ok((transport, protocol))
}

/// The loop that this thread runs.
pub(super) fn running_loop() -> io::Result<Handle> {
    Handle::current().ok_or_else(|| {
        io::Error::other("a transport needs an event loop: make it in a task of one, inside heist::run")
    })
}

impl Driver {
    /// Waits until something happens, and tells the protocol. Ready(true) after `connection_lost`.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.call.is_none() {
            if let Some(next) = self.lane.attend(cx) {
                self.session = next;
            }
            let session = &mut self.session;
            self.call = match ready!(self.lane.poll_event(cx, |cx, reader| session.poll_take(cx, reader))) {
                Event::Read => return Poll::Ready(false),
                Event::Failed(failure) => {
                    self.fail(failure);
                    return Poll::Ready(false);
                }
                Event::Ended => Some(Call::Ended),
                Event::Paused => Some(Call::Paused),
                Event::Resumed => Some(Call::Resumed),
                Event::Lost(error) => {
                    whisper(self.lane.transport(), error.as_ref());
                    Some(Call::Lost(error))
                }
            };
        }
        let is_end = matches!(self.call, Some(Call::Ended));
        let is_last = matches!(self.call, Some(Call::Lost(_)));
        match ready!(self.session.poll_tell(cx, &mut self.call)) {
            Ok(go_on) if is_end && (self.one_way || !go_on) => self.lane.transport().close(),
            Ok(_) => {}
            Err(failure) => self.fail(failure),
        }
        self.lost |= is_last;
        Poll::Ready(is_last)
    }

    fn fail(&mut self, failure: Failure) {
        self.lane.end_by(failure.split(&mut self.payload));
    }
}

/// Tells of an error that ended a connection: of the system's in debug mode alone, of the protocol's in any case. A panic is
/// told of by the end of the task.
pub(super) fn whisper(transport: &Transport, error: Option<&io::Error>) {
    let Some(error) = error else { return };
    let its_own = error.get_ref().and_then(|error| error.downcast_ref::<ProtocolError>());
    if let Some(error) = its_own.filter(|error| !error.is_panic()) {
        let message = format!("the connection to {} was ended", transport.peer_name());
        report(&ExceptionContext::new(message).with_exception(Arc::new(error.clone())));
    } else if let Some(services) = services::current().filter(|services| services.is_debug()) {
        services.warn(&format_args!("the connection to {} has failed: {error}", transport.peer_name()));
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("transport", self.lane.transport()).finish_non_exhaustive()
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while !ready!(self.poll_turn(cx)) {}
        end(self.payload.take())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.lost {
            return;
        }
        self.lane.transport().abort();
        let call = self.call.take().filter(|call| matches!(call, Call::Lost(_)));
        self.session.try_tell(call.unwrap_or_else(|| Call::Lost(Some(ended()))));
    }
}

/// The task of a connection was cancelled, or its loop has ended.
pub(super) fn ended() -> io::Error {
    let message = "the event loop has ended, or the connection's task was cancelled";
    io::Error::new(io::ErrorKind::ConnectionAborted, message)
}
