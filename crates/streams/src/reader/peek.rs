//! Looking at what comes without taking it, and giving back what was taken.

use std::future::poll_fn;
use std::io;

use super::StreamReader;

impl StreamReader {
    /// Waits until `n` bytes are in the buffer, or the stream ends, and shows what is there: more than `n` perhaps, less at
    /// the end. Takes nothing.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut reader = heist::StreamReader::from_bytes("GET / HTTP/1.1");
    /// assert!(reader.peek(3).await?.starts_with(b"GET"));
    /// assert_eq!(reader.read(3).await?, b"GET");
    /// assert_eq!(reader.peek(100).await?, b" / HTTP/1.1", "that is all");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The connection's; [`InvalidInput`](io::ErrorKind::InvalidInput) where `n` is more than the
    /// [`limit`](Self::limit).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        self.check()?;
        if n > self.limit() {
            let message = format!("{n} bytes are more than the limit of the reader, {}", self.limit());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        while self.state.buffer.len() < n && !self.state.buffer.eof {
            poll_fn(|cx| self.poll_fill(cx, usize::MAX)).await?;
        }
        Ok(self.buffered())
    }

    /// Puts `bytes` before what the reader gives next: for who has read further than it should.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut reader = heist::StreamReader::from_bytes("one two");
    /// let word = reader.readuntil(b" ").await?;
    /// reader.unread(&word);
    /// assert_eq!(reader.read_to_end().await?, b"one two");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.put_back([bytes, self.buffered()].concat());
        }
    }
}
