//! [`TcpStream`] and its halves.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heist_reactor::{Half, IoSource};
use socket2::SockRef;

use super::socket::{connect, no_delay};
use crate::address::Purpose;
use crate::error::ConnectError;
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
    source: IoSource<net::TcpStream>,
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

impl TcpStream {
    /// Connects to the first of the addresses that answers, one after the other.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] inside, with what each address answered; or that of the name's look-up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    pub async fn connect(address: impl ToAddress) -> io::Result<Self> {
        let addresses = address.to_target()?.resolve(Purpose::Connect).await?;
        let (source, _) = connect_any(&addresses, None).await?;
        Ok(Self { source })
    }

    /// Takes over a connection of the standard library and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The system's, if it refuses.
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(stream))
    }

    pub(crate) fn from_nonblocking(stream: net::TcpStream) -> Self {
        Self { source: IoSource::new(stream) }
    }

    /// Gives the connection back to the standard library, still non-blocking.
    pub fn into_std(self) -> net::TcpStream {
        self.source.into_inner()
    }

    /// Reads into `buf` what is there, waiting until something is; 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// The connection's.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.source.poll_read(cx, buf))
    }

    /// As [`read`](Self::read), into several buffers, one after the other.
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.source.poll_read_vectored(cx, bufs))
    }

    /// Fills `buf`.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends before; the connection's.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read by then is in `buf`, and nobody knows how much that is.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.read(&mut buf[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(())
    }

    /// Writes some of `buf`, waiting until there is room, and says how much.
    ///
    /// # Errors
    ///
    /// The connection's.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was written.
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.source.poll_write(cx, buf))
    }

    /// As [`write`](Self::write), from several buffers, one after the other.
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.source.poll_write_vectored(cx, bufs))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// The connection's.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: nobody knows how much was written by then.
    pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        write_all(buf, |cx, rest| self.source.poll_write(cx, rest))
    }

    /// [`read`](Self::read) for hand-written futures.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.source.poll_read(cx, buf)
    }

    /// [`write`](Self::write) for hand-written futures.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source.poll_write(cx, buf)
    }

    /// Looks at what is there without taking it, waiting until something is.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.source.poll_io(cx, heist_reactor::Direction::Read, |socket| socket.peek(buf))).await
    }

    /// Waits until there is something to read, or the end. Several tasks may.
    ///
    /// # Errors
    ///
    /// When no event loop runs here, or that of the socket is closed.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.readable().await
    }

    /// Waits until there is room to write. Several tasks may.
    ///
    /// # Errors
    ///
    /// When no event loop runs here, or that of the socket is closed.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.writable().await
    }

    /// Ends reading, writing or both; the peer sees the end of the stream where writing ends.
    ///
    /// # Errors
    ///
    /// The system's, for one when the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get_ref().shutdown(how)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// The system's, for one when the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
    }

    /// Whether small writes are sent at once instead of being gathered (Nagle's algorithm off).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get_ref().nodelay()
    }

    /// Says whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get_ref().set_nodelay(nodelay)
    }

    /// Says what closing does with bytes not sent yet: `None` sends them in the background; zero throws them away and
    /// resets the connection.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.source.get_ref()).set_linger(linger)
    }

    /// Gives each direction an owner of its own, for two tasks. One allocation.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let (read, write) = self.source.into_split();
        (ReadHalf { half: read }, WriteHalf { half: Some(write) })
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

/// Connects to the first address that answers, and says which.
pub(crate) async fn connect_any(
    addresses: &[SocketAddr],
    local: Option<SocketAddr>,
) -> io::Result<(IoSource<net::TcpStream>, SocketAddr)> {
    let mut attempts = Vec::new();
    for &address in addresses {
        match connect(address, local).await {
            Ok(source) => return Ok((source, address)),
            Err(error) => attempts.push((address, error)),
        }
    }
    Err(ConnectError::into_io(attempts))
}

/// Writes all of `rest` by `write`. One future, with no state but what is left: an async block for each level costs more
/// instructions than the write itself.
fn write_all(
    mut rest: &[u8],
    mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
) -> impl Future<Output = io::Result<()>> {
    poll_fn(move |cx| {
        while !rest.is_empty() {
            match ready!(write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => rest = &rest[n..],
            }
        }
        Poll::Ready(Ok(()))
    })
}

impl ReadHalf {
    /// As [`TcpStream::read`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.half.poll_read(cx, buf))
    }

    /// As [`TcpStream::read_vectored`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.half.poll_read_vectored(cx, bufs))
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// The system's, for one when the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.half.get_ref().peer_addr()
    }

    /// Makes the connection whole again.
    ///
    /// # Errors
    ///
    /// Both halves, where they are not of one connection.
    pub fn reunite(self, mut other: WriteHalf) -> Result<TcpStream, (Self, WriteHalf)> {
        let Some(write) = other.half.take() else { return Err((self, other)) };
        match self.half.reunite(write) {
            Ok(source) => Ok(TcpStream { source }),
            Err((read, write)) => Err((Self { half: read }, WriteHalf { half: Some(write) })),
        }
    }
}

impl WriteHalf {
    fn half(&mut self) -> io::Result<&mut Half<net::TcpStream>> {
        self.half.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// As [`TcpStream::write`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.half()?.poll_write(cx, buf))
    }

    /// As [`TcpStream::write_vectored`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.half()?.poll_write_vectored(cx, bufs))
    }

    /// As [`TcpStream::write_all`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        write_all(buf, |cx, rest| self.half()?.poll_write(cx, rest))
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if let Some(half) = self.half.take().filter(|half| !half.is_last()) {
            // A connection that is gone already has no end to announce.
            let _ = half.get_ref().shutdown(Shutdown::Write);
        }
    }
}
