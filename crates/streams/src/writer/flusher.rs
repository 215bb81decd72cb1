//! The flusher: the task that writes what a writer keeps.
//!
//! There is at most one per writer. It holds the writer's state, so it lives until nothing is left to send, whatever
//! becomes of the writer: one that is closed or dropped is flushed first, then closed.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use heist_scheduler::Handle;

use super::link::Link;

/// Starts the task that writes what is kept: on the loop of `home`, or on the one that this thread runs.
pub(super) fn start(shared: &Link, home: Option<Handle>) {
    /// The flusher's hold on the writer. Dropped before the end, the rest is lost and the writer fails.
    struct Flusher(Option<Link>);
    impl Drop for Flusher {
        fn drop(&mut self) {
            if let Some(shared) = self.0.take() {
                shared.abandon("the event loop ended before all that was written could be sent");
            }
        }
    }

    let Some(handle) = home.or_else(Handle::current) else {
        shared.abandon("no event loop runs on this thread to send the rest: write from a task of the loop");
        return;
    };
    let mut flusher = Flusher(Some(shared.clone()));
    let task = handle.create_task(async move {
        poll_fn(|cx| {
            let Some(shared) = &flusher.0 else { return Poll::Ready(()) };
            let (afterwards, poll) = shared.state.lock().poll_flush(cx);
            if let Some(afterwards) = afterwards {
                shared.follow(afterwards);
            }
            if poll.is_ready() {
                flusher.0 = None;
            }
            poll
        })
        .await;
    });
    // It runs on by itself.
    drop(task.with_name("StreamWriter flusher"));
}

impl Link {
    /// Nobody will send what is kept.
    fn abandon(&self, why: &str) {
        let mut state = self.state.lock();
        let afterwards = if state.flushing {
            state.fail_flush(&io::Error::new(io::ErrorKind::BrokenPipe, why))
        } else {
            None
        };
        drop(state);
        if let Some(afterwards) = afterwards {
            self.follow(afterwards);
        }
    }
}
