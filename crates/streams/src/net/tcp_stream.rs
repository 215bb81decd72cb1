//! [`TcpStream`] and its halves.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
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
use super::whole::{Read, Write, WriteAll};
use crate::compat::poll_socket;
use crate::connect::connect_to;
use crate::wire::streams_over_socket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter, ToAddress};

/// A TCP connection.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::TcpStream;
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
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::TcpStream;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let far = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut near, mut far) = (TcpStream::from_std(listener.accept()?.0)?, TcpStream::from_std(far)?);
/// // Two ends of a connection: `near` and `far`.
/// far.write_all(b"hello").await?;
/// # rustix::event::poll(&mut [rustix::event::PollFd::new(&near, rustix::event::PollFlags::IN)], None)?;
/// let (mut read, _write) = near.into_split();
/// assert_eq!(read.read(&mut [0; 10]).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct ReadHalf {
    half: Half<net::TcpStream>,
}

/// The half of a [`TcpStream`] that writes. Dropping it ends the stream for the peer.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::TcpStream;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let far = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut near, mut far) = (TcpStream::from_std(listener.accept()?.0)?, TcpStream::from_std(far)?);
/// // Two ends of a connection: `near` and `far`.
/// let (_read, write) = near.into_split();
/// drop(write);
/// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
/// assert_eq!(far.read(&mut [0; 10]).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct WriteHalf {
    /// `None` only once `reunite` has taken it.
    half: Option<Half<net::TcpStream>>,
}

poll_socket!(TcpStream, ReadHalf, WriteHalf);
byte_stream!(
    TcpStream,
    ReadHalf,
    WriteHalf,
    net::TcpStream,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::TcpStream;\n\
     \n\
     # let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;\n\
     # let near = std::net::TcpStream::connect(listener.local_addr()?)?;\n\
     # let (mut near, mut far) = (TcpStream::from_std(near)?, TcpStream::from_std(listener.accept()?.0)?);\n\
     // Two ends of a connection: `near` and `far`."
);
any_socket!(
    TcpStream,
    net::TcpStream,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::TcpStream;\n\
     \n\
     # let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;\n\
     let socket = std::net::TcpStream::connect(listener.local_addr()?)?;\n\
     let socket = TcpStream::from_std(socket)?;"
);
tcp_options!(TcpStream, |this| this.source.get_ref());
ttl_options!(TcpStream);

impl TcpStream {
    /// Connects to the first of the addresses that answers; each next one is tried 250 ms after the one before, or once that
    /// has failed.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let far = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut near, mut far) = (TcpStream::from_std(listener.accept()?.0)?, TcpStream::from_std(far)?);
    /// // Two ends of a connection: `near` and `far`.
    /// near.write_all(b"hello").await?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// assert_eq!(far.peek(&mut [0; 10]).await?, 5);
    /// // It is still there.
    /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let far = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut near, mut far) = (TcpStream::from_std(listener.accept()?.0)?, TcpStream::from_std(far)?);
    /// // Two ends of a connection: `near` and `far`.
    /// near.write_all(b"hello").await?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// let mut buf = [0; 10];
    /// assert_eq!(std::future::poll_fn(|cx| far.poll_peek(cx, &mut buf)).await?, 5);
    /// assert!(buf.starts_with(b"hello"));
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Read, |socket| socket.peek(buf))
    }

    /// Makes a pair of asyncio's streams of the connection, with the default limit.
    ///
    /// Nagle's algorithm is turned off, as for all streams.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::TcpStream;
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let far = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut near, mut far) = (TcpStream::from_std(listener.accept()?.0)?, TcpStream::from_std(far)?);
    /// // Two ends of a connection: `near` and `far`.
    /// let (mut reader, _writer) = near.into_streams();
    /// far.write_all(b"hello\n").await?;
    /// assert_eq!(reader.readline().await.unwrap(), b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_streams(self) -> (StreamReader, StreamWriter) {
        let peer = self.peer_addr().ok();
        no_delay(self.source.get_ref());
        streams_over_socket(self.source, peer.into(), DEFAULT_LIMIT, None)
    }
}
