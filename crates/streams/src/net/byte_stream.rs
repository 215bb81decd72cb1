//! What TCP and Unix connections have in common: [`byte_stream!`] gives a connection and its halves their methods.
//!
//! The two differ in their addresses and options only, and each has its own file for these.

use std::io;
use std::task::{Context, Poll, ready};

/// Writes all of `rest` by `write`. One future, with no state but what is left: an async block for each level costs more
/// instructions than the write itself.
pub(super) fn write_all(
    mut rest: &[u8],
    mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
) -> impl Future<Output = io::Result<()>> {
    std::future::poll_fn(move |cx| {
        while !rest.is_empty() {
            match ready!(write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => rest = &rest[n..],
            }
        }
        Poll::Ready(Ok(()))
    })
}

/// Fills `rest` by `read`.
pub(super) fn read_exact(
    buf: &mut [u8],
    mut read: impl FnMut(&mut Context<'_>, &mut [u8]) -> Poll<io::Result<usize>>,
) -> impl Future<Output = io::Result<()>> {
    let mut filled = 0;
    std::future::poll_fn(move |cx| {
        while filled < buf.len() {
            match ready!(read(cx, &mut buf[filled..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => filled += n,
            }
        }
        Poll::Ready(Ok(()))
    })
}

/// Gives a connection with a field `source: IoSource<$std>`, and its halves, what all connections can do. `$pair` are
/// the lines of an example that make two ends of a connection, `near` and `far`.
macro_rules! byte_stream {
    ($stream:ident, $read_half:ident, $write_half:ident, $std:ty, $address:ty, $pair:literal) => {
        impl $stream {
            /// Takes over a connection of the standard library and makes it non-blocking.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            #[doc = concat!("let far = ", stringify!($stream), "::from_std(far.into_std())?;")]
            /// # let _ = &mut near;
            /// assert_eq!(far.try_read(&mut [0; 10]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, if it refuses.
            pub fn from_std(stream: $std) -> io::Result<Self> {
                stream.set_nonblocking(true)?;
                Ok(Self::from_nonblocking(stream))
            }

            pub(crate) fn from_nonblocking(stream: $std) -> Self {
                Self { source: IoSource::new(stream) }
            }

            /// Gives the connection back to the standard library, still non-blocking.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::Read;
            /// let blocked = far.into_std().read(&mut [0; 10]).unwrap_err();
            /// assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn into_std(self) -> $std {
                self.source.into_inner()
            }

            /// Reads into `buf` what is there, waiting until something is; 0 is the end of the stream.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 10];
            /// let n = far.read(&mut buf).await?;
            /// assert_eq!(&buf[..n], b"hello");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// No byte is lost.
            pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                Read::new(&mut self.source, buf)
            }

            /// As [`read`](Self::read), into several buffers, one after the other.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSliceMut;
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut first, mut second) = ([0; 2], [0; 10]);
            /// let n = far.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).await?;
            /// assert_eq!((n, &first, &second[..3]), (5, b"he", &b"llo"[..]));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn read_vectored(
                &mut self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_read_vectored(cx, bufs))
            }

            /// Fills `buf`.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 2];
            /// far.read_exact(&mut buf).await?;
            /// assert_eq!(&buf, b"he");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends before; the connection's.
            ///
            /// # Cancel safety
            ///
            /// Not cancel safe: what was read by then is in `buf`, and nobody knows how much that is.
            pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::read_exact(buf, |cx, rest| self.source.poll_read(cx, rest))
            }

            /// Writes some of `buf`, waiting until there is room, and says how much.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let written = near.write(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, written);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it is ready, nothing was written.
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                Write::new(&mut self.source, buf)
            }

            /// As [`write`](Self::write), from several buffers, one after the other.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSlice;
            /// assert_eq!(near.write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")]).await?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 10];
            /// far.read(&mut buf).await?;
            /// assert!(buf.starts_with(b"hello"));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn write_vectored(
                &mut self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_write_vectored(cx, bufs))
            }

            /// Writes all of `buf`.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// Not cancel safe: nobody knows how much was written by then.
            pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                WriteAll::new(&mut self.source, buf)
            }

            /// [`read`](Self::read) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 10];
            /// let n = std::future::poll_fn(|cx| far.poll_read(cx, &mut buf)).await?;
            /// assert_eq!(&buf[..n], b"hello");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.source.poll_read(cx, buf)
            }

            /// [`write`](Self::write) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let n = std::future::poll_fn(|cx| near.poll_write(cx, b"hello")).await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, n);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source.poll_write(cx, buf)
            }

            /// Reads what is there at once.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(far.try_read(&mut [0; 10]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.try_read(&mut [0; 10])?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where nothing is: await [`readable`](Self::readable). The
            /// connection's.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_read(buf)
            }

            /// As [`try_read`](Self::try_read), into several buffers.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSliceMut;
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut first, mut second) = ([0; 2], [0; 10]);
            /// assert_eq!(far.try_read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])?, 5);
            /// assert_eq!((&first, &second[..3]), (b"he", &b"llo"[..]));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.source.try_read_vectored(bufs)
            }

            /// Writes what there is room for at once.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(near.try_write(b"hello")?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none: await [`writable`](Self::writable). The
            /// connection's.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.source.try_write(buf)
            }

            /// As [`try_write`](Self::try_write), from several buffers.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSlice;
            /// assert_eq!(near.try_write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")])?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.source.try_write_vectored(bufs)
            }

            /// Ends reading, writing or both; the peer sees the end of the stream where writing ends.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::net::Shutdown;
            /// near.shutdown(Shutdown::Write)?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 0);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.source.get_ref().shutdown(how)
            }

            /// The peer's address.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(format!("{:?}", far.peer_addr()?), format!("{:?}", near.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.source.get_ref().peer_addr()
            }

            /// Gives each direction an owner of its own, for two tasks. One allocation.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (mut read, mut write) = near.into_split();
            /// write.write_all(b"ping").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 4);
            /// assert!(read.reunite(write).is_ok());
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn into_split(self) -> ($read_half, $write_half) {
                let (read, write) = self.source.into_split();
                ($read_half { half: read }, $write_half { half: Some(write) })
            }
        }

        impl $read_half {
            #[doc = concat!("As [`", stringify!($stream), "::read`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut read, _write) = far.into_split();
            /// assert_eq!(read.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.half.poll_read(cx, buf))
            }

            #[doc = concat!("As [`", stringify!($stream), "::read_vectored`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSliceMut;
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut read, _write) = far.into_split();
            /// let (mut first, mut second) = ([0; 2], [0; 10]);
            /// assert_eq!(read.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).await?, 5);
            /// assert_eq!((&first, &second[..3]), (b"he", &b"llo"[..]));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn read_vectored(
                &mut self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.half.poll_read_vectored(cx, bufs))
            }

            #[doc = concat!("As [`", stringify!($stream), "::read_exact`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut read, _write) = far.into_split();
            /// let mut buf = [0; 2];
            /// read.read_exact(&mut buf).await?;
            /// assert_eq!(&buf, b"he");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::read_exact`].")]
            pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::read_exact(buf, |cx, rest| self.half.poll_read(cx, rest))
            }

            /// [`read`](Self::read) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (mut read, _write) = far.into_split();
            /// let mut buf = [0; 10];
            /// let n = std::future::poll_fn(|cx| read.poll_read(cx, &mut buf)).await?;
            /// assert_eq!(&buf[..n], b"hello");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.half.poll_read(cx, buf)
            }

            /// The peer's address.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (read, _write) = far.into_split();
            /// assert_eq!(format!("{:?}", read.peer_addr()?), format!("{:?}", near.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.half.get_ref().peer_addr()
            }

            /// Makes the connection whole again.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (read, write) = near.into_split();
            /// let (other, _write) = far.into_split();
            /// let (_, write) = other.reunite(write).unwrap_err();
            /// assert!(read.reunite(write).is_ok());
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// Both halves, where they are not of one connection.
            pub fn reunite(self, mut other: $write_half) -> Result<$stream, (Self, $write_half)> {
                let Some(write) = other.half.take() else { return Err((self, other)) };
                match self.half.reunite(write) {
                    Ok(source) => Ok($stream { source }),
                    Err((read, write)) => Err((Self { half: read }, $write_half { half: Some(write) })),
                }
            }
        }

        impl $write_half {
            fn half(&mut self) -> io::Result<&mut Half<$std>> {
                self.half.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
            }

            #[doc = concat!("As [`", stringify!($stream), "::write`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (_read, mut write) = near.into_split();
            /// let written = write.write(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, written);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.poll_write(cx, buf))
            }

            #[doc = concat!("As [`", stringify!($stream), "::write_vectored`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// use std::io::IoSlice;
            /// let (_read, mut write) = near.into_split();
            /// assert_eq!(write.write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")]).await?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn write_vectored(
                &mut self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.half()?.poll_write_vectored(cx, bufs))
            }

            #[doc = concat!("As [`", stringify!($stream), "::write_all`].")]
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (_read, mut write) = near.into_split();
            /// write.write_all(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::write_all(buf, |cx, rest| self.poll_write(cx, rest))
            }

            /// Ends the stream for the peer, as dropping this half does.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (_read, mut write) = near.into_split();
            /// write.shutdown()?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, 0);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn shutdown(&mut self) -> io::Result<()> {
                self.half()?.get_ref().shutdown(Shutdown::Write)
            }

            /// [`write`](Self::write) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let (_read, mut write) = near.into_split();
            /// let n = std::future::poll_fn(|cx| write.poll_write(cx, b"hello")).await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.read(&mut [0; 10]).await?, n);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.half()?.poll_write(cx, buf)
            }
        }

        impl Drop for $write_half {
            fn drop(&mut self) {
                if let Some(half) = self.half.take().filter(|half| !half.is_last()) {
                    // A connection that is gone already has no end to announce.
                    let _ = half.get_ref().shutdown(Shutdown::Write);
                }
            }
        }
    };
}

pub(super) use byte_stream;
