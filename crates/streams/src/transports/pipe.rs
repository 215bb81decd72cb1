//! Protocols over pipes, terminals and other descriptors of one direction.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use super::driver::start;
use super::protocol::StreamProtocol;
use super::{ProtocolHandle, Transport};
use crate::wire::{Output, StreamAddr, WriteSide};
use crate::{StreamWriter, pipe};

/// Has a protocol called with what is read from a pipe, a terminal, a socket; asyncio's `connect_read_pipe`.
///
/// At the end of the bytes comes `eof_received`, whose answer does not matter here, and then `connection_lost`. Writing to such
/// a transport ends it by an error.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use std::io::Write;
/// use heist::transports::{Protocol, connect_read_pipe};
///
/// struct Lines(Vec<u8>);
///
/// impl Protocol for Lines {
///     fn data_received(&mut self, data: &[u8]) {
///         self.0.extend_from_slice(data);
///     }
/// }
///
/// let (output, mut input) = std::os::unix::net::UnixStream::pair()?;
/// let (transport, protocol) = connect_read_pipe(|| Lines(Vec::new()), output).await?;
/// input.write_all(b"one\n")?;
/// while protocol.lock().await.0 != b"one\n" {
///     yield_now().await;
/// }
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// As [`pipe::connect_read_pipe`]; when no event loop runs on this thread.
pub async fn connect_read_pipe<F, P, Kind>(
    factory: F,
    pipe: impl Into<OwnedFd>,
) -> io::Result<(Transport, ProtocolHandle<P>)>
where
    F: FnOnce() -> P,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    let reader = pipe::connect_read_pipe(pipe).await?;
    start(factory(), Some(reader), no_writer(), true)
}

/// Has a protocol called with what happens to a pipe, a terminal, a socket that is written; asyncio's `connect_write_pipe`.
///
/// When the last reader goes, the transport is closed, without a write; `connection_lost` gets a broken pipe if
/// something was kept. `data_received` is never called.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::Protocol;
/// # struct Quiet;
/// # impl Protocol for Quiet {
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use std::io::Read;
/// use heist::transports::connect_write_pipe;
///
/// let (mut output, input) = std::os::unix::net::UnixStream::pair()?;
/// let (transport, _protocol) = connect_write_pipe(|| Quiet, input).await?;
/// transport.write(b"one\n");
/// let mut came = [0; 4];
/// output.read_exact(&mut came)?;
/// assert_eq!(&came, b"one\n");
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// As [`pipe::connect_write_pipe`].
pub async fn connect_write_pipe<F, P, Kind>(
    factory: F,
    pipe: impl Into<OwnedFd>,
) -> io::Result<(Transport, ProtocolHandle<P>)>
where
    F: FnOnce() -> P,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    let writer = pipe::connect_write_pipe(pipe).await?;
    start(factory(), None, writer, true)
}

/// The writer of a transport that only reads: it can be closed, and nothing else.
pub(super) fn no_writer() -> StreamWriter {
    StreamWriter::over(Output::other(NoOutput), StreamAddr::Unnamed, None)
}

#[derive(Debug)]
struct NoOutput;

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this transport only reads: there is nothing to write to"))
}

impl WriteSide for NoOutput {
    fn try_write(&mut self, _data: &[u8]) -> io::Result<usize> {
        refused()
    }

    fn try_write_vectored(&mut self, _pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        refused()
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, _data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(refused())
    }

    fn shutdown(&mut self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn can_write_eof(&self) -> bool {
        false
    }

    fn is_last(&self) -> bool {
        true
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Ok(StreamAddr::Unnamed)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
