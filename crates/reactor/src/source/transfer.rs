//! The system calls of plain reads and writes. On Linux they are made directly: the C library's `recv` and `send` are
//! cancellation points, which cost some 75 instructions each.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::IoSafe;

#[inline]
pub(super) fn read<T: IoSafe>(io: &T, buf: &mut [u8]) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return Ok(rustix::io::read(io, buf)?);
    }
    let mut io = io;
    io.read(buf)
}

pub(super) fn read_vectored<T: IoSafe>(io: &T, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return Ok(rustix::io::readv(io, bufs)?);
    }
    let mut io = io;
    io.read_vectored(bufs)
}

/// Reads behind what is in `buf`, into the capacity that it has left; where that is none, 0.
pub(super) fn read_behind<T: IoSafe>(io: &T, buf: &mut Vec<u8>) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return Ok(rustix::io::read(io, rustix::buffer::spare_capacity(buf))?);
    }
    let len = buf.len();
    buf.resize(buf.capacity(), 0);
    let mut io = io;
    let read = io.read(&mut buf[len..]);
    buf.truncate(len + *read.as_ref().unwrap_or(&0));
    read
}

#[inline]
pub(super) fn write<T: IoSafe>(io: &T, buf: &[u8]) -> io::Result<usize>
where
    for<'a> &'a T: Write,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        // A peer that is gone is an error, not a signal.
        return Ok(rustix::net::send(io, buf, rustix::net::SendFlags::NOSIGNAL)?);
    }
    let mut io = io;
    io.write(buf)
}

/// Unlike `write`, by a call that raises a signal where the peer is gone, as the standard library does: it ignores that
/// signal from the start of a program on.
pub(super) fn write_vectored<T: IoSafe>(io: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a T: Write,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return Ok(rustix::io::writev(io, bufs)?);
    }
    let mut io = io;
    io.write_vectored(bufs)
}
