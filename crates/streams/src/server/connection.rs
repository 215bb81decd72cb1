//! A connection: its streams, and the task that runs its handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_scheduler::task::{Body, Label, NamesTask};
use heist_scheduler::{TaskError, TaskOptions};
use pin_project_lite::pin_project;

use super::listener::{Accepted, Listener};
use super::outcome::{Outcome, report_failure};
#[cfg(feature = "tls")]
use super::protected::protected;
use super::registry::Slot;
use super::state::Shared;
use crate::writer::{Ending, HandlerPoll, PeerOf};
use crate::{StreamReader, StreamWriter};

/// What the streams of a server's connections are like.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) limit: usize,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<crate::tls::Plan>>,
}

/// The server that a connection is one of.
#[derive(Clone)]
pub(crate) struct Owner(Arc<Shared>);

impl Owner {
    /// The writer of the connection there has given the socket back.
    pub(crate) fn connection_closed(&self, slot: Slot) {
        self.0.connection_closed(slot);
    }
}

/// Counts a connection until its writer has given the socket back, while it goes from writer to writer. A writer keeps the two
/// apart.
pub(crate) struct OpenConnection(Option<(Owner, Slot)>);

impl OpenConnection {
    pub(crate) fn of(owner: Owner, slot: Slot) -> Self {
        Self(Some((owner, slot)))
    }

    /// The owner has to be told by whoever has the parts.
    pub(crate) fn into_parts(mut self) -> Option<(Owner, Slot)> {
        self.0.take()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        if let Some((owner, slot)) = self.0.take() {
            owner.connection_closed(slot);
        }
    }
}

/// Counts a handler until it ends. One that fails, panics or is cancelled takes its connection with it.
struct Running {
    /// `None` once its end is told. The server is found by it: a word in each task, not three.
    connection: Option<PeerOf>,
}

impl Running {
    fn tell_of_end(&mut self, failed: bool) {
        let Some(connection) = self.connection.take() else { return };
        if let Some((Owner(server), slot)) = connection.place() {
            server.handler_ended(slot, failed);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell_of_end(true);
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
    #[cfg(feature = "tls")]
    if let Some(plan) = streams.tls.clone() {
        let handler = move |reader, writer| protected(plan, handler, reader, writer);
        return handle(server, listener, accepted, handler, streams.limit);
    }
    handle(server, listener, accepted, handler, streams.limit);
}

/// Starts a task that runs the handler.
fn handle<H, Fut>(server: &Arc<Shared>, listener: &Listener, accepted: Accepted, handler: H, limit: usize)
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    let mut options = TaskOptions::default();
    if accepted.peer.is_unnamed() {
        options.name = Some(format!("connection to {}", listener.address()).into());
    }
    let open = OpenConnection::of(Owner(server.clone()), Slot::NONE);
    let (reader, writer) = accepted.into_streams(limit, Ending::Server(open));
    let connection = writer.peer_of();
    server.enter(&connection);
    let running = Running { connection: Some(connection.clone()) };
    let begin = Some(Begin { handler, reader, writer });
    let handling = Handling { step: Step::Begin { begin }, running };
    let task = server.handle.create_body(handling, options, server.made_at);
    server.introduce(&connection, task.task_ref());
    // It runs on by itself.
    drop(task);
}

/// A handler that was not called yet.
struct Begin<H> {
    handler: H,
    reader: StreamReader,
    writer: StreamWriter,
}

pin_project! {
    #[project = StepProjection]
    enum Step<H, Fut> {
        Begin { begin: Option<Begin<H>> },
        Running { #[pin] handler: Fut },
        Ended,
    }
}

pin_project! {
    /// What the task of a connection runs. Not an async function: that would keep the streams twice.
    struct Handling<H, Fut> {
        // Dropped first, so that the handler is gone when its end is told.
        #[pin]
        step: Step<H, Fut>,
        running: Running,
    }
}

impl<H, Fut> Body for Handling<H, Fut>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    type Output = ();
    type Watch = Label<Peer>;

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        let mut this = self.project();
        let poll = HandlerPoll::begin();
        if let StepProjection::Begin { begin } = this.step.as_mut().project() {
            let Some(Begin { handler, reader, writer }) = begin.take() else {
                unreachable!("a handler that panicked when it was called is not polled again");
            };
            let handler = handler(reader, writer);
            this.step.set(Step::Running { handler });
        }
        let StepProjection::Running { handler } = this.step.as_mut().project() else {
            unreachable!("it was begun, and a task that has ended is not polled again");
        };
        let outcome = ready!(handler.poll(cx));
        drop(poll);
        let failure = outcome.failure();
        if let (Some(failure), Some(connection)) = (&failure, &this.running.connection) {
            report_failure(failure, &connection.get());
        }
        // Before its end is told, the handler is gone.
        this.step.set(Step::Ended);
        this.running.tell_of_end(failure.is_some());
        Poll::Ready(Ok(()))
    }

    fn watch(&mut self) -> Label<Peer> {
        let Step::Begin { begin: Some(Begin { writer, .. }) } = &self.step else {
            unreachable!("asked when the task is made");
        };
        Label(Peer(writer.peer_of()))
    }

    fn type_name() -> &'static str {
        std::any::type_name::<Fut>()
    }
}

/// Names a task after its peer.
struct Peer(PeerOf);

impl NamesTask for Peer {
    fn task_name(&self) -> Option<Arc<str>> {
        let peer = self.0.get();
        (!peer.is_unnamed()).then(|| format!("connection from {peer}").into())
    }
}
