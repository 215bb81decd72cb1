//! Two connections, and what each says passed on to the other.
//!
//! Each direction ends by itself: the end of what one side says becomes the end of what the other hears, and the opposite
//! direction goes on. A failure on either side ends both at once, and abruptly, so that nobody takes what came for the whole.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heist::{Handle, StreamReader, StreamWriter};

use super::statistics::Statistics;

/// Bytes that one read takes at most: one system call's worth at high rates. An idle connection holds none of them.
const CHUNK: usize = 64 * 1024;

/// One of the two connections.
pub(crate) struct Side {
    reader: StreamReader,
    writer: StreamWriter,
}

impl Side {
    pub(crate) fn new(reader: StreamReader, writer: StreamWriter) -> Self {
        Self { reader, writer }
    }
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Both sides said all they had to say.
    Both,
    /// Nobody said anything for too long.
    Idle(Duration),
    /// A side failed.
    Broken(Who, io::Error),
}

/// A side, in words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Client,
    Server,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both => f.write_str("both sides have ended"),
            Self::Idle(limit) => write!(f, "closed after {limit:?} of silence"),
            Self::Broken(Who::Client, error) => write!(f, "the client's connection broke: {error}"),
            Self::Broken(Who::Server, error) => write!(f, "the server's connection broke: {error}"),
        }
    }
}

/// When the last byte passed, in nanoseconds of the loop's time.
struct Activity {
    event_loop: Handle,
    last: AtomicU64,
}

impl Activity {
    fn now() -> Self {
        let event_loop = heist::get_running_loop();
        let last = AtomicU64::new(nanoseconds(event_loop.time()));
        Self { event_loop, last }
    }

    fn note(&self) {
        self.last.store(nanoseconds(self.event_loop.time()), Ordering::Relaxed);
    }

    /// Ends when nothing has passed for so long.
    async fn silent_for(&self, limit: Duration) {
        loop {
            let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
            let left = (last + limit).saturating_sub(self.event_loop.time());
            if left.is_zero() {
                return;
            }
            heist::sleep(left).await;
        }
    }
}

/// As it fits into an atomic: some 580 years.
fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Passes on what both sides say until they have ended, one has failed, or neither says anything for the limit.
pub(crate) async fn between(
    client: Side,
    server: Side,
    idle_limit: Option<Duration>,
    statistics: &Statistics,
) -> End {
    let activity = Activity::now();
    // The first failure; what it does to the other direction is no news.
    let broken = OnceLock::new();
    let (mut from_client, mut from_server) = (client.reader, server.reader);
    let (to_client, to_server) = (client.writer, server.writer);
    let give_up = |(who, error)| {
        broken.get_or_init(|| End::Broken(who, error));
        to_client.abort();
        to_server.abort();
    };
    let there = async {
        let pass = pass_on(&mut from_client, &to_server, &activity, &statistics.to_server);
        pass.await.map_err(|failure| failure.at(Who::Client, Who::Server)).unwrap_or_else(give_up);
    };
    let back = async {
        let pass = pass_on(&mut from_server, &to_client, &activity, &statistics.to_client);
        pass.await.map_err(|failure| failure.at(Who::Server, Who::Client)).unwrap_or_else(give_up);
    };
    let all_said = async {
        heist::join!(there, back).await;
        End::Both
    };
    let silence = async {
        match idle_limit {
            Some(limit) => activity.silent_for(limit).await,
            None => std::future::pending().await,
        }
        to_client.abort();
        to_server.abort();
        End::Idle(idle_limit.unwrap_or_default())
    };
    let end = heist::race!(all_said, silence).await;
    broken.into_inner().unwrap_or(end)
}

/// Which half of passing on failed.
enum Failure {
    Reading(io::Error),
    Writing(io::Error),
}

impl Failure {
    fn at(self, reading: Who, writing: Who) -> (Who, io::Error) {
        match self {
            Self::Reading(error) => (reading, error),
            Self::Writing(error) => (writing, error),
        }
    }
}

/// Passes on one direction, and its end. No more is read while the other side does not take what there is.
async fn pass_on(
    from: &mut StreamReader,
    to: &StreamWriter,
    activity: &Activity,
    bytes: &AtomicU64,
) -> Result<(), Failure> {
    loop {
        let data = from.read(CHUNK).await.map_err(Failure::Reading)?;
        activity.note();
        if data.is_empty() {
            to.write_eof();
            return to.flushed().await.map_err(Failure::Writing);
        }
        bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        to.write_bytes(data);
        to.drain().await.map_err(Failure::Writing)?;
    }
}
