//! Descriptors as streams: [`connect_read_pipe`], [`connect_write_pipe`], [`pipe`].

use std::fs::File;
use std::future::{IntoFuture, Ready, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use heist_reactor::IoSource;

use super::hang_up;
use super::raw::{Kind, raw_pipe, source};
use crate::connect::check_limit;
use crate::wire::{Input, Output, ReadSide, StreamAddr};
use crate::writer::Ending;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter};

/// A reader of a pipe, a terminal, a socket or another device that waits; asyncio's `connect_read_pipe` with a
/// `StreamReaderProtocol`. Await it, perhaps after setting a limit.
///
/// The descriptor is put in non-blocking mode, which all notice who share the open file: for this process' own standard
/// streams there is `stdin`.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example(fifo: std::fs::File) -> std::io::Result<()> {
/// let mut reader = heist::pipe::connect_read_pipe(fifo).await?;
/// while let Some(line) = reader.next_line().await? {
///     print!("{}", String::from_utf8_lossy(&line));
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a regular file, as in asyncio, and for a limit of 0.
pub fn connect_read_pipe(pipe: impl Into<OwnedFd>) -> ConnectReadPipe {
    ConnectReadPipe { pipe: pipe.into(), limit: DEFAULT_LIMIT }
}

/// Makes the reader when it is awaited, which needs no waiting; see [`connect_read_pipe`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::pipe::{ConnectReadPipe, connect_read_pipe};
///
/// let (read, mut write) = std::os::unix::net::UnixStream::pair()?;
/// std::io::Write::write_all(&mut write, b"one\ntwo\n")?;
/// let connect: ConnectReadPipe = connect_read_pipe(read);
/// let mut reader = connect.limit(80).await?;
/// assert_eq!(reader.readline().await?, b"one\n");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before it is awaited"]
pub struct ConnectReadPipe {
    pipe: OwnedFd,
    limit: usize,
}

impl ConnectReadPipe {
    /// How many bytes one line may have; 64 KiB when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::pipe::connect_read_pipe;
    ///
    /// let (read, _write) = std::os::unix::net::UnixStream::pair()?;
    /// let reader = connect_read_pipe(read).limit(80).await?;
    /// assert_eq!(reader.limit(), 80);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    fn connect(self) -> io::Result<StreamReader> {
        check_limit(self.limit)?;
        Kind::of_stream(&self.pipe)?;
        let side = read_side(source(self.pipe)?)?;
        Ok(StreamReader::over(Input::Other(Box::new(side)), self.limit))
    }
}

impl IntoFuture for ConnectReadPipe {
    type Output = io::Result<StreamReader>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.connect())
    }
}

/// The side that reads of a pipe, a terminal or the like.
pub(crate) fn read_side(source: IoSource<File>) -> io::Result<Box<dyn ReadSide>> {
    Ok(match Kind::of(source.get_ref())? {
        Kind::Device => Box::new(DeviceInput(source)),
        _ => Box::new(source),
    })
}

/// A terminal: on the controller's side of one, Linux says "input/output error" when the last program at it has gone.
#[derive(Debug)]
struct DeviceInput(IoSource<File>);

impl ReadSide for DeviceInput {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match ready!(self.0.poll_read(cx, buf)) {
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Poll::Ready(Ok(0)),
            read => Poll::Ready(read),
        }
    }
}

/// A writer to a pipe, a terminal, a socket or another device; asyncio's `connect_write_pipe`.
///
/// When the last reader of a pipe or socket goes, the writer is closed, without a write; it fails with a broken pipe if
/// something was kept. (The watch for that has a second descriptor.) The descriptor is put in non-blocking mode, as by [`connect_read_pipe`].
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::pipe::connect_write_pipe;
///
/// let (reader, end) = std::io::pipe()?;
/// let writer = connect_write_pipe(end).await?;
/// writer.write(b"hello");
/// writer.drain().await?;
/// # drop(reader);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a regular file, as in asyncio; when no event loop runs on this thread.
///
/// # Cancel safety
///
/// It does not wait.
#[allow(
    clippy::unused_async,
    reason = "asyncio awaits it; it must run inside the loop, not where it is called"
)]
pub async fn connect_write_pipe(pipe: impl Into<OwnedFd>) -> io::Result<StreamWriter> {
    let pipe = pipe.into();
    let kind = Kind::of_stream(&pipe)?;
    let source = source(pipe)?;
    if kind == Kind::Device {
        return Ok(writer_over(source, None));
    }
    let watched = source.get_ref().try_clone()?;
    hang_up::watch(IoSource::new(watched), |ending| writer_over(source, Some(ending)))
}

fn writer_over(source: IoSource<File>, ending: Option<Ending>) -> StreamWriter {
    StreamWriter::over(Output::other(source), StreamAddr::Unnamed, ending)
}

/// A pipe of this process: what is written to the one end comes out of the other. Python's `os.pipe`, as streams.
///
/// Dropping or closing the writer ends the reader's stream.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::pipe::pipe;
///
/// let (mut reader, writer) = pipe()?;
/// writer.write(b"through the pipe");
/// writer.close();
/// assert_eq!(reader.read_to_end().await?, b"through the pipe");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// The system's, when no descriptors are left.
pub fn pipe() -> io::Result<(StreamReader, StreamWriter)> {
    let (read, write) = raw_pipe()?;
    let reader = StreamReader::over(Input::other(source(read)?), DEFAULT_LIMIT);
    Ok((reader, writer_over(source(write)?, None)))
}
