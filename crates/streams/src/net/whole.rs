//! The reads and writes of a connection with one owner: what most requests are made of.
//!
//! They are futures with names so that they are compiled into the function that awaits them, which a closure of `poll_fn` is only
//! where it has a single caller: around a system call that has something to do, each call and each state of an async
//! block shows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_reactor::{IoSafe, IoSource};

/// Reads what is there.
pub(super) struct Read<'a, 'b, T: IoSafe> {
    source: &'a mut IoSource<T>,
    buf: &'b mut [u8],
}

impl<'a, 'b, T: IoSafe> Read<'a, 'b, T> {
    #[inline]
    pub(super) fn new(source: &'a mut IoSource<T>, buf: &'b mut [u8]) -> Self {
        Self { source, buf }
    }
}

impl<T: IoSafe> Future for Read<'_, '_, T>
where
    for<'t> &'t T: io::Read,
{
    type Output = io::Result<usize>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { source, buf } = &mut *self;
        source.poll_read(cx, buf)
    }
}

/// Writes what there is room for.
pub(super) struct Write<'a, 'b, T: IoSafe> {
    source: &'a mut IoSource<T>,
    buf: &'b [u8],
}

impl<'a, 'b, T: IoSafe> Write<'a, 'b, T> {
    #[inline]
    pub(super) fn new(source: &'a mut IoSource<T>, buf: &'b [u8]) -> Self {
        Self { source, buf }
    }
}

impl<T: IoSafe> Future for Write<'_, '_, T>
where
    for<'t> &'t T: io::Write,
{
    type Output = io::Result<usize>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { source, buf } = &mut *self;
        source.poll_write(cx, buf)
    }
}

/// Writes everything.
pub(super) struct WriteAll<'a, 'b, T: IoSafe> {
    source: &'a mut IoSource<T>,
    rest: &'b [u8],
}

impl<'a, 'b, T: IoSafe> WriteAll<'a, 'b, T> {
    #[inline]
    pub(super) fn new(source: &'a mut IoSource<T>, rest: &'b [u8]) -> Self {
        Self { source, rest }
    }
}

impl<T: IoSafe> Future for WriteAll<'_, '_, T>
where
    for<'t> &'t T: io::Write,
{
    type Output = io::Result<()>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { source, rest } = &mut *self;
        while !rest.is_empty() {
            match ready!(source.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *rest = &rest[n..],
            }
        }
        Poll::Ready(Ok(()))
    }
}
