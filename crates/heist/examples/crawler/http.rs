//! A client for HTTP/1.1, by hand over `open_connection`: one request a connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use heist::{ReadError, StreamReader};

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many header lines an answer may have, and how many bytes its body: a server is not to be trusted.
const MOST_HEADERS: usize = 100;
const LARGEST_BODY: usize = 64 << 20;

/// A page as it came.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    /// All bytes of the answer, with its head.
    pub(crate) received: usize,
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// No connection.
    Connect(io::Error),
    /// The connection broke.
    Broken(io::Error),
    /// The answer ended too early.
    CutShort { got: usize, expected: Option<usize> },
    /// What came is no HTTP.
    Malformed(&'static str),
    /// The server's answer is that there is no page: 404, 500 and the like.
    Status(u16),
    /// It took too long.
    TimedOut,
}

impl FetchError {
    /// What the summary counts it under.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Connect(error) => format!("no connection: {}", name(error)),
            Self::Broken(error) => name(error),
            Self::CutShort { .. } => "cut short".into(),
            Self::Malformed(_) => "no HTTP".into(),
            Self::Status(status) => format!("HTTP {status}"),
            Self::TimedOut => "timed out".into(),
        }
    }
}

/// What went wrong, without whom it happened to.
fn name(error: &io::Error) -> String {
    match error.kind() {
        // Most other kinds are named as well as this, but "uncategorized error" (out of descriptors, say) is no name.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".into(),
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        _ => error.to_string(),
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) | Self::Broken(error) => error.fmt(f),
            Self::CutShort { got, expected: Some(expected) } => {
                write!(f, "cut short: {got} of {expected} bytes")
            }
            Self::CutShort { got, expected: None } => write!(f, "cut short in its head, after {got} bytes"),
            Self::Malformed(what) => write!(f, "no HTTP: {what}"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::TimedOut => write!(f, "no answer within {PATIENCE:?}"),
        }
    }
}

impl std::error::Error for FetchError {}

impl From<ReadError> for FetchError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Incomplete(error) => {
                Self::CutShort { got: error.partial.len(), expected: error.expected }
            }
            ReadError::LimitOverrun(_) => Self::Malformed("a line without end"),
            other => Self::Broken(other.into()),
        }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Fetches `path` from the server at `host`.
pub(crate) async fn get(host: SocketAddr, path: &str) -> Result<Page, FetchError> {
    heist::timeout(PATIENCE, exchange(host, path)).await.unwrap_or(Err(FetchError::TimedOut))
}

async fn exchange(host: SocketAddr, path: &str) -> Result<Page, FetchError> {
    let (mut reader, writer) = heist::open_connection(host).await.map_err(FetchError::Connect)?;

    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    writer.write(request.as_bytes());
    writer.drain().await?;

    let head = read_head(&mut reader).await?;
    if head.status != 200 {
        return Err(FetchError::Status(head.status));
    }
    let body = match head.length {
        Some(length) if length > LARGEST_BODY => return Err(FetchError::Malformed("a body too large")),
        Some(length) => reader.readexactly(length).await?,
        None => read_to_end(&mut reader).await?,
    };

    writer.close();
    Ok(Page { received: head.bytes + body.len(), body })
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// The length of the body; without one, the body goes on until the end of the stream.
    length: Option<usize>,
    bytes: usize,
}

async fn read_head(reader: &mut StreamReader) -> Result<Head, FetchError> {
    let status_line = read_line(reader, 0).await?;
    let mut head = Head { status: status(&status_line)?, length: None, bytes: status_line.len() };
    for _ in 0..MOST_HEADERS {
        let line = read_line(reader, head.bytes).await?;
        head.bytes += line.len();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(head);
        }
        let line =
            std::str::from_utf8(line).map_err(|_| FetchError::Malformed("a header that is no text"))?;
        let (name, value) = line.split_once(':').ok_or(FetchError::Malformed("a header without colon"))?;
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| FetchError::Malformed("a length that is none"))?;
            head.length = Some(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(FetchError::Malformed("a transfer encoding, which this client does not know"));
        }
    }
    Err(FetchError::Malformed("too many headers"))
}

/// A whole line; `before` bytes came before it.
async fn read_line(reader: &mut StreamReader, before: usize) -> Result<Vec<u8>, FetchError> {
    let line = reader.readline().await?;
    if !line.ends_with(b"\n") {
        return Err(FetchError::CutShort { got: before + line.len(), expected: None });
    }
    Ok(line)
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Result<u16, FetchError> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|rest| rest.split_ascii_whitespace().nth(1))
        .and_then(|number| number.parse().ok())
        .ok_or(FetchError::Malformed("a status line that is none"))
}

async fn read_to_end(reader: &mut StreamReader) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    loop {
        let more = reader.read(64 << 10).await?;
        if more.is_empty() {
            return Ok(body);
        }
        body.extend_from_slice(&more);
        if body.len() > LARGEST_BODY {
            return Err(FetchError::Malformed("a body too large"));
        }
    }
}
