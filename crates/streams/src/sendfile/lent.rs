//! A transport's output, while a file is sent over it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};

use crate::transports::Transport;
use crate::wire::Output;
use crate::writer::Loan;

/// The output of a transport, which gets it back in any case: what was sent is sent.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    transport: &'a Transport,
    /// Both are there until the drop.
    parts: Option<(Loan<'a>, Output)>,
}

impl<'a> Lent<'a> {
    /// Waits until all is sent that was written.
    pub(super) async fn of(transport: &'a Transport) -> io::Result<Self> {
        Ok(Self { transport, parts: Some(transport.writer().lend().await?) })
    }

    /// The output, unless the transport was aborted; then the task is woken.
    fn output(&mut self, cx: &Context<'_>) -> io::Result<&mut Output> {
        let Some((loan, output)) = &mut self.parts else { return Err(io::ErrorKind::NotConnected.into()) };
        loan.poll_ended(cx).map_or(Ok(output), Err)
    }

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

    /// Writes all of `rest`, and has it passed on.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        let output = self.output(cx)?;
        while !rest.is_empty() {
            match ready!(output.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *rest = &rest[n..],
            }
        }
        output.poll_flush(cx)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some((loan, output)) = self.parts.take() {
            loan.give_back(self.transport.home(), output);
        }
    }
}
