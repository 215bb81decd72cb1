//! The read and write traits of the crate `futures-io`, which combinators, codecs and parsers of other crates work over.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncBufRead, AsyncRead};

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
    ($($type:ty),*) => { write_trait!(futures_io::AsyncWrite, poll_close, silent: $($type),*); };
}

for_buffered!(async_read);
for_buffered!(async_buf_read);
for_unbuffered!(async_read);
for_writers!(async_write);
