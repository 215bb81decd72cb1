//! [`TcpStream`] and its halves.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use heist_reactor::{Direction, Half, IoSource};
use socket2::SockRef;

use super::KeepAlive;
use super::byte_stream::{self, byte_stream};
use super::options::{buffer_options, socket_options, tcp_options, ttl_options};
use super::ready::{self, Interest, Ready, any_socket};
use super::socket::no_delay;
use crate::connect::connect_to;
use crate::wire::streams_over_socket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter, ToAddress};

/// A TCP connection.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::net::TcpStream;
///
/// let mut stream = TcpStream::connect("127.0.0.1:8888").await?;
/// stream.write_all(b"Hello World!").await?;
/// let mut buf = [0; 100];
/// let n = stream.read(&mut buf).await?;
/// println!("Received: {:?}", String::from_utf8_lossy(&buf[..n]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    pub(super) source: IoSource<net::TcpStream>,
}

/// The half of a [`TcpStream`] that reads.
#[derive(Debug)]
pub struct ReadHalf {
    half: Half<net::TcpStream>,
}

/// The half of a [`TcpStream`] that writes. Dropping it ends the stream for the peer.
#[derive(Debug)]
pub struct WriteHalf {
    /// `None` only once `reunite` has taken it.
    half: Option<Half<net::TcpStream>>,
}

byte_stream!(TcpStream, ReadHalf, WriteHalf, net::TcpStream, SocketAddr);
any_socket!(TcpStream, net::TcpStream, SocketAddr);
tcp_options!(TcpStream, |this| this.source.get_ref());
ttl_options!(TcpStream);

impl TcpStream {
    /// Connects to the first of the addresses that answers; each next one is tried 250 ms after the one before, or once that
    /// has failed.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`](crate::ConnectError) inside, with what each address answered; or that of the name's look-up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    pub async fn connect(address: impl ToAddress) -> io::Result<Self> {
        Ok(Self { source: connect_to(address.to_target()).await? })
    }

    /// Looks at what is there without taking it, waiting until something is.
    ///
    /// # Errors
    ///
    /// The connection's.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken.
    pub fn peek(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.poll_peek(cx, buf))
    }

    /// [`peek`](Self::peek) for hand-written futures.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Read, |socket| socket.peek(buf))
    }

    /// Makes a pair of asyncio's streams of the connection, with the default limit.
    ///
    /// Nagle's algorithm is turned off, as for all streams.
    pub fn into_streams(self) -> (StreamReader, StreamWriter) {
        let peer = self.peer_addr().ok();
        no_delay(self.source.get_ref());
        streams_over_socket(self.source, peer.into(), DEFAULT_LIMIT, None)
    }
}
