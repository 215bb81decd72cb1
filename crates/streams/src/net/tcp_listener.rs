//! [`TcpListener`].

use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use heist_reactor::{Direction, IoSource};
use socket2::SockRef;

use super::options::ttl_options;
use super::ready::{self, Interest, Ready, any_socket};
use super::{Line, TcpStream, bind, listen};
use crate::ToAddress;
use crate::address::Purpose;
use crate::error::explained;

/// How many connections may wait to be accepted, when nothing else is said.
pub(super) const BACKLOG: u32 = 1024;

/// A socket that accepts TCP connections.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// println!("connect to {}", listener.local_addr()?);
/// let (mut stream, peer) = listener.accept().await?;
/// stream.write_all(format!("hello {peer}\n").as_bytes()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpListener {
    source: IoSource<net::TcpListener>,
    line: Line,
}

any_socket!(
    TcpListener,
    net::TcpListener,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::TcpListener;\n\
     \n\
     let socket = TcpListener::bind(\"127.0.0.1:0\").await?;"
);
ttl_options!(TcpListener);

impl TcpListener {
    /// Binds to the first of the addresses that can be bound, and listens. The address may be used again at once after
    /// the listener has gone. Up to 1024 connections wait to be accepted: [`TcpSocket`](super::TcpSocket) has a say in that.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// let error = TcpListener::bind(listener.local_addr()?).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of the last address, with its name: in use, not of this machine, no permission.
    pub async fn bind(address: impl ToAddress) -> io::Result<Self> {
        let mut last = None;
        for address in address.to_target()?.resolve(Purpose::Listen).await? {
            match bind(address, cfg!(unix), false, false).and_then(|socket| listen(socket, BACKLOG)) {
                Ok(listener) => return Ok(Self::from_nonblocking(listener)),
                Err(error) => {
                    let message = format!("cannot listen on {address}: {error}");
                    last = Some(explained(error, message));
                }
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no address was given")))
    }

    /// Takes over a listener of the standard library and makes it non-blocking.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpListener;
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// assert_eq!(TcpListener::from_std(listener)?.local_addr()?, address);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, if it refuses.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(listener))
    }

    pub(super) fn from_nonblocking(listener: net::TcpListener) -> Self {
        Self { source: IoSource::new(listener), line: Line::default() }
    }

    /// Gives the listener back to the standard library, still non-blocking.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?.into_std();
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn into_std(self) -> net::TcpListener {
        self.source.into_inner()
    }

    /// Waits for a connection. Several tasks may; each connection goes to one of them.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)], None)?;
    /// let (_stream, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: out of descriptors, for one. The listener goes on listening; do not ask again without a pause then.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) =
            self.source.io(Direction::Read, |listener| accept_now(listener, &self.line)).await?;
        Ok((TcpStream::from_nonblocking(stream), peer))
    }

    /// [`accept`](Self::accept) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpListener;
    ///
    /// let mut listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)], None)?;
    /// let (_stream, peer) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let Self { source, line } = self;
        let accepted = ready!(source.poll_io(cx, Direction::Read, |listener| accept_now(listener, line)));
        Poll::Ready(accepted.map(|(stream, peer)| (TcpStream::from_nonblocking(stream), peer)))
    }

    /// The connections that come, as a stream that never ends.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    /// use futures_core::Stream;
    /// use heist::net::TcpListener;
    ///
    /// let mut listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut incoming = pin!(listener.incoming());
    /// while let Some(stream) = poll_fn(|cx| incoming.as_mut().poll_next(cx)).await {
    ///     println!("{}", stream?.peer_addr()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn incoming(&mut self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

/// The connections that come to a listener; see [`TcpListener::incoming`].
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use std::{future::poll_fn, pin::pin};
/// use futures_core::Stream;
/// use heist::net::TcpListener;
///
/// let mut listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # rustix::event::poll(&mut [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)], None)?;
/// let mut incoming = pin!(listener.incoming());
/// let stream = poll_fn(|cx| incoming.as_mut().poll_next(cx)).await.unwrap()?;
/// assert_eq!(stream.peer_addr()?, client.local_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a mut TcpListener,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}

/// Accepts a connection, if there is one, as a non-blocking socket.
fn accept_now(listener: &net::TcpListener, line: &Line) -> io::Result<(net::TcpStream, SocketAddr)> {
    let (socket, peer) = line.accept(&SockRef::from(listener))?;
    let peer = peer.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((net::TcpStream::from(socket), peer))
}
