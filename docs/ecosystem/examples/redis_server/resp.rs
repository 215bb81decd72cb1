//! RESP2, the protocol of Redis: requests read, replies written.
//!
//! A request is an array of bulk strings, or a line of words for whoever types it. The parser goes on where it stopped when more
//! has come, so a request costs the same in one piece and byte by byte, and it believes no length before the bytes are there:
//! memory grows only with what a client has really sent, up to the limits.

use std::fmt;
use std::ops::Range;

/// A line that announces a length: a sign, digits, and no more.
const LONGEST_LENGTH: usize = 32;

/// So many arguments have their place for good.
const USUAL_ARGUMENTS: usize = 64;

/// What a client may ask of us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of a whole request.
    pub(crate) request: usize,
    /// Arguments of a request.
    pub(crate) arguments: usize,
    /// Bytes of a line of words.
    pub(crate) inline: usize,
}

/// What is wrong with a request. The connection cannot go on: nobody knows where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    InvalidMultibulkLength,
    InvalidBulkLength,
    ExpectedDollar(u8),
    TooBigInline,
    TooBigCount,
    TooBigRequest(usize),
    Quotes,
    MissingEnd,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            // In a line of its own, so nothing that would end it.
            Self::ExpectedDollar(got) => write!(f, "expected '$', got '{}'", got.escape_ascii()),
            Self::TooBigInline => f.write_str("too big inline request"),
            Self::TooBigCount => f.write_str("too big count string"),
            Self::TooBigRequest(limit) => write!(f, "a request of more than {limit} bytes"),
            Self::Quotes => f.write_str("quotes in an inline request: send an array instead"),
            Self::MissingEnd => f.write_str("a bulk string without its end"),
        }
    }
}

/// A number as Redis takes it: no sign but a minus, no spaces, no zeros in front.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(number).filter(|number| number.to_string().as_bytes() == text)
}

/// Finds requests in what has come.
#[derive(Debug)]
pub(crate) struct Parser {
    limits: Limits,
    /// Where the arguments of the request are, as far as they are known.
    arguments: Vec<Range<usize>>,
    /// So far it is understood.
    at: usize,
    /// So far there is no end of a line.
    searched: usize,
    /// How many arguments are still to come; `None` before the first line is there.
    missing: Option<usize>,
    /// Whether the arguments are of the last request, which was given out.
    given: bool,
}

impl Parser {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, arguments: Vec::new(), at: 0, searched: 0, missing: None, given: false }
    }

    /// Looks for a request at the front of `input`, which has grown since the last call where that gave `None`. Gives the
    /// length of a whole one; [`arguments`](Self::arguments) has its parts then. One without any is to be passed over.
    pub(crate) fn parse(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if std::mem::take(&mut self.given) {
            self.arguments.clear();
            // One large request does not make its connection large for ever.
            self.arguments.shrink_to(USUAL_ARGUMENTS);
        }
        let whole = match (self.missing, input.first()) {
            (None, None) => return Ok(None),
            (None, Some(b'*')) => self.count(input)? && self.bulks(input)?,
            (None, Some(_)) => self.inline(input)?,
            (Some(_), _) => self.bulks(input)?,
        };
        if !whole {
            return Ok(None);
        }
        let length = self.at;
        (self.at, self.searched, self.missing, self.given) = (0, 0, None, true);
        Ok(Some(length))
    }

    /// The arguments of the request that was found last.
    pub(crate) fn arguments<'a>(&self, input: &'a [u8]) -> Vec<&'a [u8]> {
        self.arguments.iter().map(|range| &input[range.clone()]).collect()
    }

    /// `*3\r\n`
    fn count(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        let Some(count) = self.length(input, ProtocolError::InvalidMultibulkLength)? else {
            return Ok(false);
        };
        // As Redis: nothing, and less than nothing, are an empty request.
        let count = usize::try_from(count).unwrap_or(0);
        if count > self.limits.arguments {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        self.missing = Some(count);
        Ok(true)
    }

    /// `$5\r\nhello\r\n`, as often as was announced.
    fn bulks(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        while let Some(missing @ 1..) = self.missing {
            let line = self.at;
            match input.get(line) {
                None => return Ok(false),
                Some(b'$') => {}
                Some(&other) => return Err(ProtocolError::ExpectedDollar(other)),
            }
            let Some(length) = self.length(input, ProtocolError::InvalidBulkLength)? else {
                return Ok(false);
            };
            let length = usize::try_from(length).map_err(|_| ProtocolError::InvalidBulkLength)?;
            if length > self.limits.request {
                return Err(ProtocolError::InvalidBulkLength);
            }
            let end = self.at + length;
            if end > self.limits.request {
                return Err(ProtocolError::TooBigRequest(self.limits.request));
            }
            match input.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::MissingEnd),
                None => {
                    // The short line is read again when more has come.
                    self.at = line;
                    return Ok(false);
                }
            }
            self.arguments.push(self.at..end);
            self.at = end + 2;
            self.missing = Some(missing - 1);
        }
        Ok(true)
    }

    /// The number in the line at `at`, behind its first byte. Goes on behind the line; `None` while it has not ended.
    fn length(&mut self, input: &[u8], invalid: ProtocolError) -> Result<Option<i64>, ProtocolError> {
        let rest = &input[self.at + 1..];
        let window = &rest[..rest.len().min(LONGEST_LENGTH)];
        let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
            let full = window.len() == LONGEST_LENGTH;
            return if full { Err(ProtocolError::TooBigCount) } else { Ok(None) };
        };
        self.at += 1 + end + 2;
        integer(&window[..end]).map(Some).ok_or(invalid)
    }

    /// `PING\r\n`: words between spaces, to the end of the line.
    fn inline(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        let Some(end) = input[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = input.len();
            let full = input.len() > self.limits.inline;
            return if full { Err(ProtocolError::TooBigInline) } else { Ok(false) };
        };
        let end = self.searched + end;
        if end > self.limits.inline {
            return Err(ProtocolError::TooBigInline);
        }
        let line = &input[..end];
        if line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            return Err(ProtocolError::Quotes);
        }
        let mut begin = 0;
        for word in line.split(u8::is_ascii_whitespace) {
            if !word.is_empty() {
                self.arguments.push(begin..begin + word.len());
            }
            begin += word.len() + 1;
        }
        self.at = end + 1;
        Ok(true)
    }
}

/// Replies, collected until they are sent together.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// `+OK\r\n`
    pub(crate) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `-ERR ...\r\n`
    pub(crate) fn error(&mut self, error: &impl fmt::Display) {
        // A client's own words may be in it, but no end of a line.
        let text = error.to_string().replace(['\r', '\n'], " ");
        self.line(b'-', text.as_bytes());
    }

    /// `:7\r\n`
    pub(crate) fn integer(&mut self, number: i64) {
        self.line(b':', number.to_string().as_bytes());
    }

    /// `$5\r\nhello\r\n`
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', bytes.len().to_string().as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// What is not there.
    pub(crate) fn null(&mut self) {
        self.line(b'$', b"-1");
    }

    /// Either of the two.
    pub(crate) fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// `*3\r\n`: so many replies follow, and are one.
    pub(crate) fn array(&mut self, count: usize) {
        self.line(b'*', count.to_string().as_bytes());
    }

    /// How much is collected.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes what is collected.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }
}
