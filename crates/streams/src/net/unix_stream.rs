//! [`UnixStream`] and its halves.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
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
use super::whole::{Read, Write, WriteAll};
use crate::compat::poll_socket;

/// A connection through a Unix socket.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::UnixStream;
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
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::UnixStream;
///
/// let (near, mut far) = UnixStream::pair()?;
/// let (mut read, _write) = near.into_split();
/// far.write_all(b"hello").await?;
/// assert_eq!(read.read(&mut [0; 10]).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct UnixReadHalf {
    half: Half<net::UnixStream>,
}

/// The half of a [`UnixStream`] that writes. Dropping it ends the stream for the peer.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::UnixStream;
///
/// let (near, mut far) = UnixStream::pair()?;
/// let (_read, mut write) = near.into_split();
/// write.write_all(b"hello").await?;
/// drop(write);
/// assert_eq!(far.read(&mut [0; 10]).await?, 5);
/// assert_eq!(far.read(&mut [0; 10]).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct UnixWriteHalf {
    /// `None` only once `reunite` has taken it.
    half: Option<Half<net::UnixStream>>,
}

poll_socket!(UnixStream, UnixReadHalf, UnixWriteHalf);
byte_stream!(
    UnixStream,
    UnixReadHalf,
    UnixWriteHalf,
    net::UnixStream,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UnixStream;\n\
     \n\
     let (mut near, mut far) = UnixStream::pair()?;"
);
any_socket!(
    UnixStream,
    net::UnixStream,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UnixStream;\n\
     \n\
     let (socket, _far) = UnixStream::pair()?;"
);
buffer_options!(UnixStream, |this| this.source.get_ref());

impl UnixStream {
    /// Connects to the socket of that path; on Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// Waits while the line of connections at the listener is full.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{UnixListener, UnixStream};
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-us-connect-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let _listener = UnixListener::bind(dir.join("socket"))?;
    /// let stream = UnixStream::connect(dir.join("socket")).await?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*dir.join("socket")));
    /// assert!(UnixStream::connect(dir.join("missing")).await.is_err());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixStream;
    ///
    /// let (mut near, mut far) = UnixStream::pair()?;
    /// near.write_all(b"ping").await?;
    /// assert_eq!(far.read(&mut [0; 10]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixStream;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// assert_eq!(near.peer_cred()?.pid(), std::process::id() as i32);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::UnixStream;
///
/// let (near, far) = UnixStream::pair()?;
/// // This process is at both ends.
/// assert_eq!(near.peer_cred()?, far.peer_cred()?);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
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
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixStream;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// assert_eq!(near.peer_cred()?.pid(), std::process::id() as i32);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The number of its user.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::os::unix::fs::MetadataExt;
    /// use heist::net::UnixStream;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// let me = std::fs::metadata("/proc/self")?;
    /// assert_eq!(near.peer_cred()?.uid(), me.uid());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of its group.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::os::unix::fs::MetadataExt;
    /// use heist::net::UnixStream;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// let me = std::fs::metadata("/proc/self")?;
    /// assert_eq!(near.peer_cred()?.gid(), me.gid());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn gid(&self) -> u32 {
        self.gid
    }
}
