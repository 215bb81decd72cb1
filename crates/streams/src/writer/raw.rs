//! Writing past the buffer, straight to the descriptor: for `sendfile`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use super::StreamWriter;
use crate::wire::Output;

impl StreamWriter {
    /// Tries `op` on the socket until it would block no more, waiting in between; nothing may be kept. `Unsupported` where
    /// the stream runs over something else than a socket.
    pub(crate) fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.shared.state.lock().output {
            Output::Socket(half) => half.poll_io(cx, |socket| op(socket.as_fd())),
            output if output.is_gone() => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Output::Other(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}
