//! [`Output`]: where the bytes of a writer go.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

use super::{SocketHalf, StreamAddr};

/// A direction that is written.
///
/// What it has taken it passes on by itself, or says that it [`is_behind`](Self::is_behind): a layer such as TLS keeps what it
/// has made of the bytes when the system does not take it at once.
pub(crate) trait WriteSide: fmt::Debug + Send {
    /// Takes some of `data`, which is not empty, without waiting; `WouldBlock` where there is no room.
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize>;

    /// As `try_write`, from several pieces.
    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces.iter().find(|piece| !piece.is_empty()) {
            Some(piece) => self.try_write(piece),
            None => Ok(0),
        }
    }

    /// Takes some of `data`, which is not empty, waiting until there is room.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;

    /// Whether it has taken bytes that it has not passed on, so that `poll_flush` must be called until it is ready.
    fn is_behind(&self) -> bool {
        false
    }

    /// Passes on what it has taken.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Whether something has to be sent before the end of an orderly close: TLS's `close_notify`.
    fn has_farewell(&self) -> bool {
        false
    }

    /// Sends of that what there is room for; called at the close of a writer that keeps nothing.
    fn begin_farewell(&mut self) {}

    /// Sends that; called after `poll_flush` was ready, until it is ready itself. `how` is what is about to end.
    fn poll_farewell(&mut self, _cx: &mut Context<'_>, _how: Shutdown) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ready once the time is over that closing may take, with what is to be said then. Called from the close on, before all
    /// else.
    fn poll_overdue(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }

    /// Ends directions, at once. Called after all was flushed, for `write_eof`; or before the side is dropped, unless it
    /// [`is_last`](Self::is_last). `Both` ends the reader of the same connection, too.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()>;

    /// Called before `shutdown` where the connection is cut off, not closed: what closing the socket at this moment would
    /// tell the peer is told at once, not only when the reader has gone, too.
    fn abort(&mut self) {}

    /// Whether the peer can be told of the end while the other direction goes on.
    fn can_write_eof(&self) -> bool {
        true
    }

    /// Whether `write_eof` is the same as closing: so it is where only this direction exists.
    fn eof_closes(&self) -> bool {
        false
    }

    /// Whether dropping it ends the connection. May be out of date when it says no.
    fn is_last(&self) -> bool;

    /// The name of this end.
    fn local_name(&self) -> io::Result<StreamAddr>;

    /// The descriptor below, for options and identity; `None` where there is none.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>>;
}

/// Where the bytes of a writer go. Has the methods of [`WriteSide`]. Two words, as `Other` is one.
#[derive(Debug)]
pub(crate) enum Output {
    Socket(SocketHalf),
    Other(Other),
}

/// Any other side, in two boxes, or none any more: so a writer needs no word for whether it has an output.
#[derive(Debug)]
pub(crate) enum Other {
    Side(Box<Box<dyn WriteSide>>),
    Gone(Gone),
}

impl Deref for Other {
    type Target = dyn WriteSide;

    fn deref(&self) -> &(dyn WriteSide + 'static) {
        match self {
            Self::Side(side) => &***side,
            Self::Gone(gone) => gone,
        }
    }
}

impl DerefMut for Other {
    fn deref_mut(&mut self) -> &mut (dyn WriteSide + 'static) {
        match self {
            Self::Side(side) => &mut ***side,
            Self::Gone(gone) => gone,
        }
    }
}

/// The output of a writer that has given its own away, or lent it.
#[derive(Debug)]
pub(crate) struct Gone;

impl WriteSide for Gone {
    fn try_write(&mut self, _data: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, _data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }

    fn shutdown(&mut self, _how: Shutdown) -> io::Result<()> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn is_last(&self) -> bool {
        true
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Err(io::ErrorKind::NotConnected.into())
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// The same call on whichever it is. Each arm is compiled for its own type, so that sockets pay no virtual call.
macro_rules! each {
    ($output:expr, $side:ident => $call:expr) => {
        match $output {
            Output::Socket($side) => $call,
            Output::Other($side) => $call,
        }
    };
}

impl Output {
    /// None.
    pub(crate) const GONE: Self = Self::Other(Other::Gone(Gone));

    /// Any other side.
    pub(crate) fn other(side: impl WriteSide + 'static) -> Self {
        Self::Other(Other::Side(Box::new(Box::new(side))))
    }

    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Other(Other::Gone(_)))
    }

    /// Takes it out, if there is one.
    pub(crate) fn take(&mut self) -> Option<Self> {
        Some(std::mem::replace(self, Self::GONE)).filter(|output| !output.is_gone())
    }

    #[inline]
    pub(crate) fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        each!(self, side => side.try_write(data))
    }

    pub(crate) fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, side => side.try_write_vectored(pieces))
    }

    #[inline]
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, side => side.poll_write(cx, data))
    }

    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        each!(self, side => side.is_behind())
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, side => side.poll_flush(cx))
    }

    pub(crate) fn has_farewell(&self) -> bool {
        each!(self, side => side.has_farewell())
    }

    pub(crate) fn begin_farewell(&mut self) {
        each!(self, side => side.begin_farewell());
    }

    pub(crate) fn poll_farewell(&mut self, cx: &mut Context<'_>, how: Shutdown) -> Poll<io::Result<()>> {
        each!(self, side => side.poll_farewell(cx, how))
    }

    pub(crate) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        each!(self, side => side.poll_overdue(cx))
    }

    pub(crate) fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        each!(self, side => side.shutdown(how))
    }

    pub(crate) fn abort(&mut self) {
        each!(self, side => side.abort());
    }

    pub(crate) fn can_write_eof(&self) -> bool {
        each!(self, side => side.can_write_eof())
    }

    pub(crate) fn eof_closes(&self) -> bool {
        each!(self, side => side.eof_closes())
    }

    pub(crate) fn is_last(&self) -> bool {
        each!(self, side => side.is_last())
    }

    pub(crate) fn local_name(&self) -> io::Result<StreamAddr> {
        each!(self, side => side.local_name())
    }

    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        each!(self, side => side.descriptor())
    }
}
