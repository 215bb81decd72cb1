//! A connection: reads what has come, does all of it, and answers in one go.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heist::{StreamReader, StreamWriter};

use super::commands;
use super::hub::Message;
use super::resp::{Limits, Parser, Reply};
use super::session::{Session, Shared};

/// Bytes that one read takes at most.
const CHUNK: usize = 64 * 1024;
/// Replies of so many bytes go out before the next command is done, however many more have come.
const BATCH: usize = 256 * 1024;
/// A client that takes nothing of its replies for so long is let go.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a client goes on to send after an error is taken, up to this, so that it gets the reply and not a reset.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(1));

/// What comes next.
enum Event {
    Bytes(io::Result<Vec<u8>>),
    Message(Option<Message>),
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

/// Serves a client until it leaves, quits, or breaks the protocol.
pub(crate) async fn serve(
    mut reader: StreamReader,
    writer: StreamWriter,
    shared: Arc<Shared>,
    limits: Limits,
) -> io::Result<()> {
    let mut session = Session::new(shared);
    let mut input = Input { bytes: Vec::new(), parser: Parser::new(limits) };
    loop {
        match next(&mut reader, &mut session).await {
            Event::Bytes(bytes) => {
                let bytes = bytes?;
                if bytes.is_empty() {
                    return Ok(());
                }
                input.add(bytes);
                if input.answer(&mut session, &writer).await? == Then::End {
                    return say_goodbye(&mut reader, &writer).await;
                }
            }
            Event::Message(Some(message)) => send(&writer, message.to_vec()).await?,
            Event::Message(None) => {
                return Err(io::Error::other("it does not read the messages that it listens to"));
            }
        }
    }
}

/// Waits for bytes, or for a message where it listens. Both waits may be given up without loss.
async fn next(reader: &mut StreamReader, session: &mut Session) -> Event {
    let message = async {
        match &mut session.inbox {
            Some(inbox) => Event::Message(inbox.recv().await),
            None => pending().await,
        }
    };
    heist::race!(message, async { Event::Bytes(reader.read(CHUNK).await) }).await
}

/// What has come and is not answered yet.
struct Input {
    bytes: Vec<u8>,
    parser: Parser,
}

impl Input {
    fn add(&mut self, bytes: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = bytes;
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// Does all whole requests, and sends the replies.
    async fn answer(&mut self, session: &mut Session, writer: &StreamWriter) -> io::Result<Then> {
        let now = Instant::now();
        let mut reply = Reply::default();
        let mut begin = 0;
        let then = loop {
            let rest = &self.bytes[begin..];
            match self.parser.parse(rest) {
                Ok(Some(length)) => {
                    commands::run(&self.parser.arguments(rest), session, now, &mut reply);
                    begin += length;
                }
                Ok(None) => break Then::GoOn,
                Err(error) => {
                    reply.error(&format_args!("ERR {error}"));
                    break Then::End;
                }
            }
            if session.quits {
                break Then::End;
            }
            if reply.len() > BATCH {
                send(writer, reply.take()).await?;
            }
        };
        self.bytes.drain(..begin);
        if reply.len() > 0 {
            send(writer, reply.take()).await?;
        }
        Ok(then)
    }
}

async fn send(writer: &StreamWriter, bytes: Vec<u8>) -> io::Result<()> {
    writer.write_bytes(bytes);
    heist::timeout(PATIENCE, writer.drain()).await?
}

/// Ends our direction; what still comes is thrown away.
async fn say_goodbye(reader: &mut StreamReader, writer: &StreamWriter) -> io::Result<()> {
    writer.write_eof();
    let (most, limit) = LINGER;
    let discard = async {
        writer.flushed().await?;
        let mut left = most;
        while left > 0 {
            match reader.read(left.min(CHUNK)).await?.len() {
                0 => break,
                n => left -= n,
            }
        }
        io::Result::Ok(())
    };
    // Who is not done by then is cut off.
    heist::timeout(limit, discard).await.unwrap_or(Ok(()))
}
