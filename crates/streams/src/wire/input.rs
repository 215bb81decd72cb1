//! [`Input`]: where the bytes of a reader come from.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use super::SocketHalf;

/// A direction that is read.
pub(crate) trait ReadSide: fmt::Debug + Send + Sync {
    /// Reads into `buf`, which has room, waiting until something is there; 0 is the end of the stream.
    ///
    /// Cancel safe: what was not returned is not lost. Once Pending, the waker of `cx` is woken for bytes, end and error.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// As `poll_read`, behind what is in `buf`, into the capacity that it has left.
    fn poll_read_behind(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let len = buf.len();
        buf.resize(buf.capacity(), 0);
        let read = self.poll_read(cx, &mut buf[len..]);
        buf.truncate(len + if let Poll::Ready(Ok(n)) = read { n } else { 0 });
        read
    }

    /// An error that comes before all bytes, also those that are read already.
    fn error(&self) -> Option<io::Error> {
        None
    }
}

/// Where the bytes of a reader come from. Two words: `Other` is in two boxes for that.
#[derive(Debug)]
pub(crate) enum Input {
    Socket(SocketHalf),
    Other(Box<Box<dyn ReadSide>>),
}

impl Input {
    /// Any other side.
    pub(crate) fn other(side: impl ReadSide + 'static) -> Self {
        Self::Other(Box::new(Box::new(side)))
    }

    /// As [`ReadSide::poll_read`].
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(half) => half.poll_read(cx, buf),
            Self::Other(side) => side.poll_read(cx, buf),
        }
    }

    /// As [`ReadSide::poll_read_behind`].
    pub(crate) fn poll_read_behind(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(half) => half.poll_read_behind(cx, buf),
            Self::Other(side) => side.poll_read_behind(cx, buf),
        }
    }

    /// As [`ReadSide::error`].
    #[inline]
    pub(crate) fn check(&self) -> io::Result<()> {
        match self {
            Self::Other(side) => side.error().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }
}
