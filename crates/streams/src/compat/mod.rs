//! Our streams as other people's libraries want them: the read and write traits of other crates.
//!
//! Those traits say the same things in different words. What our types can do is said once, by [`PollRead`], [`PollFill`] and
//! [`PollWrite`]; each file below translates that for one crate, and implements its traits for the types that
//! `for_buffered!`, `for_unbuffered!` and `for_writers!` list. All are additive: a program may use several at once.
//!
//! | module | traits | feature |
//! |---|---|---|
//! | `futures_io` | of the crate `futures-io` | `futures-io`, on by default |
//! | `tokio_io` | tokio's, without tokio's runtime | `tokio-io` |
//! | `hyper` | hyper's | `hyper` |
//! | `scratch` | a buffer of each thread's own | |
//! | `write_trait` | what the three have in common | |
//! | `types` | the lists of our types | |
//! | `poll` | ours, on our types | |
//! | `as_io` | [`AsIo`]: a stream without methods of its own | |
//! | `pair` | [`StreamPair`]: both directions as one value | |
//!
//! asyncio's streams, and with them pipes, TLS, child processes and the standard streams, are [`StreamReader`](crate::StreamReader)s and
//! [`StreamWriter`](crate::StreamWriter)s whatever they run over; so what is here covers them all.

#[macro_use]
#[allow(unused_macros, reason = "what only traits behind features use")]
mod types;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio-io"))]
#[macro_use]
mod write_trait;

mod as_io;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
mod pair;
mod poll;
#[cfg(feature = "hyper")]
mod scratch;
#[cfg(feature = "tokio-io")]
mod tokio_io;

use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll};

pub use as_io::AsIo;
pub use pair::StreamPair;
pub(crate) use poll::poll_socket;

/// A stream that is read. No bytes are lost by giving a wait up.
pub(crate) trait PollRead {
    /// Reads into `into` what is there, waiting until something is; 0 is the end of the stream, or `into` has no room.
    fn poll_read_into(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// As `poll_read_into`, into several buffers, one after the other.
    fn poll_read_into_all(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        match into.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => self.poll_read_into(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }
}

/// A stream that is read through a buffer of its own.
pub(crate) trait PollFill: PollRead {
    /// What is buffered, waiting until something is, of which `wanted` bytes would be taken; empty at the end of the stream.
    fn poll_buffered(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<&[u8]>>;

    /// Takes `n` bytes out of the buffer.
    fn take_buffered(&mut self, n: usize);
}

/// A stream that is written.
pub(crate) trait PollWrite {
    /// Whether several pieces go in one system call.
    const VECTORED: bool;

    /// Takes some of `pieces`, waiting until there is room.
    fn poll_write_pieces(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Waits until the system has taken all that was written.
    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends this direction after all that was written: the peer finds the end of the stream. The other direction goes on.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}
