//! Readers that are fed by hand: for protocols and tests.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;

use super::StreamReader;
use super::buffer::Buffer;
use crate::connect::check_limit;
use crate::error::Sticky;
use crate::wire::{Input, ReadSide};

/// What feeds a [`StreamReader`] by hand: asyncio's `feed_data`, `feed_eof` and `set_exception`. Made by
/// [`StreamReader::fed`]. Clones feed the same reader.
///
/// When the last one is dropped the stream ends, as by [`feed_eof`](Self::feed_eof).
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{Feeder, StreamReader};
///
/// let (mut reader, feeder): (StreamReader, Feeder) = StreamReader::fed(1024)?;
/// feeder.clone().feed_data(b"of a clone")?;
/// drop(feeder);
/// assert_eq!(reader.read_to_end().await?, b"of a clone");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct Feeder {
    source: Arc<Source>,
}

/// The feeders' side; its drop is the end.
#[derive(Debug)]
struct Source(Arc<Feed>);

/// Where fed bytes wait until the reader takes them.
#[derive(Default)]
struct Feed {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fed: Buffer,
    eof: bool,
    error: Option<Sticky>,
    /// The reader's, while it waits.
    reader: Option<Waker>,
    /// Nobody will read.
    abandoned: bool,
}

/// The reader's side.
#[derive(Debug)]
struct Fed(Arc<Feed>);

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Feed")
            .field("fed", &state.fed.len())
            .field("eof", &state.eof)
            .field("error", &state.error)
            .finish_non_exhaustive()
    }
}

impl Feed {
    /// Changes the state and wakes the reader, outside the lock.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        result
    }
}

impl Feeder {
    /// Gives the reader more bytes; asyncio's `feed_data`. Never waits: what is not read yet is kept, however much that
    /// is, and [`buffered`](Self::buffered) tells.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"one")?;
    /// feeder.feed_data(b"two")?;
    /// assert_eq!(feeder.buffered(), 6);
    /// drop(reader);
    /// assert!(feeder.feed_data(b"three").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the reader is gone, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) after [`feed_eof`](Self::feed_eof).
    pub fn feed_data(&self, data: &[u8]) -> io::Result<()> {
        self.source.0.change(|state| {
            if state.abandoned {
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the reader that is fed is gone"));
            }
            if state.eof {
                let message = "feed_data after feed_eof: the stream was ended";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            state.fed.append(data);
            Ok(())
        })
    }

    /// Ends the stream after all that was fed; asyncio's `feed_eof`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"the end")?;
    /// feeder.feed_eof();
    /// assert_eq!(reader.read_to_end().await?, b"the end");
    /// assert!(reader.at_eof());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn feed_eof(&self) {
        self.source.0.change(|state| state.eof = true);
    }

    /// Makes every read fail with `error` from now on, also one that waits, and also where bytes are left; asyncio's
    /// `set_exception`. The first error stays.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::{Error, ErrorKind};
    ///
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"lost")?;
    /// feeder.set_exception(&Error::from(ErrorKind::ConnectionReset));
    /// assert_eq!(reader.read(4).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn set_exception(&self, error: &io::Error) {
        self.source.0.change(|state| {
            state.error.get_or_insert_with(|| Sticky::new(error));
        });
    }

    /// How many bytes were fed that the reader has not taken in.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"one\ntwo\n")?;
    /// assert_eq!(feeder.buffered(), 8);
    /// reader.readline().await?;
    /// // The reader has taken all of it, into a buffer of its own.
    /// assert_eq!((feeder.buffered(), reader.buffered().len()), (0, 4));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn buffered(&self) -> usize {
        self.source.0.state.lock().fed.len()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.change(|state| state.eof = true);
    }
}

impl ReadSide for Fed {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let proceed = ready!(poll_proceed(cx));
        let mut state = self.0.state.lock();
        let result = match &state.error {
            Some(error) => Err(error.again()),
            None if state.eof || !state.fed.is_empty() => Ok(state.fed.copy_to(buf)),
            None => {
                let replaced = state.reader.replace(cx.waker().clone());
                drop(state);
                drop(replaced);
                return Poll::Pending;
            }
        };
        drop(state);
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn error(&self) -> Option<io::Error> {
        self.0.state.lock().error.as_ref().map(Sticky::again)
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.abandoned = true;
        let (fed, reader) = (std::mem::take(&mut state.fed), state.reader.take());
        drop(state);
        drop((fed, reader));
    }
}

impl StreamReader {
    /// A reader that is fed by hand, and what feeds it: asyncio's `StreamReader(limit)`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> std::io::Result<()> {
    /// use heist::StreamReader;
    ///
    /// let (mut reader, feeder) = StreamReader::fed(1024)?;
    /// feeder.feed_data(b"one\ntwo")?;
    /// feeder.feed_eof();
    /// # async fn read(reader: &mut StreamReader) -> std::io::Result<()> {
    /// assert_eq!(reader.readline().await?, b"one\n");
    /// assert_eq!(reader.readline().await?, b"two");
    /// # Ok(()) }
    /// # drop(read(&mut reader));
    /// # Ok(())
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a limit of 0.
    pub fn fed(limit: usize) -> io::Result<(Self, Feeder)> {
        check_limit(limit)?;
        let feed = Arc::new(Feed::default());
        let reader = Self::over(Input::other(Fed(feed.clone())), limit);
        Ok((reader, Feeder { source: Arc::new(Source(feed)) }))
    }

    /// A reader of these bytes, and then of the end of the stream.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))] {
    /// let reader = heist::StreamReader::from_bytes(*b"some bytes");
    /// assert_eq!(reader.buffered(), b"some bytes");
    /// # }
    /// ```
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let ended = Feed { state: Mutex::new(State { eof: true, ..State::default() }) };
        let mut reader = Self::over(Input::other(Fed(Arc::new(ended))), crate::DEFAULT_LIMIT);
        reader.put_back(bytes.into());
        reader
    }
}
