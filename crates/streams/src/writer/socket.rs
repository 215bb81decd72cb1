//! [`TransportSocket`]: the socket below a writer, to look at and to set options of.
//!
//! The writer's flusher may close the socket at any time, so no descriptor is lent: each call takes the writer's lock for
//! the length of its system call, and none runs anything of the caller's under it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use heist_core::sync::MutexGuard;
use socket2::{SockRef, Socket};

use super::StreamWriter;
use super::link::Link;
use super::state::State;
use crate::address::name_of;
use crate::net::{KeepAlive, buffer_options, socket_options, tcp_options};
use crate::{OwnedSocket, StreamAddr};

/// The socket that a [`StreamWriter`] writes to, to look at and to set options of; asyncio's `TransportSocket`, which
/// `get_extra_info('socket')` gives.
///
/// It cannot be read, written, closed or made blocking: that is the streams' business. It keeps nothing open: once the
/// writer has closed its connection, all but [`peer_name`](Self::peer_name) fail with
/// [`NotConnected`](io::ErrorKind::NotConnected).
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// let (_reader, writer) = heist::open_connection("127.0.0.1:8888").await?;
/// if let Some(socket) = writer.socket() {
///     socket.set_send_buffer_size(1 << 20)?;
///     println!("descriptor {}, no delay: {}", socket.fileno()?, socket.nodelay()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TransportSocket {
    shared: Link,
}

impl fmt::Debug for TransportSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptor = self.fileno().ok();
        f.debug_struct("TransportSocket")
            .field("peer", &format_args!("{}", self.shared.peer()))
            .field("descriptor", &descriptor)
            .finish()
    }
}

/// The socket while it cannot be closed.
struct Locked<'a>(MutexGuard<'a, State>);

/// The writer's socket, while it has one.
fn descriptor(state: &State) -> Option<BorrowedFd<'_>> {
    state.output.descriptor()
}

impl AsFd for Locked<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor(&self.0).expect("it was there when it was locked, and it is still locked")
    }
}

impl StreamWriter {
    /// The socket below, to look at and to set options of; asyncio's `get_extra_info('socket')`. `None` for pipes and
    /// terminals, and once the connection is closed. Of TLS it is the socket that carries the secret text.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// socket.set_nodelay(true)?;
    /// assert!(socket.nodelay()?);
    /// writer.close();
    /// assert!(writer.socket().is_none());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn socket(&self) -> Option<TransportSocket> {
        let socket = TransportSocket { shared: self.shared.clone() };
        // Only a socket has a kind.
        let kind = SockRef::from(&socket.locked().ok()?).r#type();
        kind.is_ok().then_some(socket)
    }
}

impl TransportSocket {
    fn locked(&self) -> io::Result<Locked<'_>> {
        let state = self.shared.state.lock();
        if descriptor(&state).is_none() {
            let message = "the connection is closed, and its socket with it";
            return Err(io::Error::new(io::ErrorKind::NotConnected, message));
        }
        Ok(Locked(state))
    }

    /// The number of its descriptor, to tell it from others; asyncio's `fileno`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// assert!(socket.fileno()? > 2);
    /// writer.close();
    /// assert!(socket.fileno().is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) once the connection is closed.
    pub fn fileno(&self) -> io::Result<RawFd> {
        Ok(self.locked()?.as_fd().as_raw_fd())
    }

    /// The name of this end, of whatever kind; asyncio's `getsockname`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// assert_eq!(socket.sock_name()?.as_socket(), Some(far.peer_addr()?));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) once the connection is closed; the system's.
    pub fn sock_name(&self) -> io::Result<StreamAddr> {
        Ok(name_of(&SockRef::from(&self.locked()?).local_addr()?))
    }

    /// The internet address of this end; asyncio's `getsockname`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// assert_eq!(socket.local_addr()?, far.peer_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sock_name`](Self::sock_name); [`Unsupported`](io::ErrorKind::Unsupported) for a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sock_name()?.to_socket()
    }

    /// Who is at the other end; asyncio's `getpeername`. Stays known after the connection has ended.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// assert_eq!(socket.peer_name().as_socket(), Some(far.local_addr()?));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn peer_name(&self) -> StreamAddr {
        self.shared.peer()
    }

    /// The internet address of the other end; asyncio's `getpeername`. Stays known after the connection has ended.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// writer.close();
    /// assert_eq!(socket.peer_addr()?, far.local_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`StreamWriter::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.peer().to_socket()
    }

    /// Takes the error that the system has noted for the connection, if there is one; asyncio's
    /// `getsockopt(SOL_SOCKET, SO_ERROR)`. The streams do not hear of it any more.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// assert!(socket.take_error()?.is_none());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) once the connection is closed; the system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(&self.locked()?).take_error()
    }

    /// Another descriptor of the same socket, for whatever else is to be asked; asyncio's `dup`. The connection stays open
    /// until this one is closed, too.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// let socket = writer.socket().expect("it runs over TCP");
    /// let other: std::net::TcpStream = socket.try_clone()?.into();
    /// assert_eq!(other.peer_addr()?, far.local_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) once the connection is closed; the system's.
    pub fn try_clone(&self) -> io::Result<OwnedSocket> {
        let socket: Socket = SockRef::from(&self.locked()?).try_clone()?;
        Ok(socket.into())
    }
}

tcp_options!(TransportSocket, |this| &this.locked()?);
