//! [`UnixDatagram`].

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};

use heist_reactor::{Direction, IoSource};
use socket2::{SockAddr, SockRef, Socket, Type};

use super::datagram::datagram_socket;
use super::options::{buffer_options, socket_options};
use super::ready::{self, Interest, Ready, any_socket};
use super::unix_name::{unix_name, unix_socket, with_path};

/// A Unix socket for datagrams, which arrive whole and in order.
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::net::UnixDatagram;
///
/// let (near, far) = UnixDatagram::pair()?;
/// near.send(b"hello").await?;
/// let mut buf = [0; 100];
/// assert_eq!(far.recv(&mut buf).await?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    source: IoSource<net::UnixDatagram>,
}

datagram_socket!(UnixDatagram, net::UnixDatagram, SocketAddr);
any_socket!(UnixDatagram, net::UnixDatagram, SocketAddr);
buffer_options!(UnixDatagram, |this| this.source.get_ref());

impl UnixDatagram {
    /// A socket of that name; on Linux, a path that begins with a zero byte is an abstract one.
    ///
    /// # Errors
    ///
    /// The system's, with the path: a file of that name is there, no such directory, too long a name.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let socket = unix_socket(Type::DGRAM)?;
        socket.bind(&unix_name(path)?).map_err(|error| with_path(path, "bind", error))?;
        Ok(Self::of(socket))
    }

    /// A socket without a name, which cannot be answered.
    ///
    /// # Errors
    ///
    /// The system's, for one when no descriptor is left.
    pub fn unbound() -> io::Result<Self> {
        Ok(Self::of(unix_socket(Type::DGRAM)?))
    }

    /// Two sockets without a name, connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, for one when no descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (near, far) = net::UnixDatagram::pair()?;
        Ok((Self::from_std(near)?, Self::from_std(far)?))
    }

    fn of(socket: Socket) -> Self {
        Self { source: IoSource::new(socket.into()) }
    }

    /// Connects to the socket of that path: [`send`](Self::send) goes there, and nothing is received from elsewhere.
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let socket = SockRef::from(self.source.get_ref());
        socket.connect(&unix_name(path)?).map_err(|error| with_path(path, "connect to", error))
    }

    /// Sends a datagram to the socket of that path, waiting while its line is full.
    ///
    /// # Errors
    ///
    /// The system's: not there, nobody reading, too long a datagram.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was sent.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        let name = unix_name(path)?;
        let sent = self.source.io(Direction::Write, |socket| send_now(socket, buf, &name)).await;
        sent.map_err(|error| with_path(path, "send to", error))
    }

    /// As [`send_to`](Self::send_to), if there is room at once.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let name = unix_name(path.as_ref())?;
        self.source.try_io(Direction::Write, |socket| send_now(socket, buf, &name))
    }

    /// Ends receiving, sending or both.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get_ref().shutdown(how)
    }
}

fn send_now(socket: &net::UnixDatagram, buf: &[u8], name: &SockAddr) -> io::Result<usize> {
    SockRef::from(socket).send_to(buf, name)
}
