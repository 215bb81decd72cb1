//! Two connections, and what each says passed on to the other.
//!
//! Each direction ends by itself: the end of what one side says becomes the end of what the other hears, and the opposite
//! direction goes on. A failure on either side ends both at once, and abruptly, so that nobody takes what came for the whole.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use heist::Handle;
use heist::net::{ReadHalf, TcpStream, WriteHalf};

use super::statistics::Statistics;

/// Bytes on their way in one direction: a connection holds twice that.
const CHUNK: usize = 32 * 1024;

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
    async fn silent_for(&self, limit: Duration) -> End {
        loop {
            let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
            let left = (last + limit).saturating_sub(self.event_loop.time());
            if left.is_zero() {
                return End::Idle(limit);
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
    client: TcpStream,
    server: TcpStream,
    idle_limit: Option<Duration>,
    statistics: &Statistics,
) -> End {
    let activity = Activity::now();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let outcome = {
        let there = pass_on(
            (Who::Client, &mut from_client),
            (Who::Server, &mut to_server),
            &activity,
            &statistics.to_server,
        );
        let back = pass_on(
            (Who::Server, &mut from_server),
            (Who::Client, &mut to_client),
            &activity,
            &statistics.to_client,
        );
        let all_said = async { both([pin!(there), pin!(back)]).await.err().unwrap_or(End::Both) };
        let silence = async {
            match idle_limit {
                Some(limit) => activity.silent_for(limit).await,
                None => std::future::pending().await,
            }
        };
        // Also who is cancelled, at the end of the server's patience, cuts off what is not complete.
        heist::catch_cancelled(heist::race!(all_said, silence)).await
    };
    if !matches!(outcome, Ok(End::Both)) {
        for halves in [(from_client, to_client), (from_server, to_server)] {
            let whole = halves.0.reunite(halves.1);
            cut_off(whole.expect("the two come from one connection"));
        }
    }
    match outcome {
        Ok(end) => end,
        Err(cancelled) => cancelled.resume().await,
    }
}

/// Closes a connection with a reset, which nobody takes for an end in order.
pub(crate) fn cut_off(stream: TcpStream) {
    // One that is gone already needs none.
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// Ends when both have ended well, or the first one fails.
async fn both<F: Future<Output = Result<(), End>>>(directions: [Pin<&mut F>; 2]) -> Result<(), End> {
    let mut left = directions.map(Some);
    poll_fn(move |cx| {
        for direction in &mut left {
            match direction.as_mut().map(|future| future.as_mut().poll(cx)) {
                Some(Poll::Ready(result)) => {
                    *direction = None;
                    result?;
                }
                Some(Poll::Pending) | None => {}
            }
        }
        if left.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Passes on one direction, and its end. No more is read while the other side does not take what there is.
async fn pass_on(
    (reading, from): (Who, &mut ReadHalf),
    (writing, to): (Who, &mut WriteHalf),
    activity: &Activity,
    bytes: &AtomicU64,
) -> Result<(), End> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = from.read(&mut buffer).await.map_err(|error| End::Broken(reading, error))?;
        activity.note();
        if length == 0 {
            // A connection that is gone has nobody to tell; the other direction finds out.
            let _ = to.shutdown();
            return Ok(());
        }
        to.write_all(&buffer[..length]).await.map_err(|error| End::Broken(writing, error))?;
        activity.note();
        bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}
