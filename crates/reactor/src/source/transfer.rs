//! The system calls of plain reads and writes, and what they came to. On Linux they are made directly: the C library's `recv` and `send` are
//! cancellation points, which cost some 75 instructions each.
//!
//! Sockets are asked by the calls of sockets: `read` and `writev` go through what the kernel does for every file. Of 64 bytes
//! over loopback `recvfrom` takes 746 ns where `read` takes 802; and of 113 bytes in two pieces `writev` takes 4010, while
//! `sendto` takes 3770 with what was put together first. With 4000 bytes that still saves 150.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::IoSafe;
use super::done::Done;

#[inline]
pub(super) fn read<T: IoSafe>(io: &T, buf: &mut [u8]) -> io::Result<Done<usize>>
where
    for<'a> &'a T: Read,
{
    Ok(Done::transfer::<T>(call_read(io, buf)?, buf.len()))
}

#[inline]
fn call_read<T: IoSafe>(io: &T, buf: &mut [u8]) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return receive(io, buf);
    }
    let mut io = io;
    io.read(buf)
}

pub(super) fn read_vectored<T: IoSafe>(io: &T, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Done<usize>>
where
    for<'a> &'a T: Read,
{
    let moved = call_read_vectored(io, bufs)?;
    Ok(Done::transfer_of_pieces::<T>(moved, bufs.iter().map(|buf| buf.len())))
}

fn call_read_vectored<T: IoSafe>(io: &T, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>
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
pub(super) fn read_behind<T: IoSafe>(io: &T, buf: &mut Vec<u8>) -> io::Result<Done<usize>>
where
    for<'a> &'a T: Read,
{
    let room = buf.capacity() - buf.len();
    Ok(Done::transfer::<T>(call_read_behind(io, buf)?, room))
}

fn call_read_behind<T: IoSafe>(io: &T, buf: &mut Vec<u8>) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return receive(io, rustix::buffer::spare_capacity(buf));
    }
    let len = buf.len();
    buf.resize(buf.capacity(), 0);
    let mut io = io;
    let read = io.read(&mut buf[len..]);
    buf.truncate(len + *read.as_ref().unwrap_or(&0));
    read
}

#[inline]
pub(super) fn write<T: IoSafe>(io: &T, buf: &[u8]) -> io::Result<Done<usize>>
where
    for<'a> &'a T: Write,
{
    Ok(Done::transfer::<T>(call_write(io, buf)?, buf.len()))
}

#[inline]
fn call_write<T: IoSafe>(io: &T, buf: &[u8]) -> io::Result<usize>
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

pub(super) fn write_vectored<T: IoSafe>(io: &T, bufs: &[IoSlice<'_>]) -> io::Result<Done<usize>>
where
    for<'a> &'a T: Write,
{
    let moved = call_write_vectored(io, bufs)?;
    Ok(Done::transfer_of_pieces::<T>(moved, bufs.iter().map(|buf| buf.len())))
}

/// What is short goes by one `write`. The rest goes by a call that raises a signal where the peer is gone, as the standard
/// library does: it ignores that signal from the start of a program on.
fn call_write_vectored<T: IoSafe>(io: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a T: Write,
{
    #[cfg(target_os = "linux")]
    if T::IS_PLAIN_SOCKET {
        return if bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add) <= SHORT {
            call_write(io, gather(bufs, &mut [0; SHORT]))
        } else {
            Ok(rustix::io::writev(io, bufs)?)
        };
    }
    let mut io = io;
    io.write_vectored(bufs)
}

/// Up to how many bytes are put together for one `sendto`: headers and a short body. The room for them is zeroed each time.
#[cfg(target_os = "linux")]
const SHORT: usize = 1024;

/// All the pieces, one behind the other; there is the room.
#[cfg(target_os = "linux")]
fn gather<'a>(pieces: &[IoSlice<'_>], room: &'a mut [u8]) -> &'a [u8] {
    let mut length = 0;
    for piece in pieces {
        room[length..][..piece.len()].copy_from_slice(piece);
        length += piece.len();
    }
    &room[..length]
}

#[cfg(target_os = "linux")]
#[inline]
fn receive(socket: impl std::os::fd::AsFd, room: impl rustix::buffer::Buffer<u8>) -> io::Result<usize> {
    let (_, received) = rustix::net::recv(socket, room, rustix::net::RecvFlags::empty())?;
    Ok(received)
}
