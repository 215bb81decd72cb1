//! [`Server::shutdown`]: an orderly end with a limit, and an account of who did not keep it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use heist_timer::timeout;

use super::Server;
use super::registry::Entry;
use super::state::State;
use crate::StreamAddr;
use crate::writer::WeakWriter;

/// What a handler is told that is cancelled.
pub(super) const REASON: &str = "the server is being shut down";
/// How long cancelled handlers may clean up, when nothing else is said.
const GRACE: Duration = Duration::from_secs(1);

/// A connection of a server, by name.
///
/// ```no_run
/// # async fn example(server: heist_streams::Server) -> std::io::Result<()> {
/// use std::time::Duration;
///
/// let report = server.shutdown(Duration::from_secs(10)).await;
/// for connection in &report.cancelled {
///     println!("{} was served by {:?}", connection.peer, connection.task);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConnection {
    /// Who is at the other end.
    pub peer: StreamAddr,
    /// The name of its handler's task; `None` where the handler has ended, and only its last bytes were being sent.
    pub task: Option<Arc<str>>,
}

impl fmt::Display for ServerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            // A task whose name nobody changed is called after the peer.
            Some(task) if task.ends_with(&self.peer.to_string()) => self.peer.fmt(f),
            Some(task) => write!(f, "{} (task {task})", self.peer),
            None => write!(f, "{} (sending)", self.peer),
        }
    }
}

impl From<&Entry> for ServerConnection {
    fn from(entry: &Entry) -> Self {
        Self { peer: entry.writer.peer(), task: entry.task.as_ref().map(|task| task.name()) }
    }
}

/// How the connections of a server ended; see [`Server::shutdown`].
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use heist::ServerReport;
///
/// let report = ServerReport::default();
/// assert!(report.is_clean());
/// assert_eq!(report.to_string(), "0 connections ended by themselves");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ServerReport {
    /// How many ended by themselves within the limit.
    pub ended: usize,
    /// Those whose handlers were cancelled at the limit, or whose last bytes were thrown away.
    pub cancelled: Vec<ServerConnection>,
    /// Those among them whose handlers did not end even then, and run on.
    pub remaining: Vec<ServerConnection>,
}

impl ServerReport {
    /// Whether all ended by themselves.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::ServerReport;
    ///
    /// let report = ServerReport::default();
    /// assert!(report.cancelled.is_empty() && report.remaining.is_empty());
    /// assert!(report.is_clean());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_clean(&self) -> bool {
        self.cancelled.is_empty() && self.remaining.is_empty()
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connections, themselves) =
            if self.ended == 1 { ("connection", "itself") } else { ("connections", "themselves") };
        write!(f, "{} {connections} ended by {themselves}", self.ended)?;
        list(f, "", "cancelled at the limit", &self.cancelled)?;
        list(f, "of these, ", "did not end within the grace time", &self.remaining)
    }
}

/// Lists `connections`, after what is said of them all; nothing where there are none.
fn list(f: &mut fmt::Formatter<'_>, of: &str, what: &str, connections: &[ServerConnection]) -> fmt::Result {
    let Some((first, others)) = connections.split_first() else { return Ok(()) };
    write!(f, "; {of}{} {what}: {first}", connections.len())?;
    others.iter().try_for_each(|connection| write!(f, ", {connection}"))
}

/// A server about to be shut down; see [`Server::shutdown`].
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_streams::{StreamReader, StreamWriter, start_server};
/// # async fn echo(_: StreamReader, _: StreamWriter) {}
/// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
/// # use heist_streams::ServerShutdown;
/// use std::time::Duration;
///
/// let shutdown: ServerShutdown = server.shutdown(Duration::from_secs(10)).grace(Duration::from_secs(2));
/// assert!(shutdown.await.is_clean());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "await it to shut the server down"]
pub struct ServerShutdown {
    server: Server,
    limit: Duration,
    grace: Duration,
}

impl ServerShutdown {
    /// How long cancelled handlers may clean up; a second when not set.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// use std::time::Duration;
    ///
    /// let report = server.shutdown(Duration::from_secs(10)).grace(Duration::ZERO).await;
    /// assert!(report.remaining.is_empty());
    /// assert!(!server.is_serving());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    async fn run(self) -> ServerReport {
        let shared = &self.server.shared;
        self.server.close();
        let before = shared.state.lock().connections.len();
        if timeout(self.limit, shared.wait(nobody_is_left)).await.is_ok() {
            return ServerReport { ended: before, ..ServerReport::default() };
        }
        let cancelled = self.cancel_handlers();
        // What the time does not suffice for is thrown away.
        let _ = timeout(self.grace, shared.wait(nobody_is_left)).await;
        self.server.abort_clients();
        let state = shared.state.lock();
        let remaining = state.connections.iter().map(|(entry, _)| ServerConnection::from(entry)).collect();
        ServerReport { ended: before.saturating_sub(cancelled.len()), cancelled, remaining }
    }

    /// Cancels the handlers that are left, and gives up the connections that have none. Says who they were.
    fn cancel_handlers(&self) -> Vec<ServerConnection> {
        let mut state = self.server.shared.state.lock();
        state.cancelling = true;
        let cancelled = state.connections.iter().map(|(entry, _)| ServerConnection::from(entry)).collect();
        let tasks: Vec<_> = state.connections.iter().filter_map(|(entry, _)| entry.task.clone()).collect();
        let orphans = state.connections.iter().filter(|(_, parts)| !parts.running);
        let orphans: Vec<WeakWriter> = orphans.map(|(entry, _)| entry.writer.clone()).collect();
        drop(state);
        for task in tasks {
            task.cancel_with(REASON);
        }
        for writer in orphans {
            writer.abort();
        }
        cancelled
    }
}

fn nobody_is_left(state: &State) -> bool {
    state.accepting == 0 && state.connections.len() == 0
}

impl IntoFuture for ServerShutdown {
    type Output = ServerReport;
    type IntoFuture = Pin<Box<dyn Future<Output = ServerReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Server {
    /// Ends the server in good order: stops listening, gives the connections `limit` to end by themselves, cancels the
    /// handlers of those that do not, and throws away what then remains to be sent. Says who was cancelled, and who did not
    /// end even so. Await it, perhaps after [`grace`](ServerShutdown::grace); in all it takes at most limit and grace together.
    ///
    /// A handler that wants to say goodbye catches its cancel (`heist::catch_cancelled`) and has the grace time for it; the
    /// cookbook's recipe of a graceful shutdown does that, and tells handlers earlier, too. One that shuts its own server
    /// down is waited for, and then cancelled, as any other.
    ///
    /// ```no_run
    /// # async fn example(server: heist_streams::Server) {
    /// use std::time::Duration;
    ///
    /// let report = server.shutdown(Duration::from_secs(10)).await;
    /// if !report.is_clean() {
    ///     eprintln!("{report}");
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the server closed, and the connections as they are.
    pub fn shutdown(&self, limit: Duration) -> ServerShutdown {
        ServerShutdown { server: self.clone(), limit, grace: GRACE }
    }
}
