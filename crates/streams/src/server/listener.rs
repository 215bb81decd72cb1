//! A listening socket of a server, and the view of it that users get.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::sync::Mutex;
use heist_reactor::{Direction, IoSource};
use socket2::{SockRef, Socket};

#[cfg(unix)]
use super::unix::SocketFile;
use crate::address::name_of;
use crate::net::{Line, no_delay};
use crate::ready::OwnedSocket;
use crate::wire::{StreamSocket, streams_over_socket};
use crate::writer::Ending;
use crate::{StreamAddr, StreamReader, StreamWriter};

/// A socket that a server listens on, until the server closes it. Used by the task that accepts, which holds the lock only
/// while it accepts one connection.
pub(super) struct Listener {
    address: StreamAddr,
    /// `None` once it is closed.
    source: Mutex<Option<Source>>,
    line: Line,
}

/// The socket, by its family; with a Unix socket its file, which goes with it.
enum Source {
    Tcp(IoSource<net::TcpListener>),
    #[cfg(unix)]
    Unix {
        source: IoSource<UnixListener>,
        _file: Option<SocketFile>,
    },
}

impl Source {
    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(source) => SockRef::from(source.get_ref()),
            #[cfg(unix)]
            Self::Unix { source, .. } => SockRef::from(source.get_ref()),
        }
    }

    fn poll_accept<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut accept: impl FnMut(&Socket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match self {
            Self::Tcp(source) => {
                source.poll_io(cx, Direction::Read, |listener| accept(&SockRef::from(listener)))
            }
            #[cfg(unix)]
            Self::Unix { source, .. } => {
                source.poll_io(cx, Direction::Read, |listener| accept(&SockRef::from(listener)))
            }
        }
    }
}

/// A connection that was accepted.
pub(super) struct Accepted {
    socket: Socket,
    pub(super) peer: StreamAddr,
}

impl Accepted {
    /// Its streams.
    pub(super) fn into_streams(self, limit: usize, ending: Ending) -> (StreamReader, StreamWriter) {
        let Self { socket, peer } = self;
        let stream = StreamSocket::from(socket);
        if cfg!(not(target_os = "linux")) && matches!(peer, StreamAddr::Inet(_)) {
            no_delay(&stream);
        }
        streams_over_socket(IoSource::new(stream), peer, limit, Some(ending))
    }
}

impl Listener {
    /// Over a bound socket of TCP.
    pub(super) fn tcp(socket: Socket, address: SocketAddr) -> Self {
        let source = IoSource::new(net::TcpListener::from(socket));
        Self { address: address.into(), source: Mutex::new(Some(Source::Tcp(source))), line: Line::default() }
    }

    /// Over a bound Unix socket, whose file is removed with it.
    #[cfg(unix)]
    pub(super) fn unix(socket: Socket, address: StreamAddr, file: Option<SocketFile>) -> Self {
        let source = IoSource::new(UnixListener::from(socket));
        let source = Mutex::new(Some(Source::Unix { source, _file: file }));
        Self { address, source, line: Line::default() }
    }

    /// Begins to listen.
    pub(super) fn listen(&self, backlog: u32) -> io::Result<()> {
        self.with_socket(|socket| {
            socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
            if matches!(self.address, StreamAddr::Inet(_)) {
                // Inherited by the connections on Linux, so that they need no call of their own. Where it fails they
                // are slower, no more.
                let _ = socket.set_tcp_nodelay(true);
            }
            Ok(())
        })
    }

    /// Waits for a connection. `admit` is asked before each attempt; `None` when it refuses, and when the listener is closed.
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        admit: impl Fn() -> bool,
        refuse: impl Fn(),
    ) -> Poll<io::Result<Option<Accepted>>> {
        let mut source = self.source.lock();
        let Some(source) = source.as_mut() else { return Poll::Ready(Ok(None)) };
        source.poll_accept(cx, |socket| {
            if !admit() {
                return Ok(None);
            }
            let (socket, peer) = self.line.accept(socket).inspect_err(|_| refuse())?;
            Ok(Some(Accepted { socket, peer: name_of(&peer) }))
        })
    }

    /// Gives the socket back: from here on connects are refused.
    pub(super) fn close(&self) {
        let source = self.source.lock().take();
        // Outside the lock, since a file may have to be removed, and that may have to be reported.
        drop(source);
    }

    pub(super) fn address(&self) -> &StreamAddr {
        &self.address
    }

    fn with_socket<R>(&self, look: impl FnOnce(&Socket) -> io::Result<R>) -> io::Result<R> {
        match &*self.source.lock() {
            Some(source) => look(&source.socket()),
            None => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the server is closed, and its sockets with it",
            )),
        }
    }
}

/// A socket that a [`Server`](super::Server) listens on, to look at; asyncio's `TransportSocket`.
///
/// It cannot be read, accepted on or closed: that is the server's. Options are read from the system, and fail once the
/// server is closed; the name stays known.
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_streams::{StreamReader, StreamWriter, start_server};
/// # async fn echo(_: StreamReader, _: StreamWriter) {}
/// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
/// for socket in server.sockets() {
///     assert_eq!(socket.name().as_socket(), Some(socket.local_addr()?));
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Clone)]
pub struct ServerSocket {
    pub(super) listener: Arc<Listener>,
}

impl fmt::Debug for ServerSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSocket").field("name", &self.listener.address).finish_non_exhaustive()
    }
}

impl ServerSocket {
    /// The internet address that it listens on; asyncio's `getsockname`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let socket = &server.sockets()[0];
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) for a Unix socket: [`name`](Self::name) knows.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.address.to_socket()
    }

    /// The name that it listens on, of whatever kind; asyncio's `getsockname`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let socket = &server.sockets()[0];
    /// server.close();
    /// assert!(socket.name().as_socket().is_some(), "it stays known");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn name(&self) -> StreamAddr {
        self.listener.address.clone()
    }

    /// Whether others may bind to its address while old connections on it are timing out.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").reuse_address(true).start_serving(false).await?;
    /// let socket = &server.sockets()[0];
    /// assert!(socket.reuse_address()?);
    /// server.close();
    /// assert!(socket.reuse_address().is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) once the server is closed; the system's.
    pub fn reuse_address(&self) -> io::Result<bool> {
        self.listener.with_socket(Socket::reuse_address)
    }

    /// Whether others may listen on its port.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").reuse_port(true).start_serving(false).await?;
    /// assert!(server.sockets()[0].reuse_port()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`reuse_address`](Self::reuse_address).
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn reuse_port(&self) -> io::Result<bool> {
        self.listener.with_socket(Socket::reuse_port)
    }

    /// Whether idle connections are probed.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").keep_alive(true).start_serving(false).await?;
    /// assert!(server.sockets()[0].keep_alive()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`reuse_address`](Self::reuse_address).
    pub fn keep_alive(&self) -> io::Result<bool> {
        self.listener.with_socket(Socket::keepalive)
    }

    pub(super) fn set_keep_alive(&self) -> io::Result<()> {
        self.listener.with_socket(|socket| socket.set_keepalive(true))
    }

    /// Another descriptor of the same socket, for whatever else is to be asked; asyncio's `dup`. Keeps the socket open
    /// beyond the server's close.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let socket = &server.sockets()[0];
    /// let other = std::net::TcpListener::from(socket.try_clone()?);
    /// server.close();
    /// assert_eq!(other.local_addr()?, socket.local_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`reuse_address`](Self::reuse_address).
    pub fn try_clone(&self) -> io::Result<OwnedSocket> {
        Ok(self.listener.with_socket(Socket::try_clone)?.into())
    }
}
