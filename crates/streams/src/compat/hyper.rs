//! hyper's read and write traits. Its timers and executors are in the facade, where the loop is.
//!
//! hyper hands out room that nobody has initialised, and saying by how much it was filled is unsafe. So bytes are copied
//! there: out of our own buffer, or, for plain sockets, out of one that the thread keeps.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor};

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
    ($($type:ty),*) => { write_trait!(hyper::rt::Write, poll_shutdown, tells: $($type),*); };
}

for_buffered!(buffered_read);
for_unbuffered!(unbuffered_read);
for_writers!(write);
