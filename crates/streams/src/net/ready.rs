//! Waiting for readiness itself: [`Interest`], [`Ready`], and what every socket has of it.

use std::future::poll_fn;
use std::io;
use std::ops::BitOr;
use std::pin::pin;
use std::task::Poll;

use heist_reactor::{IoSafe, IoSource};

/// What somebody waits for: [`Interest::READABLE`], [`Interest::WRITABLE`], or both, joined by `|`.
///
/// ```
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::{Interest, UnixStream};
///
/// let (near, _far) = UnixStream::pair()?;
/// let ready = near.ready(Interest::READABLE | Interest::WRITABLE).await?;
/// assert!(ready.is_writable() && !ready.is_readable());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest {
    readable: bool,
    writable: bool,
}

impl Interest {
    /// Until there is something to read or to accept, or the peer has closed.
    pub const READABLE: Self = Self { readable: true, writable: false };
    /// Until there is room to write, or a connection attempt has ended.
    pub const WRITABLE: Self = Self { readable: false, writable: true };
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { readable: self.readable || other.readable, writable: self.writable || other.writable }
    }
}

/// What a socket is ready for, as far as is known: trying tells.
///
/// ```
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::{Interest, UnixStream};
///
/// let (near, _far) = UnixStream::pair()?;
/// assert!(near.ready(Interest::WRITABLE).await?.is_writable());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ready {
    readable: bool,
    writable: bool,
}

impl Ready {
    /// Whether there may be something to read.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{Interest, UnixStream};
    ///
    /// let (near, mut far) = UnixStream::pair()?;
    /// far.write_all(b"hello").await?;
    /// assert!(near.ready(Interest::READABLE).await?.is_readable());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether there may be room to write.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{Interest, UnixStream};
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// assert!(near.ready(Interest::READABLE | Interest::WRITABLE).await?.is_writable());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_writable(self) -> bool {
        self.writable
    }
}

/// Waits until one of what is wanted is there, and says which.
pub(super) async fn ready<T: IoSafe>(source: &IoSource<T>, interest: Interest) -> io::Result<Ready> {
    let (mut read, mut write) = (pin!(source.readable()), pin!(source.writable()));
    poll_fn(|cx| {
        let mut found = Ready::default();
        if interest.readable {
            if let Poll::Ready(result) = read.as_mut().poll(cx) {
                result?;
                found.readable = true;
            }
        }
        if interest.writable {
            if let Poll::Ready(result) = write.as_mut().poll(cx) {
                result?;
                found.writable = true;
            }
        }
        if found == Ready::default() { Poll::Pending } else { Poll::Ready(Ok(found)) }
    })
    .await
}

/// Gives a socket with a field `source` what every socket has: readiness, its own address, its descriptor, and the way
/// to and from the standard library's type. `$sample` are the lines of an example that make a `socket`.
macro_rules! any_socket {
    ($socket:ident, $std:ty, $address:ty, $sample:literal) => {
        impl $socket {
            /// Waits until there is something to read or to accept, or the end. Several tasks may.
            ///
            /// ```
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $sample]
            /// socket.readable().await?;
            /// // Something is there, or the end, or else this would still wait.
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// When no event loop runs here, or that of the socket is closed.
            pub async fn readable(&self) -> io::Result<()> {
                self.source.readable().await
            }

            /// Waits until there is room to write. Several tasks may.
            ///
            /// ```
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $sample]
            /// socket.writable().await?;
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// When no event loop runs here, or that of the socket is closed.
            pub async fn writable(&self) -> io::Result<()> {
                self.source.writable().await
            }

            /// Waits until one of what is wanted is there, and says what is.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $sample]
            /// use heist::net::Interest;
            /// let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
            /// assert!(ready.is_readable() || ready.is_writable());
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// When no event loop runs here, or that of the socket is closed.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                ready::ready(&self.source, interest).await
            }

            /// Tries an operation of one's own at once. An answer of [`WouldBlock`](io::ErrorKind::WouldBlock) is
            /// remembered: the next wait in that direction waits for the next event.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $sample]
            /// use heist::net::Direction;
            /// let address = socket.try_io(Direction::Read, |socket| socket.local_addr())?;
            /// assert_eq!(format!("{address:?}"), format!("{:?}", socket.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// That of `op`; `WouldBlock` without calling it where it is known that it would.
            pub fn try_io<R>(
                &self,
                direction: Direction,
                op: impl FnOnce(&$std) -> io::Result<R>,
            ) -> io::Result<R> {
                self.source.try_io(direction, op)
            }

            /// Tries an operation of one's own until it would block no more, waiting in between. Several tasks may.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $sample]
            /// use heist::net::Direction;
            /// let address = socket.async_io(Direction::Read, |socket| socket.local_addr()).await?;
            /// assert_eq!(format!("{address:?}"), format!("{:?}", socket.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// That of `op`; when no event loop runs here, or that of the socket is closed.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it is ready, `op` has done nothing.
            pub async fn async_io<R>(
                &self,
                direction: Direction,
                op: impl FnMut(&$std) -> io::Result<R>,
            ) -> io::Result<R> {
                self.source.io(direction, op).await
            }

            /// This end's address.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $sample]
            /// let address = socket.local_addr()?;
            /// assert_eq!(format!("{address:?}"), format!("{:?}", socket.into_std().local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn local_addr(&self) -> io::Result<$address> {
                self.source.get_ref().local_addr()
            }

            /// The error that waits at the socket, which taking it clears.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $sample]
            /// assert!(socket.take_error()?.is_none());
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, if it refuses to tell.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.source.get_ref().take_error()
            }
        }

        impl TryFrom<$std> for $socket {
            type Error = io::Error;

            fn try_from(socket: $std) -> io::Result<Self> {
                Self::from_std(socket)
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.source.get_ref().as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.source.get_ref().as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl From<$socket> for std::os::fd::OwnedFd {
            fn from(socket: $socket) -> Self {
                socket.into_std().into()
            }
        }
    };
}

pub(super) use any_socket;
