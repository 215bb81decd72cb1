//! The read and write traits of the crate `futures-io`, which combinators, codecs and parsers of other crates work over.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::{PollFill, PollRead, PollWrite};

macro_rules! async_read {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                PollRead::poll_read_into(self.get_mut(), cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                PollRead::poll_read_into_all(self.get_mut(), cx, bufs)
            }
        }
    )*};
}

macro_rules! async_buf_read {
    ($($type:ty),*) => {$(
        impl AsyncBufRead for $type {
            fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
                PollFill::poll_buffered(self.get_mut(), cx, usize::MAX)
            }

            fn consume(self: Pin<&mut Self>, amt: usize) {
                PollFill::take_buffered(self.get_mut(), amt);
            }
        }
    )*};
}

macro_rules! async_write {
    ($($type:ty),*) => {$(
        /// `poll_flush` waits until the system has taken everything, `poll_close` ends this direction after that.
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write_pieces(self.get_mut(), cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write_pieces(self.get_mut(), cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_flush_all(self.get_mut(), cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_end(self.get_mut(), cx)
            }
        }
    )*};
}

for_buffered!(async_read);
for_buffered!(async_buf_read);
for_unbuffered!(async_read);
for_writers!(async_write);
