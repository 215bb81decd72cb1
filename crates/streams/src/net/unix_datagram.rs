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
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::UnixDatagram;
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

datagram_socket!(
    UnixDatagram,
    net::UnixDatagram,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UnixDatagram;\n\
     \n\
     let (mut near, mut far) = UnixDatagram::pair()?;"
);
any_socket!(
    UnixDatagram,
    net::UnixDatagram,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UnixDatagram;\n\
     \n\
     let (socket, _far) = UnixDatagram::pair()?;"
);
buffer_options!(UnixDatagram, |this| this.source.get_ref());

impl UnixDatagram {
    /// A socket of that name; on Linux, a path that begins with a zero byte is an abstract one.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ud-bind-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let socket = UnixDatagram::bind(dir.join("socket"))?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*dir.join("socket")));
    /// assert!(UnixDatagram::bind(dir.join("socket")).is_err());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// let socket = UnixDatagram::unbound()?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one when no descriptor is left.
    pub fn unbound() -> io::Result<Self> {
        Ok(Self::of(unix_socket(Type::DGRAM)?))
    }

    /// Two sockets without a name, connected to each other.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// let (near, far) = UnixDatagram::pair()?;
    /// far.send(b"pong").await?;
    /// let mut buf = [0; 10];
    /// assert_eq!(near.recv(&mut buf).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ud-connect-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let far = UnixDatagram::bind(dir.join("socket"))?;
    /// let near = UnixDatagram::unbound()?;
    /// near.connect(dir.join("socket"))?;
    /// near.send(b"hello").await?;
    /// assert_eq!(far.recv(&mut [0; 10]).await?, 5);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ud-send-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let far = UnixDatagram::bind(dir.join("socket"))?;
    /// UnixDatagram::unbound()?.send_to(b"hello", dir.join("socket")).await?;
    /// let mut buf = [0; 10];
    /// let n = far.recv(&mut buf).await?;
    /// assert_eq!(&buf[..n], b"hello");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ud-try-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let far = UnixDatagram::bind(dir.join("socket"))?;
    /// assert_eq!(UnixDatagram::unbound()?.try_send_to(b"hello", dir.join("socket"))?, 5);
    /// assert_eq!(far.try_recv(&mut [0; 10])?, 5);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixDatagram;
    ///
    /// use std::net::Shutdown;
    /// let (near, far) = UnixDatagram::pair()?;
    /// near.shutdown(Shutdown::Write)?;
    /// assert!(near.try_send(b"hello").is_err());
    /// assert!(far.try_send(b"hello").is_ok());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
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
