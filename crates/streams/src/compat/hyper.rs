//! hyper's read and write traits. Its timers and executors are in the facade, where the loop is.
//!
//! hyper hands out room that nobody has initialised, and saying by how much it was filled is unsafe. So bytes are copied
//! there: out of our own buffer, or, for plain sockets, out of one that the thread keeps.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::{PollFill, PollRead, PollWrite, scratch};

fn poll_buffered(
    source: &mut impl PollFill,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    let room = buf.remaining();
    let there = ready!(source.poll_buffered(cx, room))?;
    let n = there.len().min(room);
    buf.put_slice(&there[..n]);
    source.take_buffered(n);
    Poll::Ready(Ok(()))
}

fn poll_unbuffered(
    source: &mut impl PollRead,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    scratch::with(buf.remaining(), |there| {
        let n = ready!(source.poll_read_into(cx, there))?;
        buf.put_slice(&there[..n]);
        Poll::Ready(Ok(()))
    })
}

macro_rules! read {
    ($how:ident: $($type:ty),*) => {$(
        impl Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                $how(self.get_mut(), cx, buf)
            }
        }
    )*};
}

macro_rules! buffered_read {
    ($($type:ty),*) => { read!(poll_buffered: $($type),*); };
}

macro_rules! unbuffered_read {
    ($($type:ty),*) => { read!(poll_unbuffered: $($type),*); };
}

macro_rules! write {
    ($($type:ty),*) => {$(
        /// `poll_flush` waits until the system has taken everything, `poll_shutdown` ends this direction after that.
        impl Write for $type {
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

            fn is_write_vectored(&self) -> bool {
                <Self as PollWrite>::VECTORED
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_flush_all(self.get_mut(), cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_end(self.get_mut(), cx)
            }
        }
    )*};
}

for_buffered!(buffered_read);
for_unbuffered!(unbuffered_read);
for_writers!(write);
