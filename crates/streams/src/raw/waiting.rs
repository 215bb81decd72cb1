//! Waiting for a socket that stays its owner's.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use heist_core::budget::poll_proceed;
use heist_reactor::{Direction, IoSource};

/// A duplicate of a descriptor, which can be waited for. `None` only while it is dropped.
struct Watched(Option<IoSource<OwnedFd>>);

impl Watched {
    fn new(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(Some(IoSource::new(descriptor.try_clone_to_owned()?))))
    }

    fn source(&self) -> io::Result<&IoSource<OwnedFd>> {
        self.0.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn ready(&self, direction: Direction) -> io::Result<()> {
        match direction {
            Direction::Read => self.source()?.readable().await,
            Direction::Write => self.source()?.writable().await,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(source) = self.0.take() {
            // The duplicate must leave the queue before it is closed: what it duplicates lives on.
            drop(source.into_inner());
        }
    }
}

/// Refuses a descriptor in blocking mode. One system call.
pub(crate) fn check_nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    if rustix::fs::fcntl_getfl(descriptor)?.contains(rustix::fs::OFlags::NONBLOCK) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the socket is in blocking mode and would hold up the event loop: call set_nonblocking(true) on it first",
    ))
}

/// Tries `op`, which is about `descriptor`, until it would block no more, and waits in between.
pub(crate) async fn waiting<R>(
    descriptor: &impl AsFd,
    direction: Direction,
    mut op: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    check_nonblocking(descriptor)?;
    let proceed = poll_fn(poll_proceed).await;
    if let Some(result) = attempt(&mut op) {
        proceed.made_progress();
        return result;
    }
    let watched = Watched::new(descriptor.as_fd())?;
    loop {
        watched.ready(direction).await?;
        // Through the source, so that it takes note of "would block".
        let result = watched.source()?.try_io(direction, |_| attempt(&mut op).unwrap_or_else(would_block));
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            return result;
        }
    }
}

/// `None` where it would block.
fn attempt<R>(op: &mut impl FnMut() -> io::Result<R>) -> Option<io::Result<R>> {
    loop {
        match op() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            result => return Some(result),
        }
    }
}

fn would_block<R>() -> io::Result<R> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// Waits until the descriptor is ready in `direction`, whatever comes of it.
pub(super) async fn ready(descriptor: &impl AsFd, direction: Direction) -> io::Result<()> {
    Watched::new(descriptor.as_fd())?.ready(direction).await
}
