//! tokio's read and write traits, which most network libraries work over. tokio itself is there without any of its
//! features: two crates, no runtime.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::{PollFill, PollRead, PollWrite};

/// How much of a buffer that was never written to is made ready for one read, in bytes. Zeroing more would cost more than the
/// system calls that it saves.
const ZEROED: usize = 16 << 10;

/// How much of the room is initialised already.
fn ready_room(buf: &ReadBuf<'_>) -> usize {
    buf.initialized().len() - buf.filled().len()
}

/// Reads past any buffer of ours, into `room` bytes of `buf`.
fn poll_direct(
    source: &mut impl PollRead,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    room: usize,
) -> Poll<io::Result<()>> {
    let n = ready!(source.poll_read_into(cx, buf.initialize_unfilled_to(room)))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

fn poll_unbuffered(
    source: &mut impl PollRead,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let room = ready_room(buf).max(ZEROED.min(buf.remaining()));
    poll_direct(source, cx, buf, room)
}

/// What our own buffer takes in costs no zeroing; where none is needed, it may go straight to `buf`.
fn poll_buffered(
    source: &mut impl PollFill,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let room = buf.remaining();
    if ready_room(buf) == room {
        return poll_direct(source, cx, buf, room);
    }
    let there = ready!(source.poll_buffered(cx, room))?;
    let n = there.len().min(room);
    buf.put_slice(&there[..n]);
    source.take_buffered(n);
    Poll::Ready(Ok(()))
}

macro_rules! async_read {
    ($how:ident: $($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                $how(self.get_mut(), cx, buf)
            }
        }
    )*};
}

macro_rules! async_buf_read {
    ($($type:ty),*) => {$(
        async_read!(poll_buffered: $type);

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

macro_rules! unbuffered_read {
    ($($type:ty),*) => { async_read!(poll_unbuffered: $($type),*); };
}

macro_rules! async_write {
    ($($type:ty),*) => { write_trait!(tokio::io::AsyncWrite, poll_shutdown, tells: $($type),*); };
}

for_buffered!(async_buf_read);
for_unbuffered!(unbuffered_read);
for_writers!(async_write);
