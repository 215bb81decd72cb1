//! [`StreamReader`]: the half of a stream that reads.
//!
//! Bytes wait in one buffer until they are asked for. A read that finds enough there makes no system call; otherwise one
//! system call takes what the connection has, up to the room in the buffer. The buffer begins small, doubles while reads
//! fill it, up to [`GREEDY`], and beyond that only as far as a single request needs. So the peer is held back by the
//! socket's own buffer, as asyncio does by pausing the transport.
//!
//! Whatever waits leaves the bytes in the buffer until it has all it wants: every read is cancel safe.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::error::{IncompleteReadError, LimitOverrunError, ReadError, Sticky};
use crate::wire::Input;

/// The room that a first read finds, in bytes: most requests, and one page.
const FIRST_ROOM: usize = 4 << 10;
/// How far the buffer grows only because there is much to read, in bytes.
const GREEDY: usize = 64 << 10;

/// The half of a stream that reads; asyncio's `StreamReader`.
///
/// # Cancel safety
///
/// A read that is given up leaves all bytes in the reader: the next one gets them.
pub struct StreamReader {
    input: Input,
    /// All of it is initialised; the bytes that wait are `start..end`.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    /// The last read filled its room: there is more than that.
    full: bool,
    eof: bool,
    error: Option<Sticky>,
}

impl std::fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamReader")
            .field("input", &self.input)
            .field("buffered", &(self.end - self.start))
            .field("limit", &self.limit)
            .field("eof", &self.eof)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl StreamReader {
    /// A reader of `input`, whose limit is not 0.
    pub(crate) fn over(input: Input, limit: usize) -> Self {
        Self { input, buf: Vec::new(), start: 0, end: 0, limit, full: false, eof: false, error: None }
    }

    /// The bytes that wait in the buffer: the next reads give these first.
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// Whether the stream has ended and all of it has been read; asyncio's `at_eof`.
    pub fn at_eof(&self) -> bool {
        self.eof && self.start == self.end
    }

    /// How many bytes one line may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Reads up to `n` bytes: what is there, waiting until something is; empty at the end of the stream, and for an `n`
    /// of 0. asyncio's `read(n)`.
    ///
    /// One system call at most, and one allocation.
    ///
    /// # Errors
    ///
    /// The connection's; from then on, every read gives it again.
    pub async fn read(&mut self, n: usize) -> io::Result<Vec<u8>> {
        self.check()?;
        if n > 0 && self.start == self.end && !self.eof {
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
        Ok(self.take(n.min(self.end - self.start)))
    }

    /// As [`read`](Self::read), into a buffer of the caller's; 0 is the end of the stream. No allocation.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn read_into(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        if into.is_empty() {
            return Ok(0);
        }
        if self.start == self.end {
            if self.eof {
                return Ok(0);
            }
            if into.len() >= self.buf.len().max(FIRST_ROOM) {
                // Past our buffer, straight to where it is wanted.
                let read = poll_fn(|cx| self.input.poll_read(cx, into)).await;
                self.eof |= matches!(read, Ok(0));
                return read.inspect_err(|error| self.error = Some(Sticky::new(error)));
            }
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
        let n = into.len().min(self.end - self.start);
        into[..n].copy_from_slice(&self.buf[self.start..self.start + n]);
        self.consume(n);
        Ok(n)
    }

    /// Reads until the end of the stream, however much that is; asyncio's `read(-1)`.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        self.check()?;
        while !self.eof {
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
        Ok(self.take(self.end - self.start))
    }

    /// Reads exactly `n` bytes; asyncio's `readexactly`. `n` may exceed the limit.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`], with what had come, when the stream ends before; the connection's.
    pub async fn readexactly(&mut self, n: usize) -> Result<Vec<u8>, ReadError> {
        self.check()?;
        while self.end - self.start < n {
            if self.eof {
                let partial = self.take(self.end - self.start);
                return Err(IncompleteReadError { partial, expected: Some(n) }.into());
            }
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
        Ok(self.take(n))
    }

    /// Reads a line with its newline; at the end of the stream what is left of one, then nothing. asyncio's `readline`.
    ///
    /// # Errors
    ///
    /// [`ReadError::LimitOverrun`] for a line that is longer than the limit, which does not count the newline. The line
    /// is thrown away if its newline is in the buffer already; otherwise all that is buffered. The connection's.
    pub async fn readline(&mut self) -> Result<Vec<u8>, ReadError> {
        match self.readuntil(b"\n").await {
            Err(ReadError::Incomplete(error)) => Ok(error.partial),
            Err(ReadError::LimitOverrun(error)) => {
                let n = if error.found { error.consumed + 1 } else { self.end - self.start };
                self.consume(n);
                Err(error.into())
            }
            other => other,
        }
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
    pub async fn next_line(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let line = self.readline().await?;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }

    /// Reads up to and including `separator`; asyncio's `readuntil`.
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
        self.check()?;
        // Before `searched` no separator begins.
        let mut searched = 0;
        loop {
            let buffered = self.buffered();
            if let Some((begin, end)) = find_any(buffered, separators, searched) {
                if begin > self.limit {
                    return Err(LimitOverrunError { consumed: begin, found: true }.into());
                }
                return Ok(self.take(end));
            }
            // The longest separator may have begun in the last bytes.
            searched = (buffered.len() + 1).saturating_sub(longest);
            if searched > self.limit {
                return Err(LimitOverrunError { consumed: searched, found: false }.into());
            }
            if self.eof {
                let partial = self.take(self.end - self.start);
                return Err(IncompleteReadError { partial, expected: None }.into());
            }
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
    }

    /// The error that ended the connection, if one did; asyncio's `exception`.
    pub fn error(&self) -> Option<io::Error> {
        self.error.as_ref().map(Sticky::again)
    }

    fn check(&self) -> io::Result<()> {
        self.error.as_ref().map_or(Ok(()), |error| Err(error.again()))
    }

    /// Takes in more bytes, or the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.eof {
            return Poll::Ready(Ok(()));
        }
        self.make_room();
        let room = self.buf.len() - self.end;
        match ready!(self.input.poll_read(cx, &mut self.buf[self.end..])) {
            Ok(0) => self.eof = true,
            Ok(n) => {
                self.end += n;
                self.full = n == room;
            }
            Err(error) => {
                self.error = Some(Sticky::new(&error));
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Makes sure that there is room behind `end`.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            let wanted = match self.buf.len() {
                0 => FIRST_ROOM,
                len if self.full && len < GREEDY => len * 2,
                len => len,
            };
            self.buf.resize(wanted, 0);
            self.full = false;
        } else if self.end == self.buf.len() {
            if self.start >= self.buf.len() / 2 {
                self.buf.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.buf.resize(self.buf.len() * 2, 0);
            }
        }
    }

    /// Takes the first `n` bytes out.
    fn take(&mut self, n: usize) -> Vec<u8> {
        if self.start == 0 && n == self.end && n > GREEDY {
            // A large whole moves instead of being copied.
            let mut taken = std::mem::take(&mut self.buf);
            taken.truncate(n);
            self.end = 0;
            return taken;
        }
        let taken = self.buf[self.start..self.start + n].to_vec();
        self.consume(n);
        taken
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buf.len() > GREEDY {
                // One large request is no reason to keep its room.
                self.buf = Vec::new();
            }
        }
    }
}

/// The separator that ends first in `bytes`, with where it begins and ends; of two that end together, the shorter one.
/// Nothing begins before `from`.
fn find_any(bytes: &[u8], separators: &[&[u8]], from: usize) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for separator in separators {
        // No need to look further than where the best one so far ends.
        let within = &bytes[..best.map_or(bytes.len(), |(_, end)| end)];
        if let Some(begin) = find(within, separator, from) {
            let end = begin + separator.len();
            if best.is_none_or(|(best_begin, best_end)| (end, best_begin) < (best_end, begin)) {
                best = Some((begin, end));
            }
        }
    }
    best
}

/// Where `needle`, which is not empty, begins in `bytes`, at `from` or later.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let mut at = from;
    loop {
        at += find_byte(bytes.get(at..)?, first)?;
        if bytes[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}

/// Where `byte` is. `contains` looks at several bytes at once, `position` does not, so the one finds the chunk.
fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    const CHUNK: usize = 128;
    let mut before = 0;
    for chunk in bytes.chunks(CHUNK) {
        if chunk.contains(&byte) {
            return chunk.iter().position(|&b| b == byte).map(|at| before + at);
        }
        before += chunk.len();
    }
    None
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_search_finds() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| b"abcab"[(i * i % 7 % 5) as usize]).collect();
        for needle in [&b"a"[..], b"ab", b"cab", b"aab", b"bbbbb", b"x"] {
            for from in [0, 1, 127, 128, 129, 999, 1000, 1001] {
                let plain = (from..bytes.len()).find(|&at| bytes[at..].starts_with(needle));
                assert_eq!(find(&bytes, needle, from), plain, "{needle:?} from {from}");
            }
        }
    }

    #[test]
    fn earliest_end_wins() {
        assert_eq!(find_any(b"some data: END", &[b"END", b"data"], 0), Some((5, 9)));
        assert_eq!(find_any(b"data and end", &[b"and end", b"end"], 0), Some((9, 12)));
        assert_eq!(find_any(b"xxABCD", &[b"ABCD", b"BC"], 0), Some((3, 5)));
        assert_eq!(find_any(b"nothing", &[b"zz", b"y"], 0), None);
    }
}
