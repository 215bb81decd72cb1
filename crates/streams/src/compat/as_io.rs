//! [`AsIo`]: a stream without methods of its own.

use crate::{StreamReader, StreamWriter};

/// A stream as others' traits see it: with no methods of its own, so that those of `AsyncReadExt` and `AsyncWriteExt` are
/// found. Made by [`StreamReader::as_io`] and [`StreamWriter::as_io`].
///
/// [`StreamReader`] and [`StreamWriter`] have asyncio's `read`, `write` and `close` as methods of their own, which are found
/// before those of the traits.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(all(not(heist_loom), feature = "futures-io"))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use std::pin::Pin;
/// use futures_io::AsyncBufRead;
/// use heist::StreamReader;
///
/// let (mut reader, feeder) = StreamReader::fed(1024)?;
/// feeder.feed_data(b"hello")?;
/// // With the crate `futures`: `reader.as_io().read(&mut buf).await?`
/// let mut io = reader.as_io();
/// let n = std::future::poll_fn(|cx| Pin::new(&mut io).poll_fill_buf(cx).map_ok(<[u8]>::len)).await?;
/// assert_eq!(n, 5);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(any(heist_loom, not(feature = "futures-io")))] fn main() {}
/// ```
#[derive(Debug)]
pub struct AsIo<'a, T>(pub(super) &'a mut T);

impl StreamReader {
    /// This reader with the methods of others' traits alone, such as `futures::AsyncReadExt::read(&mut buf)`; see [`AsIo`].
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
    /// let mut reader = reader;
    /// let mut io = reader.as_io(); // what takes an `AsyncRead` takes it
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn as_io(&mut self) -> AsIo<'_, Self> {
        AsIo(self)
    }
}

impl StreamWriter {
    /// This writer with the methods of others' traits alone, such as `futures::AsyncWriteExt::write_all(&buf)`; see
    /// [`AsIo`].
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
    /// let mut writer = writer;
    /// let mut io = writer.as_io(); // what takes an `AsyncWrite` takes it
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn as_io(&mut self) -> AsIo<'_, Self> {
        AsIo(self)
    }
}
