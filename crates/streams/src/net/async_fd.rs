//! [`AsyncFd`]: waiting for anything that has a descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use heist_reactor::{Direction, Duplicated, IoSafe, IoSource};

use super::ready::{self, Interest, Ready};

/// Something that has a descriptor in non-blocking mode, and operations that would block: a pipe, a device, another
/// library's socket. asyncio's nearest are `add_reader` and `add_writer`.
///
/// `T` keeps one descriptor for life, as its implementation of [`IoSafe`] says: `OwnedFd`, `File`, and the sockets of the
/// standard library do. Of any other type with a descriptor, one of your own or of another library,
/// [`duplicating`](Self::duplicating) makes one without `unsafe`. Regular files are always ready and are refused by the
/// system; read them through `fs`.
///
/// There are no guards that must be told what an operation found, as other runtimes have: [`async_io`](Self::async_io) and
/// [`try_io`](Self::try_io) see it themselves.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use std::fs::File;
/// use std::io::Read;
/// use heist::net::{AsyncFd, Direction};
///
/// let terminal = AsyncFd::new(File::open("/dev/tty")?)?;
/// let mut buf = [0; 100];
/// let n = terminal.async_io(Direction::Read, |mut file| file.read(&mut buf)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncFd<T: IoSafe> {
    source: IoSource<T>,
}

impl<T: IoSafe> AsyncFd<T> {
    /// Takes `inner` and makes its descriptor non-blocking. Two system calls.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::Read;
    /// use heist::net::AsyncFd;
    ///
    /// let (_near, far) = std::os::unix::net::UnixStream::pair()?;
    /// let far = AsyncFd::new(far)?;
    /// let read = far.get_ref().read(&mut [0; 10]);
    /// assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, if it refuses.
    pub fn new(inner: T) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(inner.as_fd())?;
        rustix::fs::fcntl_setfl(inner.as_fd(), flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { source: IoSource::new(inner) })
    }

    /// What it is about. Of a [`Duplicated`] the value can be used as it is: it dereferences to it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::AsyncFd;
    ///
    /// let (near, _far) = std::os::unix::net::UnixStream::pair()?;
    /// assert!(AsyncFd::new(near)?.get_ref().local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn get_ref(&self) -> &T {
        self.source.get_ref()
    }

    /// Gives it back, still non-blocking. It is watched no more.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::os::fd::AsRawFd;
    /// use heist::net::AsyncFd;
    ///
    /// let (near, _far) = std::os::unix::net::UnixStream::pair()?;
    /// let number = near.as_raw_fd();
    /// assert_eq!(AsyncFd::new(near)?.into_inner().as_raw_fd(), number);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until there is something to read, or the end. Several tasks may.
    ///
    /// It is ready until an operation has found that it would block: make each one through [`try_io`](Self::try_io) or
    /// [`async_io`](Self::async_io), which take note.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use std::io::Write;
    /// use heist::net::AsyncFd;
    ///
    /// let (mut near, far) = std::os::unix::net::UnixStream::pair()?;
    /// let far = AsyncFd::new(far)?;
    /// near.write_all(b"hello")?;
    /// far.readable().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When no event loop runs here, or its loop is closed; where the system cannot watch it.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.readable().await
    }

    /// Waits until there is room to write; otherwise as [`readable`](Self::readable).
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::AsyncFd;
    ///
    /// let (near, _far) = std::os::unix::net::UnixStream::pair()?;
    /// AsyncFd::new(near)?.writable().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    pub async fn writable(&self) -> io::Result<()> {
        self.source.writable().await
    }

    /// Waits until one of what is wanted is there, and says what is.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{AsyncFd, Interest};
    ///
    /// let (near, _far) = std::os::unix::net::UnixStream::pair()?;
    /// let ready = AsyncFd::new(near)?.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert!(ready.is_writable());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        ready::ready(&self.source, interest).await
    }

    /// Tries `op` at once. An answer of [`WouldBlock`](io::ErrorKind::WouldBlock) is remembered: the next wait in that
    /// direction waits for the next event.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::{Read, Write};
    /// use heist::net::{AsyncFd, Direction};
    ///
    /// let (mut near, far) = std::os::unix::net::UnixStream::pair()?;
    /// let far = AsyncFd::new(far)?;
    /// assert!(far.try_io(Direction::Read, |mut far| far.read(&mut [0; 10])).is_err());
    /// near.write_all(b"hello")?;
    /// assert_eq!(far.try_io(Direction::Read, |mut far| far.read(&mut [0; 10]))?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of `op`; `WouldBlock` without calling it where it is known that it would.
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.source.try_io(direction, op)
    }

    /// Tries `op` until it would block no more, waiting in between. Several tasks may.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::{Read, Write};
    /// use heist::net::{AsyncFd, Direction};
    ///
    /// let (mut near, far) = std::os::unix::net::UnixStream::pair()?;
    /// let far = AsyncFd::new(far)?;
    /// near.write_all(b"hello")?;
    /// let n = far.async_io(Direction::Read, |mut far| far.read(&mut [0; 10])).await?;
    /// assert_eq!(n, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of `op`; as [`readable`](Self::readable).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, `op` has done nothing.
    pub async fn async_io<R>(
        &self,
        direction: Direction,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.io(direction, op).await
    }

    /// [`readable`](Self::readable) or [`writable`](Self::writable) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{AsyncFd, Direction};
    ///
    /// let (near, _far) = std::os::unix::net::UnixStream::pair()?;
    /// let mut near = AsyncFd::new(near)?;
    /// std::future::poll_fn(|cx| near.poll_ready(cx, Direction::Write)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, direction)
    }

    /// [`async_io`](Self::async_io) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::{Read, Write};
    /// use heist::net::{AsyncFd, Direction};
    ///
    /// let (mut near, far) = std::os::unix::net::UnixStream::pair()?;
    /// let mut far = AsyncFd::new(far)?;
    /// near.write_all(b"hello")?;
    /// let n = std::future::poll_fn(|cx| far.poll_io(cx, Direction::Read, |mut far| far.read(&mut [0; 10]))).await?;
    /// assert_eq!(n, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.source.poll_io(cx, direction, op)
    }
}

impl<T: AsFd> AsyncFd<Duplicated<T>> {
    /// As [`new`](Self::new), of any type that lends a descriptor: a duplicate of it is watched and kept until the drop.
    /// Three system calls.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # async fn example() -> std::io::Result<()> {
    /// use std::os::fd::{AsFd, BorrowedFd};
    /// use heist::net::{AsyncFd, Direction};
    ///
    /// /// A type of another library: it has a descriptor, and an operation that would block.
    /// struct Device(std::os::unix::net::UnixDatagram);
    ///
    /// impl AsFd for Device {
    ///     fn as_fd(&self) -> BorrowedFd<'_> {
    ///         self.0.as_fd()
    ///     }
    /// }
    ///
    /// impl Device {
    ///     fn read_event(&self) -> std::io::Result<u8> {
    ///         let mut event = [0];
    ///         self.0.recv(&mut event)?;
    ///         Ok(event[0])
    ///     }
    /// }
    ///
    /// # let (socket, _other_end) = std::os::unix::net::UnixDatagram::pair()?;
    /// let device = AsyncFd::duplicating(Device(socket))?;
    /// let event = device.async_io(Direction::Read, |device| device.read_event()).await?;
    /// # let _ = event;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free, or it refuses.
    pub fn duplicating(inner: T) -> io::Result<Self> {
        Self::new(Duplicated::new(inner)?)
    }
}

impl<T: IoSafe> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get_ref().as_fd()
    }
}

impl<T: IoSafe> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
