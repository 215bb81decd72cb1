//! [`StreamPair`]: both directions of a connection as one value.

use crate::{StreamReader, StreamWriter};

/// A reader and a writer as one value, for libraries that want one thing that reads and writes: HTTP, WebSockets, clients of
/// databases, codecs. Has the traits of the features that are on.
///
/// Reads go to the reader, writes to the writer; the two need not be of one connection. Ending it as the traits do
/// (`poll_close`, `poll_shutdown`) sends what was written, then ends the writer's direction, and reading goes on. Dropping it
/// drops both.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (far, _) = listener.accept()?;
/// # let (reader, writer) = heist_streams::open_connection_on(near).await?;
/// use heist::StreamPair;
///
/// let pair = StreamPair::new(reader, writer);
/// assert_eq!(pair.writer().peer_addr()?, far.local_addr()?);
/// let (_reader, _writer) = pair.into_parts();
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
pub struct StreamPair {
    pub(super) reader: StreamReader,
    pub(super) writer: StreamWriter,
}

impl StreamPair {
    /// The two as one; see [`StreamPair`].
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (far, _) = listener.accept()?;
    /// # let (reader, writer) = heist_streams::open_connection_on(near).await?;
    /// # use heist_streams::StreamPair;
    /// let pair = StreamPair::new(reader, writer);
    /// assert!(!pair.writer().is_closing());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn new(reader: StreamReader, writer: StreamWriter) -> Self {
        Self { reader, writer }
    }

    /// The half that reads.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (far, _) = listener.accept()?;
    /// # let (reader, writer) = heist_streams::open_connection_on(near).await?;
    /// # use heist_streams::StreamPair;
    /// let pair = StreamPair::from((reader, writer));
    /// assert!(!pair.reader().at_eof());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn reader(&self) -> &StreamReader {
        &self.reader
    }

    /// The half that writes, which knows the names of both ends.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (far, _) = listener.accept()?;
    /// # let (reader, writer) = heist_streams::open_connection_on(near).await?;
    /// # use heist_streams::StreamPair;
    /// let pair = StreamPair::from((reader, writer));
    /// assert_eq!(pair.writer().peer_addr()?, far.local_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn writer(&self) -> &StreamWriter {
        &self.writer
    }

    /// Both halves, with what was read ahead still in the reader.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (far, _) = listener.accept()?;
    /// # let (reader, writer) = heist_streams::open_connection_on(near).await?;
    /// # use heist_streams::StreamPair;
    /// let pair = StreamPair::from((reader, writer));
    /// let (_reader, writer) = pair.into_parts();
    /// writer.close();
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn into_parts(self) -> (StreamReader, StreamWriter) {
        (self.reader, self.writer)
    }
}

impl From<(StreamReader, StreamWriter)> for StreamPair {
    fn from((reader, writer): (StreamReader, StreamWriter)) -> Self {
        Self::new(reader, writer)
    }
}
