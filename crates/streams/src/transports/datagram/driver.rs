//! [`Driver`]: the task of a socket of datagrams.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_reactor::{Half, IoSource};
use heist_sync::Lock;

use super::outbox::{Event, Outbox};
use super::{DatagramProtocol, DatagramSocket, DatagramTransport};
use crate::transports::ProtocolHandle;
use crate::transports::call::{Failure, Payload, end, guarded};
use crate::transports::driver::{ended, running_loop};
use crate::transports::handle::Locked;

/// The longest datagram that is received whole, in bytes: more than UDP has, and asyncio's `max_size`. The room is touched
/// only as far as datagrams need it.
const LONGEST: usize = 256 << 10;

/// What the protocol is told.
enum Call<A> {
    Received(usize, A),
    Happened(Event, Option<io::Error>),
}

pub(super) struct Driver<S: DatagramSocket, P: DatagramProtocol<S>> {
    transport: DatagramTransport<S>,
    /// `None` once the socket is closed.
    socket: Option<Half<S::Inner>>,
    buffer: Box<[u8]>,
    protocol: Locked<P>,
    call: Option<Call<S::Addr>>,
    /// What ended the socket, where nobody closed it.
    error: Option<io::Error>,
    payload: Option<Payload>,
    lost: bool,
}

/// Calls `connection_made`, and starts the task.
pub(super) fn start<S: DatagramSocket, P: DatagramProtocol<S>>(
    mut protocol: P,
    socket: S,
) -> io::Result<(DatagramTransport<S>, ProtocolHandle<P>)> {
    let handle = running_loop()?;
    let (read, write) = IoSource::new(socket.into_inner()).into_split();
    let transport = DatagramTransport::new(Outbox::new(write));
    let made = guarded("connection_made", || protocol.connection_made(transport.clone()));
    let lock = Arc::new(Lock::new(protocol));
    let mut driver = Driver {
        transport: transport.clone(),
        socket: Some(read),
        buffer: vec![0; LONGEST].into_boxed_slice(),
        protocol: Locked::new(lock.clone()),
        call: None,
        error: None,
        payload: None,
        lost: false,
    };
    if let Err(failure) = made {
        driver.fail(failure);
    }
    // It runs on by itself; a panic is told to the exception handler.
    drop(handle.create_task(driver).with_name("datagram endpoint"));
    Ok((transport, ProtocolHandle::new(lock)))
}

impl<S: DatagramSocket, P: DatagramProtocol<S>> Driver<S, P> {
    /// Waits until something happens, and tells the protocol. Ready(true) after `connection_lost`.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.call.is_none() {
            self.call = Some(ready!(self.poll_call(cx)));
        }
        let is_last = matches!(self.call, Some(Call::Happened(Event::Lost, _)));
        let is_error = matches!(self.call, Some(Call::Happened(Event::Error(_), _)));
        let (buffer, call) = (&self.buffer, &mut self.call);
        let told = ready!(self.protocol.poll_with(cx, |protocol| tell(protocol, call.take(), buffer)));
        if let Err(failure) = told {
            self.fail(failure);
        }
        self.lost |= is_last;
        if is_error {
            // A socket that always fails must not keep others from running.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(is_last)
    }

    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Call<S::Addr>> {
        let mut outbox = self.transport.outbox().lock();
        if let Poll::Ready(event) = outbox.poll_event(cx) {
            drop(outbox);
            if matches!(event, Event::Lost) {
                self.socket = None;
            }
            return Poll::Ready(Call::Happened(event, self.error.take()));
        }
        let is_open = outbox.phase == super::outbox::Phase::Open;
        drop(outbox);
        let Some(socket) = self.socket.as_mut().filter(|_| is_open) else { return Poll::Pending };
        Poll::Ready(match ready!(socket.poll_io(cx, |socket| S::receive(socket, &mut self.buffer))) {
            Ok((n, from)) => Call::Received(n, from),
            Err(error) => Call::Happened(Event::Error(error), None),
        })
    }

    fn fail(&mut self, failure: Failure) {
        let error = failure.split(&mut self.payload);
        self.error.get_or_insert(error);
        self.transport.abort();
    }
}

fn tell<S: DatagramSocket, P: DatagramProtocol<S>>(
    protocol: &mut P,
    call: Option<Call<S::Addr>>,
    buffer: &[u8],
) -> Result<(), Failure> {
    match call {
        None => Ok(()),
        Some(Call::Received(n, from)) => {
            guarded("datagram_received", || protocol.datagram_received(&buffer[..n], from))
        }
        Some(Call::Happened(Event::Error(error), _)) => {
            guarded("error_received", || protocol.error_received(error))
        }
        Some(Call::Happened(Event::Paused, _)) => guarded("pause_writing", || protocol.pause_writing()),
        Some(Call::Happened(Event::Resumed, _)) => guarded("resume_writing", || protocol.resume_writing()),
        Some(Call::Happened(Event::Lost, error)) => {
            guarded("connection_lost", || protocol.connection_lost(error))
        }
    }
}

// Nothing in it is pinned.
impl<S: DatagramSocket, P: DatagramProtocol<S>> Unpin for Driver<S, P> {}

impl<S: DatagramSocket, P: DatagramProtocol<S>> Future for Driver<S, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while !ready!(self.poll_turn(cx)) {}
        end(self.payload.take())
    }
}

impl<S: DatagramSocket, P: DatagramProtocol<S>> Drop for Driver<S, P> {
    fn drop(&mut self) {
        if !self.lost {
            self.transport.abort();
            let lost = Call::Happened(Event::Lost, Some(self.error.take().unwrap_or_else(ended)));
            // Nobody is left to hear of a panic but the panic hook, which has.
            let _ = self.protocol.try_with(|protocol| tell::<S, P>(protocol, Some(lost), &[]));
        }
    }
}
