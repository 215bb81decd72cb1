//! Sockets that the caller has made: asyncio's `sock=`.

use std::io;

use heist_reactor::IoSource;
use socket2::{Socket, Type};

use crate::address::name_of;
use crate::net::no_delay;
use crate::wire::{StreamSocket, streams_over_socket};
use crate::{StreamReader, StreamWriter};

/// What any owned socket can be made into.
///
/// ```
/// # use heist_streams as heist;
/// use std::net::UdpSocket;
/// use heist::OwnedSocket;
///
/// let socket = OwnedSocket::from(UdpSocket::bind("127.0.0.1:0")?);
/// # drop(socket);
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(unix)]
pub type OwnedSocket = std::os::fd::OwnedFd;
/// What any owned socket can be made into.
#[cfg(windows)]
pub type OwnedSocket = std::os::windows::io::OwnedSocket;

/// A stream socket of the caller's, non-blocking by now.
#[derive(Debug)]
pub(crate) struct ReadySocket(Socket);

impl ReadySocket {
    pub(crate) fn new(socket: OwnedSocket) -> io::Result<Self> {
        let socket = Socket::from(socket);
        let kind = socket.r#type().map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("what was given is no socket: {error}"))
        })?;
        if kind != Type::STREAM {
            let message = format!("a stream socket is needed, such as one of TCP, not {kind:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    pub(crate) fn into_socket(self) -> Socket {
        self.0
    }

    /// The streams of a connected socket.
    pub(crate) fn into_streams(self, limit: usize) -> io::Result<(StreamReader, StreamWriter)> {
        let socket = self.0;
        let peer = socket.peer_addr().map_err(|error| {
            io::Error::new(error.kind(), format!("the socket is not connected ({error}): connect it first"))
        })?;
        let stream = StreamSocket::from(socket);
        if peer.as_socket().is_some() {
            no_delay(&stream);
        }
        Ok(streams_over_socket(IoSource::new(stream), name_of(&peer), limit, None))
    }
}
