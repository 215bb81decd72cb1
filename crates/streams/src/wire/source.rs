//! The sides that the reactor's sources make: sockets, and whatever has a single direction.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{self, Shutdown};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use heist_reactor::{Half, IoSafe, IoSource};
use socket2::SockRef;

use super::{ReadSide, StreamAddr, WriteSide};
use crate::address::name_of;
use crate::writer::Shared;

/// A connected socket. The standard library's type for TCP serves those of Unix as well: all that is asked of it, reading,
/// writing and ending, is the same call for both, and one type is a word less in each reader and writer than two.
pub(crate) type StreamSocket = net::TcpStream;

/// A direction of a connected socket. What the writer shares lies in the same allocation.
pub(crate) type SocketHalf = Half<StreamSocket, Shared>;

impl WriteSide for SocketHalf {
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

    #[cfg(target_os = "linux")]
    fn abort(&mut self) {
        super::reset::reset_as_close_would(self.get_ref());
    }

    fn is_last(&self) -> bool {
        Self::is_last(self)
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Ok(name_of(&SockRef::from(self.get_ref()).local_addr()?))
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
        Self::try_write(self, data)
    }

    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, pieces)
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
