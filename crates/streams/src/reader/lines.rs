//! [`Lines`].

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::StreamReader;
use crate::error::ReadError;

/// The lines of a reader, each with its newline, until the end of the stream; made by [`StreamReader::lines`].
///
/// A line over the limit is an error, as in [`readline`](StreamReader::readline), and the lines after it follow. Any other
/// error is given once and ends the lines.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use std::pin::Pin;
/// use futures_core::Stream;
///
/// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
/// feeder.feed_data(b"one\ntwo")?;
/// feeder.feed_eof();
/// let mut lines: heist::Lines<'_> = reader.lines();
/// let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut lines).poll_next(cx)).await;
/// assert_eq!(next().await.unwrap()?, b"one\n");
/// assert_eq!(next().await.unwrap()?, b"two");
/// assert!(next().await.is_none());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Cancel safety
///
/// What was not given stays in the reader.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Lines<'a> {
    reader: &'a mut StreamReader,
    /// How much of the next line has no newline in it.
    searched: usize,
    failed: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(reader: &'a mut StreamReader) -> Self {
        Self { reader, searched: 0, failed: false }
    }
}

impl Stream for Lines<'_> {
    type Item = Result<Vec<u8>, ReadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.failed {
            return Poll::Ready(None);
        }
        let line = ready!(this.reader.poll_line(cx, &mut this.searched));
        this.searched = 0;
        this.failed = matches!(line, Err(ReadError::Io(_)));
        Poll::Ready(match line {
            Ok(line) if line.is_empty() => None,
            line => Some(line),
        })
    }
}
