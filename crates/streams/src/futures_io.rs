//! The read and write traits of the crate `futures-io`, which combinators, codecs and parsers of other crates work over.
//!
//! [`StreamReader`] and [`StreamWriter`] have asyncio's `read`, `write` and `close` as methods of their own, which are found
//! before those of `AsyncReadExt` and `AsyncWriteExt`; [`AsIo`] has none.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use crate::{StreamReader, StreamWriter, fs, net};

impl AsyncRead for StreamReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_into(cx, buf)
    }
}

impl AsyncBufRead for StreamReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_some(cx, usize::MAX))?;
        Poll::Ready(Ok(this.buffered()))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_mut().consume(amt);
    }
}

/// Pending while more is kept than the high-water mark. `poll_flush` waits until the system has taken everything,
/// `poll_close` ends this direction after that.
impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flushed(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}

/// A stream as others' traits see it: with no methods of its own, so that those of `AsyncReadExt` and `AsyncWriteExt` are
/// found. Made by [`StreamReader::as_io`] and [`StreamWriter::as_io`].
///
/// ```no_run
/// # async fn example(mut reader: heist_streams::StreamReader) -> std::io::Result<()> {
/// use std::pin::Pin;
/// use futures_io::AsyncBufRead;
///
/// // With the crate `futures`: `reader.as_io().read_to_string(&mut text).await?`
/// let mut io = reader.as_io();
/// let bytes = std::future::poll_fn(|cx| Pin::new(&mut io).poll_fill_buf(cx).map_ok(<[u8]>::len)).await?;
/// # drop(bytes);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsIo<'a, T>(&'a mut T);

impl StreamReader {
    /// This reader with the methods of others' traits alone, such as `futures::AsyncReadExt::read(&mut buf)`.
    pub fn as_io(&mut self) -> AsIo<'_, Self> {
        AsIo(self)
    }
}

impl StreamWriter {
    /// This writer with the methods of others' traits alone, such as `futures::AsyncWriteExt::write_all(&buf)`.
    pub fn as_io(&mut self) -> AsIo<'_, Self> {
        AsIo(self)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for AsIo<'_, T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl<T: AsyncBufRead + Unpin> AsyncBufRead for AsIo<'_, T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut *self.get_mut().0).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        Pin::new(&mut *self.0).consume(amt);
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for AsIo<'_, T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_close(cx)
    }
}

impl AsyncRead for fs::File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self.get_mut(), cx, buf)
    }
}

/// The error of a write is that of the next operation; `poll_flush` and `poll_close` wait for it.
impl AsyncWrite for fs::File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), cx)
    }
}

/// A plain socket that has `poll_read`.
macro_rules! async_read {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                <$type>::poll_read(self.get_mut(), cx, buf)
            }
        }
    )*};
}

/// A plain socket that has `poll_write`, and how its direction is ended. It keeps nothing, so there is nothing to flush.
macro_rules! async_write {
    ($($type:ty => $end:expr),* $(,)?) => {$(
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                <$type>::poll_write(self.get_mut(), cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let end: fn(&mut Self) -> io::Result<()> = $end;
                Poll::Ready(end(self.get_mut()))
            }
        }
    )*};
}

async_read!(net::TcpStream, net::ReadHalf);
async_write!(
    net::TcpStream => |stream| stream.shutdown(Shutdown::Write),
    net::WriteHalf => Self::shutdown,
);
#[cfg(unix)]
async_read!(net::UnixStream, net::UnixReadHalf);
#[cfg(unix)]
async_write!(
    net::UnixStream => |stream| stream.shutdown(Shutdown::Write),
    net::UnixWriteHalf => Self::shutdown,
);
