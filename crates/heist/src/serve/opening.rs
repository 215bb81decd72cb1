//! The first bytes of a connection: which protocol the peer speaks, and what is said to one that speaks another.

use std::io;
use std::time::Duration;

use crate::{StreamReader, StreamWriter, timeout};

/// What every connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What every connection of TLS begins with: a handshake record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;
/// How long a peer that is sent away may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);
/// And how much of what it sends meanwhile is thrown away, in bytes: a reset would take the answer with it.
const THROWN_AWAY: usize = 256 << 10;

/// What a peer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// HTTP/1, or nonsense, of which that tells.
    Http1,
    Http2,
    Tls,
    /// It ended the connection without a word.
    Nothing,
}

impl Opening {
    /// Looks at the first byte only, of a connection that is to speak TLS.
    #[cfg(feature = "tls")]
    pub(super) async fn before_tls(reader: &mut StreamReader) -> io::Result<Self> {
        Ok(match reader.peek(1).await? {
            [] => Self::Nothing,
            [first, ..] if first.is_ascii_uppercase() => Self::Http1,
            // Whatever it is, TLS has the words to refuse it.
            _ => Self::Tls,
        })
    }

    /// Looks as far as is needed, and takes nothing.
    pub(super) async fn of(reader: &mut StreamReader) -> io::Result<Self> {
        let mut wanted = 1;
        loop {
            let there = reader.peek(wanted).await?;
            let compared = there.len().min(PREFACE.len());
            match there {
                [] => return Ok(Self::Nothing),
                [HANDSHAKE, ..] => return Ok(Self::Tls),
                _ if compared == PREFACE.len() && there.starts_with(PREFACE) => return Ok(Self::Http2),
                // Something else, or the end of a peer that said no more.
                _ if there[..compared] != PREFACE[..compared] || there.len() < wanted => {
                    return Ok(Self::Http1);
                }
                _ => wanted = there.len() + 1,
            }
        }
    }
}

/// Says in HTTP/1 why the peer is sent away, and waits until it has had a chance to read that.
pub(super) async fn send_away(reader: &mut StreamReader, writer: &StreamWriter, why: &str) {
    let length = why.len() + 1;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {length}\r\n\r\n{why}\n"
    );
    writer.write(answer.as_bytes());
    writer.write_eof();
    let mut left = THROWN_AWAY;
    let reading = async {
        while left > 0 {
            match reader.read(left).await {
                Ok(bytes) if !bytes.is_empty() => left -= bytes.len().min(left),
                _ => break,
            }
        }
    };
    // It has had its time either way.
    let _ = timeout(FAREWELL, reading).await;
    writer.close();
}
