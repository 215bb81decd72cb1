//! [`StreamReader`]: the half of a stream that reads.
//!
//! Bytes wait in one buffer until they are asked for. A read that finds enough there makes no system call; otherwise one
//! system call takes what the connection has, up to the room in the buffer. So the peer is held back by the socket's own
//! buffer, as asyncio does by pausing the transport.
//!
//! The reads that most handlers wait in are futures without a state but their arguments: they are part of what each idle
//! connection costs.
//!
//! Whatever waits leaves the bytes in the buffer until it has all it wants: every read is cancel safe.
//!
//! | module | what it is |
//! |---|---|
//! | `buffer`, `spare` | where bytes wait |
//! | `search` | finding separators in it |
//! | `peek` | looking without taking |
//! | `lines` | the lines of a stream, as a `Stream` |
//! | `lent` | a reader whose input gets a layer over it |
//! | `feed` | readers fed by hand |

mod buffer;
mod feed;
#[cfg(feature = "tls")]
mod lent;
mod lines;
mod peek;
mod search;
mod spare;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

pub use feed::Feeder;
pub use lines::Lines;

use crate::error::{IncompleteReadError, LimitOverrunError, ReadError};
use crate::wire::Input;
pub(crate) use buffer::Buffer;
use buffer::FIRST_ROOM;
#[cfg(feature = "tls")]
use lent::Lent;
use search::find_any;

/// The half of a stream that reads; asyncio's `StreamReader`.
///
/// Only one task can read at a time, since reading takes a mutable borrow: what asyncio refuses at run time does not
/// compile here.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::StreamReader;
///
/// let (mut reader, feeder) = StreamReader::fed(1024)?;
/// feeder.feed_data(b"HELO me\r\n12345")?;
/// feeder.feed_eof();
/// assert_eq!(reader.readline().await?, b"HELO me\r\n");
/// assert_eq!(reader.readexactly(2).await?, b"12");
/// assert_eq!(reader.read_to_end().await?, b"345");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Cancel safety
///
/// A read that is given up leaves all bytes in the reader: the next one gets them.
pub struct StreamReader {
    // In a box, since readers are moved about and kept in futures, often more than once in one.
    state: Box<State>,
}

struct State {
    input: Input,
    buffer: Buffer,
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("input", &self.state.input)
            .field("buffered", &self.state.buffer.len())
            .field("limit", &self.limit())
            .field("eof", &self.state.buffer.eof)
            .field("error", &self.state.buffer.error())
            .finish()
    }
}

impl StreamReader {
    /// A reader of `input`, whose limit is not 0.
    pub(crate) fn over(input: Input, limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { state: Box::new(State { input, buffer: Buffer::with_limit(limit) }) }
    }

    /// Has the next reads give `bytes` first. Nothing is buffered yet.
    pub(crate) fn put_back(&mut self, bytes: Vec<u8>) {
        self.state.buffer.replace(bytes);
    }

    /// What it reads from, and the bytes that have come from there and that nobody has asked for.
    pub(crate) fn into_parts(mut self) -> (Input, Vec<u8>) {
        let left = self.state.buffer.take(self.state.buffer.len());
        (self.state.input, left)
    }

    /// Lends what it reads from, and the bytes that have come from there. Until something is given back, reading fails.
    #[cfg(feature = "tls")]
    pub(crate) fn lend(&mut self) -> (Input, Vec<u8>) {
        let left = self.state.buffer.take(self.state.buffer.len());
        (std::mem::replace(&mut self.state.input, Input::other(Lent)), left)
    }

    /// Goes on with `input`.
    #[cfg(feature = "tls")]
    pub(crate) fn give_back(&mut self, input: Input) {
        self.state.input = input;
    }

    /// What it reads from.
    pub(crate) fn input(&self) -> &Input {
        &self.state.input
    }

    /// Throws away the first `n` of the bytes that are buffered; all of them, where there are fewer.
    pub(crate) fn consume(&mut self, n: usize) {
        self.state.buffer.consume(n.min(self.state.buffer.len()));
    }

    /// The bytes that wait in the buffer: the next reads give these first.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"one\ntwo")?;
    /// assert_eq!(reader.buffered(), b"");
    /// assert_eq!(reader.readline().await?, b"one\n");
    /// assert_eq!(reader.buffered(), b"two");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn buffered(&self) -> &[u8] {
        self.state.buffer.get()
    }

    /// Whether the stream has ended and all of it has been read; asyncio's `at_eof`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"all")?;
    /// feeder.feed_eof();
    /// assert!(!reader.at_eof());
    /// reader.read_to_end().await?;
    /// assert!(reader.at_eof());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn at_eof(&self) -> bool {
        self.state.buffer.eof && self.state.buffer.is_empty()
    }

    /// How many bytes one line may have. One of 4 GiB or more is none, and given as [`usize::MAX`].
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (reader, _feeder) = heist::StreamReader::fed(1024)?;
    /// assert_eq!(reader.limit(), 1024);
    /// # Ok(())
    /// # }
    /// ```
    pub fn limit(&self) -> usize {
        // None that is kept in less than it was asked for could be told from one that is not kept at all.
        match self.state.buffer.limit {
            u32::MAX => usize::MAX,
            limit => limit as usize,
        }
    }

    /// Reads up to `n` bytes: what is there, waiting until something is; empty at the end of the stream, and for an `n`
    /// of 0. asyncio's `read(n)`.
    ///
    /// One system call at most, and one allocation.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"hello")?;
    /// feeder.feed_eof();
    /// assert_eq!(reader.read(3).await?, b"hel");
    /// assert_eq!(reader.read(100).await?, b"lo");
    /// assert_eq!(reader.read(100).await?, b"");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The connection's; from then on, every read gives it again.
    pub fn read(&mut self, n: usize) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
        poll_fn(move |cx| {
            self.check()?;
            if n > 0 {
                ready!(self.poll_some(cx, n))?;
            }
            Poll::Ready(Ok(self.state.buffer.take(n.min(self.state.buffer.len()))))
        })
    }

    /// As [`read`](Self::read), into a buffer of the caller's; 0 is the end of the stream. No allocation.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"hello")?;
    /// let mut buffer = [0; 16];
    /// let n = reader.read_into(&mut buffer).await?;
    /// assert_eq!(&buffer[..n], b"hello");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn read_into(&mut self, into: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(|cx| self.poll_read_into(cx, into))
    }

    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let past = self.state.buffer.is_empty() && !self.state.buffer.eof && into.len() >= FIRST_ROOM;
        if !past {
            if !into.is_empty() {
                ready!(self.poll_some(cx, into.len()))?;
            }
            return Poll::Ready(Ok(self.state.buffer.copy_to(into)));
        }
        // Past our buffer, straight to where it is wanted.
        let read = ready!(self.state.input.poll_read(cx, into));
        self.note(&read);
        Poll::Ready(read)
    }

    /// Reads until the end of the stream, however much that is; asyncio's `read(-1)`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(16)?;
    /// feeder.feed_data(&[7; 1000])?;
    /// feeder.feed_eof();
    /// assert_eq!(reader.read_to_end().await?, [7; 1000]);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        self.check()?;
        while !self.state.buffer.eof {
            poll_fn(|cx| self.poll_fill(cx, usize::MAX)).await?;
        }
        Ok(self.state.buffer.take(self.state.buffer.len()))
    }

    /// Reads exactly `n` bytes; asyncio's `readexactly`. `n` may exceed the limit.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::ReadError;
    ///
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"header, bo")?;
    /// feeder.feed_eof();
    /// assert_eq!(reader.readexactly(8).await?, b"header, ");
    /// let Err(ReadError::Incomplete(error)) = reader.readexactly(4).await else { panic!("two are missing") };
    /// assert_eq!((&error.partial[..], error.expected), (&b"bo"[..], Some(4)));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`], with what had come, when the stream ends before; the connection's.
    pub async fn readexactly(&mut self, n: usize) -> Result<Vec<u8>, ReadError> {
        self.check()?;
        while self.state.buffer.len() < n {
            if self.state.buffer.eof {
                return Err(self.incomplete(Some(n)));
            }
            poll_fn(|cx| self.poll_fill(cx, usize::MAX)).await?;
        }
        Ok(self.state.buffer.take(n))
    }

    /// Reads a line with its newline; at the end of the stream what is left of one, then nothing. asyncio's `readline`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"one\ntwo")?;
    /// feeder.feed_eof();
    /// assert_eq!(reader.readline().await?, b"one\n");
    /// assert_eq!(reader.readline().await?, b"two");
    /// assert_eq!(reader.readline().await?, b"");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::LimitOverrun`] for a line that is longer than the limit, which does not count the newline. The line
    /// is thrown away if its newline is in the buffer already; otherwise all that is buffered. The connection's.
    pub fn readline(&mut self) -> impl Future<Output = Result<Vec<u8>, ReadError>> + Send {
        let mut searched = 0;
        poll_fn(move |cx| self.poll_line(cx, &mut searched))
    }

    /// The next line with its newline; `None` after the last. asyncio's `async for line in reader`.
    ///
    /// ```no_run
    /// # async fn example(mut reader: heist_streams::StreamReader) -> std::io::Result<()> {
    /// while let Some(line) = reader.next_line().await? {
    ///     print!("{}", String::from_utf8_lossy(&line));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readline`](Self::readline).
    pub fn next_line(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, ReadError>> + Send {
        let mut searched = 0;
        poll_fn(move |cx| {
            let line = ready!(self.poll_line(cx, &mut searched))?;
            Poll::Ready(Ok(Some(line).filter(|line| !line.is_empty())))
        })
    }

    /// Reads up to and including `separator`; asyncio's `readuntil`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"Host: me\r\n\r\nbody")?;
    /// assert_eq!(reader.readuntil(b"\r\n\r\n").await?, b"Host: me\r\n\r\n");
    /// assert_eq!(reader.buffered(), b"body");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::LimitOverrun`] when the separator does not come within the limit: all stays in the buffer.
    /// [`ReadError::Incomplete`], with what is left, when the stream ends before it. An empty separator is
    /// [`InvalidInput`](io::ErrorKind::InvalidInput). The connection's.
    pub async fn readuntil(&mut self, separator: &[u8]) -> Result<Vec<u8>, ReadError> {
        self.readuntil_any(&[separator]).await
    }

    /// Reads up to and including the separator that ends first; asyncio's `readuntil` with a tuple.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (mut reader, feeder) = heist::StreamReader::fed(1024)?;
    /// feeder.feed_data(b"what? yes.")?;
    /// let ends: [&[u8]; 3] = [b".", b"?", b"!"];
    /// assert_eq!(reader.readuntil_any(&ends).await?, b"what?");
    /// assert_eq!(reader.readuntil_any(&ends).await?, b" yes.");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readuntil`](Self::readuntil); no separator at all is [`InvalidInput`](io::ErrorKind::InvalidInput), too.
    pub async fn readuntil_any(&mut self, separators: &[&[u8]]) -> Result<Vec<u8>, ReadError> {
        let longest = separators.iter().map(|separator| separator.len()).max();
        let longest = longest.filter(|_| separators.iter().all(|separator| !separator.is_empty()));
        let Some(longest) = longest else {
            let message = "a separator must have at least one byte";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        };
        let mut searched = 0;
        poll_fn(|cx| self.poll_until(cx, separators, longest, &mut searched)).await
    }

    /// The lines of the stream; asyncio's `async for line in reader`. [`next_line`](Self::next_line) does without a
    /// `Stream` trait.
    ///
    /// ```no_run
    /// # async fn example(mut reader: heist_streams::StreamReader) -> std::io::Result<()> {
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// let mut lines = reader.lines();
    /// while let Some(line) = std::future::poll_fn(|cx| Pin::new(&mut lines).poll_next(cx)).await {
    ///     print!("{}", String::from_utf8_lossy(&line?));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn lines(&mut self) -> Lines<'_> {
        Lines::new(self)
    }

    /// The error that ended the connection, if one did; asyncio's `exception`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io::{Error, ErrorKind};
    ///
    /// let (reader, feeder) = heist::StreamReader::fed(1024)?;
    /// assert!(reader.exception().is_none());
    /// feeder.set_exception(&Error::from(ErrorKind::TimedOut));
    /// # let mut reader = reader;
    /// assert!(reader.read(1).await.is_err());
    /// assert_eq!(reader.exception().unwrap().kind(), ErrorKind::TimedOut);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn exception(&self) -> Option<io::Error> {
        self.check().err()
    }

    /// One line; see `readline`. Nothing before `searched` is a newline.
    fn poll_line(&mut self, cx: &mut Context<'_>, searched: &mut usize) -> Poll<Result<Vec<u8>, ReadError>> {
        Poll::Ready(match ready!(self.poll_until(cx, &[b"\n"], 1, searched)) {
            Err(ReadError::Incomplete(error)) => Ok(error.partial),
            Err(ReadError::LimitOverrun(error)) => {
                self.state.buffer.consume(if error.found {
                    error.consumed + 1
                } else {
                    self.state.buffer.len()
                });
                Err(error.into())
            }
            other => other,
        })
    }

    /// What comes up to the end of a separator; the longest of them has `longest` bytes. None begins before `searched`.
    fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        separators: &[&[u8]],
        longest: usize,
        searched: &mut usize,
    ) -> Poll<Result<Vec<u8>, ReadError>> {
        self.check()?;
        loop {
            let buffered = self.state.buffer.get();
            if let Some((begin, end)) = find_any(buffered, separators, *searched) {
                if begin > self.limit() {
                    return Poll::Ready(Err(self.overrun(begin, true)));
                }
                return Poll::Ready(Ok(self.state.buffer.take(end)));
            }
            // The longest separator may have begun in the last bytes.
            *searched = (buffered.len() + 1).saturating_sub(longest);
            if *searched > self.limit() {
                return Poll::Ready(Err(self.overrun(*searched, false)));
            }
            if self.state.buffer.eof {
                return Poll::Ready(Err(self.incomplete(None)));
            }
            ready!(self.poll_fill(cx, usize::MAX))?;
        }
    }

    /// The separator comes too late, or has not come in time.
    fn overrun(&self, consumed: usize, found: bool) -> ReadError {
        LimitOverrunError { consumed, found, limit: self.limit() }.into()
    }

    /// The stream has ended too early.
    fn incomplete(&mut self, expected: Option<usize>) -> ReadError {
        IncompleteReadError { partial: self.state.buffer.take(self.state.buffer.len()), expected }.into()
    }

    fn check(&self) -> io::Result<()> {
        match self.state.buffer.error() {
            Some(error) => Err(error.again()),
            None => self.state.input.check(),
        }
    }

    /// Waits until something is buffered, or the end; `wanted` bytes are asked for.
    pub(crate) fn poll_some(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<()>> {
        if self.state.buffer.is_empty() && !self.state.buffer.eof {
            self.poll_fill(cx, wanted)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// Takes in more bytes, or the end of the stream, for a request of `wanted` bytes.
    #[inline]
    fn poll_fill(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<()>> {
        if self.state.buffer.eof {
            return Poll::Ready(Ok(()));
        }
        let read = ready!(self.state.buffer.poll_fill(cx, &mut self.state.input, wanted));
        self.note(&read);
        Poll::Ready(read.map(drop))
    }

    /// Remembers how a read of the input ended.
    fn note(&mut self, read: &io::Result<usize>) {
        match read {
            Ok(0) => self.state.buffer.eof = true,
            Ok(_) => {}
            Err(error) => self.state.buffer.fail(error),
        }
    }
}
