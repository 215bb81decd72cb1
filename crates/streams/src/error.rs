//! What reading can fail with.

use std::error::Error;
use std::fmt;
use std::io;

/// The stream ended before all that was asked for had come; asyncio's `IncompleteReadError`.
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
/// feeder.feed_data(b"no newline")?;
/// feeder.feed_eof();
/// let Err(ReadError::Incomplete(error)) = reader.readuntil(b"\n").await else { panic!("it ended") };
/// assert_eq!(error.partial, b"no newline");
/// assert_eq!(error.expected, None);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncompleteReadError {
    /// What had come.
    pub partial: Vec<u8>,
    /// How many bytes were asked for; `None` where a separator was.
    pub expected: Option<usize>,
}

impl fmt::Display for IncompleteReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let came = self.partial.len();
        match self.expected {
            Some(expected) => {
                write!(f, "the stream ended after {came} of the {expected} bytes that were asked for")
            }
            None => write!(f, "the stream ended after {came} bytes, before the separator came"),
        }?;
        f.write_str(": they are in `partial`")
    }
}

impl Error for IncompleteReadError {}

/// No separator within the reader's limit; asyncio's `LimitOverrunError`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::ReadError;
///
/// let (mut reader, feeder) = heist::StreamReader::fed(4)?;
/// feeder.feed_data(b"too long\n")?;
/// let Err(ReadError::LimitOverrun(error)) = reader.readuntil(b"\n").await else { panic!("over 4 bytes") };
/// assert!(error.found);
/// assert_eq!((error.consumed, error.limit), (8, 4));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOverrunError {
    /// How many buffered bytes are known to come before the separator.
    pub consumed: usize,
    /// Whether the separator is in the buffer, behind the limit.
    pub found: bool,
    /// The reader's limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for LimitOverrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.found {
            write!(f, "there are {} bytes before the separator", self.consumed)?;
        } else {
            write!(f, "{} bytes have come without the separator", self.consumed)?;
        }
        write!(
            f,
            ", and the reader's limit is {}: open the stream with a larger `limit`, or read in pieces",
            self.limit
        )
    }
}

impl Error for LimitOverrunError {}

/// Why a read that asks for something particular failed. Converts into [`io::Error`], so `?` works in either world.
///
/// ```
/// # use heist_streams as heist;
/// use std::io;
/// use heist::{IncompleteReadError, ReadError};
///
/// let error = ReadError::from(IncompleteReadError { partial: b"ab".to_vec(), expected: Some(4) });
/// assert!(error.to_string().starts_with("the stream ended after 2 of the 4 bytes that were asked for"));
/// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The connection failed.
    Io(io::Error),
    /// The stream ended too early.
    Incomplete(IncompleteReadError),
    /// The limit was passed before the separator came.
    LimitOverrun(LimitOverrunError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Incomplete(error) => error.fmt(f),
            Self::LimitOverrun(error) => error.fmt(f),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Incomplete(_) | Self::LimitOverrun(_) => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<IncompleteReadError> for ReadError {
    fn from(error: IncompleteReadError) -> Self {
        Self::Incomplete(error)
    }
}

impl From<LimitOverrunError> for ReadError {
    fn from(error: LimitOverrunError) -> Self {
        Self::LimitOverrun(error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete(error) => Self::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The system's error in words that say what failed, and what to do about it. The system's own is its source: some codes, such as
/// that of no descriptors left, have no kind by which a program could tell them.
#[cold]
pub(crate) fn explained(error: io::Error, message: String) -> io::Error {
    io::Error::new(error.kind(), Explained { message, error })
}

#[derive(Debug)]
struct Explained {
    message: String,
    error: io::Error,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// An error that is given again and again: what can be kept of an [`io::Error`], which cannot be cloned. One word, since most
/// connections never have one.
#[derive(Debug)]
pub(crate) struct Sticky(Box<Kept>);

#[derive(Debug)]
struct Kept {
    kind: io::ErrorKind,
    code: Option<i32>,
    message: String,
}

impl Sticky {
    #[cold]
    pub(crate) fn new(error: &io::Error) -> Self {
        let code = error.raw_os_error();
        // The code says it all; the text is made only for errors without one.
        let message = if code.is_some() { String::new() } else { error.to_string() };
        Self(Box::new(Kept { kind: error.kind(), code, message }))
    }

    #[cold]
    pub(crate) fn again(&self) -> io::Error {
        match self.0.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.0.kind, self.0.message.clone()),
        }
    }
}
