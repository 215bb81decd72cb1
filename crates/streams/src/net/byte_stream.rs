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

/// Gives a connection with a field `source: IoSource<$std>`, and its halves, what all connections can do.
macro_rules! byte_stream {
    ($stream:ident, $read_half:ident, $write_half:ident, $std:ty, $address:ty) => {
        impl $stream {
            /// Takes over a connection of the standard library and makes it non-blocking.
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
            pub fn into_std(self) -> $std {
                self.source.into_inner()
            }

            /// Reads into `buf` what is there, waiting until something is; 0 is the end of the stream.
            ///
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// No byte is lost.
            pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_read(cx, buf))
            }

            /// As [`read`](Self::read), into several buffers, one after the other.
            pub fn read_vectored(
                &mut self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_read_vectored(cx, bufs))
            }

            /// Fills `buf`.
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
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it is ready, nothing was written.
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_write(cx, buf))
            }

            /// As [`write`](Self::write), from several buffers, one after the other.
            pub fn write_vectored(
                &mut self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.source.poll_write_vectored(cx, bufs))
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            ///
            /// The connection's.
            ///
            /// # Cancel safety
            ///
            /// Not cancel safe: nobody knows how much was written by then.
            pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::write_all(buf, |cx, rest| self.source.poll_write(cx, rest))
            }

            /// [`read`](Self::read) for hand-written futures.
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.source.poll_read(cx, buf)
            }

            /// [`write`](Self::write) for hand-written futures.
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source.poll_write(cx, buf)
            }

            /// Reads what is there at once.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where nothing is: await [`readable`](Self::readable). The
            /// connection's.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Read, |mut socket| socket.read(buf))
            }

            /// As [`try_read`](Self::try_read), into several buffers.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.source.try_io(Direction::Read, |mut socket| socket.read_vectored(bufs))
            }

            /// Writes what there is room for at once.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none: await [`writable`](Self::writable). The
            /// connection's.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Write, |mut socket| socket.write(buf))
            }

            /// As [`try_write`](Self::try_write), from several buffers.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.source.try_io(Direction::Write, |mut socket| socket.write_vectored(bufs))
            }

            /// Ends reading, writing or both; the peer sees the end of the stream where writing ends.
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.source.get_ref().shutdown(how)
            }

            /// The peer's address.
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.source.get_ref().peer_addr()
            }

            /// Gives each direction an owner of its own, for two tasks. One allocation.
            pub fn split(self) -> ($read_half, $write_half) {
                let (read, write) = self.source.into_split();
                ($read_half { half: read }, $write_half { half: Some(write) })
            }
        }

        impl $read_half {
            #[doc = concat!("As [`", stringify!($stream), "::read`].")]
            ///
            /// # Errors
            ///
            /// The connection's.
            pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.half.poll_read(cx, buf))
            }

            #[doc = concat!("As [`", stringify!($stream), "::read_vectored`].")]
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
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::read_exact`].")]
            pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::read_exact(buf, |cx, rest| self.half.poll_read(cx, rest))
            }

            /// [`read`](Self::read) for hand-written futures.
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.half.poll_read(cx, buf)
            }

            /// The peer's address.
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.half.get_ref().peer_addr()
            }

            /// Makes the connection whole again.
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
            /// # Errors
            ///
            /// The connection's.
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(|cx| self.poll_write(cx, buf))
            }

            #[doc = concat!("As [`", stringify!($stream), "::write_vectored`].")]
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
            /// # Errors
            ///
            /// The connection's.
            pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                byte_stream::write_all(buf, |cx, rest| self.poll_write(cx, rest))
            }

            /// Ends the stream for the peer, as dropping this half does.
            ///
            /// # Errors
            ///
            /// The system's, for one when the connection is gone.
            pub fn shutdown(&mut self) -> io::Result<()> {
                self.half()?.get_ref().shutdown(Shutdown::Write)
            }

            /// [`write`](Self::write) for hand-written futures.
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
