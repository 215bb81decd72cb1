//! A connection: its streams, and the task that runs its handler.

use std::future::Future;
use std::sync::Arc;

use super::listener::{Accepted, Listener};
use super::outcome::{Outcome, report_failure};
use super::registry::Key;
use super::state::Shared;
use crate::{StreamAddr, StreamReader, StreamWriter};

/// What the streams of a server's connections are like.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) limit: usize,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<crate::tls::Plan>>,
}

/// Counts a connection until its writer has given the socket back.
struct Open {
    server: Arc<Shared>,
    key: Key,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.connection_closed(self.key);
    }
}

/// Counts a handler until it ends. One that fails, panics or is cancelled takes its connection with it.
struct Running {
    server: Arc<Shared>,
    key: Key,
    failed: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.handler_ended(self.key, self.failed);
    }
}

/// Starts the task of a connection.
pub(super) fn begin<H, Fut>(
    server: &Arc<Shared>,
    listener: &Listener,
    accepted: Accepted,
    handler: H,
    streams: &Streams,
) where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    let name = task_name(&accepted.peer, listener);
    let peer = accepted.peer.clone();
    let key = server.enter(peer.clone());
    let ending = Box::new(Open { server: server.clone(), key });
    let running = Running { server: server.clone(), key, failed: true };
    let (reader, writer) = accepted.into_streams(streams.limit, ending);
    let weak = writer.downgrade();
    #[cfg(feature = "tls")]
    let task = match streams.tls.clone() {
        None => heist_scheduler::task(run(handler, reader, writer, running, peer)).name(name).spawn(),
        Some(plan) => {
            let running = run_protected(plan, handler, reader, writer, running, peer);
            heist_scheduler::task(running).name(name).spawn()
        }
    };
    #[cfg(not(feature = "tls"))]
    let task = heist_scheduler::task(run(handler, reader, writer, running, peer)).name(name).spawn();
    server.introduce(key, weak, task.task_ref());
    // It runs on by itself.
    drop(task);
}

async fn run<H, Fut>(
    handler: H,
    reader: StreamReader,
    writer: StreamWriter,
    mut running: Running,
    peer: StreamAddr,
) where
    H: FnOnce(StreamReader, StreamWriter) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let outcome = handler(reader, writer).await;
    running.failed = outcome.failure().inspect(|failure| report_failure(failure, &peer)).is_some();
}

/// As `run`, once TLS is under the streams. The room for the handshake is given back then.
#[cfg(feature = "tls")]
async fn run_protected<H, Fut>(
    plan: Arc<crate::tls::Plan>,
    handler: H,
    reader: StreamReader,
    writer: StreamWriter,
    running: Running,
    peer: StreamAddr,
) where
    H: FnOnce(StreamReader, StreamWriter) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    match Box::pin(plan.protect(reader, writer)).await {
        Ok((reader, writer)) => run(handler, reader, writer, running, peer).await,
        // Anybody can connect and say nonsense.
        Err(error) => {
            if heist_core::services::current().is_some_and(|services| services.is_debug()) {
                report_failure(&error, &peer);
            }
        }
    }
}

/// What the task of a connection is called: it says the peer, or, where that has no name, where it came in.
fn task_name(peer: &StreamAddr, listener: &Listener) -> String {
    if peer.is_unnamed() {
        format!("connection to {}", listener.address())
    } else {
        format!("connection from {peer}")
    }
}
