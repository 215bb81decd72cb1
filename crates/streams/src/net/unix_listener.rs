//! [`UnixListener`].

use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use heist_reactor::{Direction, IoSource};
use socket2::SockRef;

use super::Line;
use super::UnixStream;
use super::ready::{self, Interest, Ready, any_socket};
use super::tcp_listener::BACKLOG;
use super::unix_name::unix_listen;

/// A socket that accepts connections through a Unix socket.
///
/// The file of its name stays when it is dropped; `start_unix_server` cleans up behind itself.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::UnixListener;
///
/// let listener = UnixListener::bind("/run/example/socket")?;
/// let (mut stream, _) = listener.accept().await?;
/// stream.write_all(b"hello\n").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UnixListener {
    source: IoSource<net::UnixListener>,
    line: Line,
}

any_socket!(
    UnixListener,
    net::UnixListener,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UnixListener;\n\
     \n\
     # let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();\n\
     # let path = std::env::temp_dir().join(format!(\"heist-doc-{}-{now}\", std::process::id()));\n\
     let socket = UnixListener::bind(&path)?;\n\
     # std::fs::remove_file(&path)?;"
);

impl UnixListener {
    /// Binds to that path, and listens; on Linux, a path that begins with a zero byte is an abstract name. Up to 1024
    /// connections wait to be accepted.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixListener;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-bind-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let listener = UnixListener::bind(dir.join("socket"))?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*dir.join("socket")));
    /// let twice = UnixListener::bind(dir.join("socket")).unwrap_err();
    /// assert_eq!(twice.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path: a file of that name is there, no such directory, too long a name.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_with_backlog(path, BACKLOG)
    }

    /// As [`bind`](Self::bind), with another limit of connections that wait.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{UnixListener, UnixStream};
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-backlog-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let listener = UnixListener::bind_with_backlog(dir.join("socket"), 1)?;
    /// // It waits in the line.
    /// let _stream = UnixStream::connect(dir.join("socket")).await?;
    /// assert!(listener.accept().await.is_ok());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_with_backlog(path: impl AsRef<Path>, backlog: u32) -> io::Result<Self> {
        let listener = unix_listen(path.as_ref(), backlog)?;
        Ok(Self { source: IoSource::new(listener.into()), line: Line::default() })
    }

    /// Takes over a listener of the standard library and makes it non-blocking.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixListener;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-from-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let listener = std::os::unix::net::UnixListener::bind(dir.join("socket"))?;
    /// let listener = UnixListener::from_std(listener)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*dir.join("socket")));
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, if it refuses.
    pub fn from_std(listener: net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { source: IoSource::new(listener), line: Line::default() })
    }

    /// Gives the listener back to the standard library, still non-blocking.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UnixListener;
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-into-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let listener = UnixListener::bind(dir.join("socket"))?.into_std();
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn into_std(self) -> net::UnixListener {
        self.source.into_inner()
    }

    /// Waits for a connection. Several tasks may; each connection goes to one of them.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{UnixListener, UnixStream};
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-accept-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let listener = UnixListener::bind(dir.join("socket"))?;
    /// let mut near = UnixStream::connect(dir.join("socket")).await?;
    /// let (mut far, peer) = listener.accept().await?;
    /// assert!(peer.is_unnamed());
    /// far.write_all(b"hello").await?;
    /// assert_eq!(near.read(&mut [0; 10]).await?, 5);
    /// # std::fs::remove_dir_all(&dir)?;
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
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let stream = self.source.io(Direction::Read, |listener| accept_now(listener, &self.line)).await?;
        with_peer(stream)
    }

    /// [`accept`](Self::accept) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{UnixListener, UnixStream};
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-poll-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let mut listener = UnixListener::bind(dir.join("socket"))?;
    /// let _near = UnixStream::connect(dir.join("socket")).await?;
    /// let (_far, peer) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// assert!(peer.is_unnamed());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = ready!(self.poll_accept_now(cx));
        Poll::Ready(accepted.and_then(with_peer))
    }

    /// The connections that come, as a stream that never ends.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::{future::poll_fn, pin::pin};
    /// use futures_core::Stream;
    /// use heist::net::{UnixListener, UnixStream};
    ///
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-incoming-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// let mut listener = UnixListener::bind(dir.join("socket"))?;
    /// let mut near = UnixStream::connect(dir.join("socket")).await?;
    /// let mut incoming = pin!(listener.incoming());
    /// let mut far = poll_fn(|cx| incoming.as_mut().poll_next(cx)).await.unwrap()?;
    /// far.write_all(b"hello").await?;
    /// assert_eq!(near.read(&mut [0; 10]).await?, 5);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn incoming(&mut self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    fn poll_accept_now(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<net::UnixStream>> {
        let Self { source, line } = self;
        source.poll_io(cx, Direction::Read, |listener| accept_now(listener, line))
    }
}

fn accept_now(listener: &net::UnixListener, line: &Line) -> io::Result<net::UnixStream> {
    let (socket, _) = line.accept(&SockRef::from(listener))?;
    Ok(socket.into())
}

fn with_peer(stream: net::UnixStream) -> io::Result<(UnixStream, SocketAddr)> {
    let peer = stream.peer_addr()?;
    Ok((UnixStream::from_nonblocking(stream), peer))
}

/// The connections that come to a listener; see [`UnixListener::incoming`].
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use std::{future::poll_fn, pin::pin};
/// use futures_core::Stream;
/// use heist::net::{UnixListener, UnixStream};
///
/// # let dir = std::env::temp_dir().join(format!("heist-doc-ul-incoming2-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// let mut listener = UnixListener::bind(dir.join("socket"))?;
/// let mut near = UnixStream::connect(dir.join("socket")).await?;
/// let mut incoming = pin!(listener.incoming());
/// let mut far = poll_fn(|cx| incoming.as_mut().poll_next(cx)).await.unwrap()?;
/// far.write_all(b"hello").await?;
/// assert_eq!(near.read(&mut [0; 10]).await?, 5);
/// # std::fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct UnixIncoming<'a> {
    listener: &'a mut UnixListener,
}

impl Stream for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept_now(cx));
        Poll::Ready(Some(accepted.map(UnixStream::from_nonblocking)))
    }
}
