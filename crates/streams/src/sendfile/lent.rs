//! A transport's output, while a file is sent over it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use crate::transports::Transport;
use crate::wire::Output;
use crate::writer::Lent;

/// Waits until all is sent that was written.
pub(super) async fn lent_by(transport: &Transport) -> io::Result<Lent<'_>> {
    Ok(Lent::new(transport.home(), transport.writer().lend().await?))
}

impl Lent<'_> {
    /// As `StreamWriter::poll_raw`.
    pub(super) fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match self.output(cx)? {
            Output::Socket(half) => half.poll_io(cx, |socket| op(socket.as_fd())),
            Output::Other(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}
