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
use super::registry::Key;
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

/// Counts a connection until its writer has given the socket back.
pub(crate) struct OpenConnection {
    server: Arc<Shared>,
    key: Key,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.server.connection_closed(self.key);
    }
}

/// Counts a handler until it ends. One that fails, panics or is cancelled takes its connection with it.
struct Running {
    /// `None` once its end is told.
    server: Option<Arc<Shared>>,
    key: Key,
}

impl Running {
    fn tell_of_end(&mut self, failed: bool) {
        if let Some(server) = self.server.take() {
            server.handler_ended(self.key, failed);
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
    let (reader, writer) = accepted.into_streams(limit);
    let key = server.enter(writer.downgrade());
    writer.tell_of_end(Ending::Server(OpenConnection { server: server.clone(), key }));
    let running = Running { server: Some(server.clone()), key };
    let begin = Some(Begin { handler, reader, writer });
    let handling = Handling { step: Step::Begin { begin }, running };
    let task = server.handle.create_body(handling, options, server.made_at);
    server.introduce(key, task.task_ref());
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
        if let (Some(failure), Some(server)) = (&failure, &this.running.server) {
            report_failure(failure, &server.peer(this.running.key));
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
