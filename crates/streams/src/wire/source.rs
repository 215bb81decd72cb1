//! The sides that the reactor's sources make: sockets, and whatever has a single direction.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{self, Shutdown};
#[cfg(unix)]
use std::os::{fd::BorrowedFd, unix::net::UnixStream};
use std::task::{Context, Poll};

use heist_reactor::{Direction, Half, IoSafe, IoSource};

use super::{Input, Output, ReadSide, StreamAddr, WriteSide};

/// A connected socket of either family.
pub(crate) trait StreamSocket: IoSafe + fmt::Debug + Send + Sync + Sized {
    fn input(half: Half<Self>) -> Input;
    fn output(half: Half<Self>) -> Output;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn local_name(&self) -> io::Result<StreamAddr>;
}

macro_rules! stream_socket {
    ($type:ty, $variant:ident) => {
        impl StreamSocket for $type {
            fn input(half: Half<Self>) -> Input {
                Input::$variant(half)
            }
            fn output(half: Half<Self>) -> Output {
                Output::$variant(half)
            }
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                <$type>::shutdown(self, how)
            }
            fn local_name(&self) -> io::Result<StreamAddr> {
                Ok(self.local_addr()?.into())
            }
        }
    };
}
stream_socket!(net::TcpStream, Tcp);
#[cfg(unix)]
stream_socket!(UnixStream, Unix);

impl<T: StreamSocket> WriteSide for Half<T>
where
    for<'a> &'a T: Write,
{
    #[inline]
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        Self::try_write(self, data)
    }

    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, pieces)
    }

    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self, cx, data)
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.get_ref().shutdown(how)
    }

    fn is_last(&self) -> bool {
        Self::is_last(self)
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        self.get_ref().local_name()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.get_ref().as_fd())
    }
}

impl<T: IoSafe + fmt::Debug + Send + Sync> ReadSide for Half<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, cx, buf)
    }
}

/// The reading end of a pipe, a terminal.
impl<T: IoSafe + fmt::Debug + Send + Sync> ReadSide for IoSource<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, cx, buf)
    }
}

/// The writing end of a pipe, a terminal: only dropping it ends it.
impl<T: IoSafe + fmt::Debug + Send + Sync> WriteSide for IoSource<T>
where
    for<'a> &'a T: Write,
{
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.try_io(Direction::Write, |mut end| end.write(data))
    }

    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_io(Direction::Write, |mut end| end.write_vectored(pieces))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self, cx, data)
    }

    fn shutdown(&mut self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn eof_closes(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Ok(StreamAddr::Unnamed)
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.get_ref().as_fd())
    }
}
