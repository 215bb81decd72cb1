//! [`UnixStream`] and its halves.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};

use heist_reactor::{Direction, Half, IoSource};
use socket2::SockRef;

use super::byte_stream::{self, byte_stream};
use super::options::{buffer_options, socket_options};
use super::ready::{self, Interest, Ready, any_socket};
use super::unix_name::unix_connect;

/// A connection through a Unix socket.
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::net::UnixStream;
///
/// let (mut near, mut far) = UnixStream::pair()?;
/// near.write_all(b"hello").await?;
/// let mut buf = [0; 5];
/// far.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UnixStream {
    source: IoSource<net::UnixStream>,
}

/// The half of a [`UnixStream`] that reads.
#[derive(Debug)]
pub struct UnixReadHalf {
    half: Half<net::UnixStream>,
}

/// The half of a [`UnixStream`] that writes. Dropping it ends the stream for the peer.
#[derive(Debug)]
pub struct UnixWriteHalf {
    /// `None` only once `reunite` has taken it.
    half: Option<Half<net::UnixStream>>,
}

byte_stream!(UnixStream, UnixReadHalf, UnixWriteHalf, net::UnixStream, SocketAddr);
any_socket!(UnixStream, net::UnixStream, SocketAddr);
buffer_options!(UnixStream, |this| this.source.get_ref());

impl UnixStream {
    /// Connects to the socket of that path; on Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// Waits while the line of connections at the listener is full.
    ///
    /// # Errors
    ///
    /// The system's, with the path: not there, nobody listening, no permission.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::from_nonblocking(unix_connect(path.as_ref()).await?.into()))
    }

    /// Two sockets without a name, connected to each other.
    ///
    /// # Errors
    ///
    /// The system's, for one when no descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (near, far) = net::UnixStream::pair()?;
        Ok((Self::from_std(near)?, Self::from_std(far)?))
    }

    /// Who is at the other end, as it was when the connection was made.
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(target_os = "linux")]
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        let found = rustix::net::sockopt::socket_peercred(self.source.get_ref())?;
        Ok(Credentials {
            pid: found.pid.as_raw_nonzero().get(),
            uid: found.uid.as_raw(),
            gid: found.gid.as_raw(),
        })
    }
}

/// The process at the other end of a Unix socket.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    pid: i32,
    uid: u32,
    gid: u32,
}

#[cfg(target_os = "linux")]
impl Credentials {
    /// The number of the process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The number of its user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of its group.
    pub fn gid(&self) -> u32 {
        self.gid
    }
}
