//! The task that accepts on a listener.
//!
//! An error of `accept` never ends a server. What concerns one connection (the peer was gone before it was accepted) is
//! skipped. What concerns the machine (out of descriptors, out of memory) is reported once, and the listener rests for a
//! moment, longer each time, until accepting works again; new connections wait in the backlog meanwhile.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use heist_core::services::ExceptionContext;

use super::connection::{self, Streams};
use super::listener::{Accepted, Listener};
use super::outcome::Outcome;
use super::state::Shared;
use crate::report::report;
use crate::{StreamReader, StreamWriter};

/// How long a listener rests after the first error of a row, and at most: asyncio's ACCEPT_RETRY_DELAY.
const FIRST_REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Counts an accepting task until it ends, or is dropped before it began.
pub(super) struct Accepting(Arc<Shared>);

impl Accepting {
    /// The count itself was raised before.
    pub(super) fn new(server: &Arc<Shared>) -> Self {
        Self(server.clone())
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        let closed = self.0.change(|state| {
            state.accepting -= 1;
            state.is_closed()
        });
        if !closed {
            // The loop was closed, or the handler's clone panicked: a socket that nobody accepts on would keep clients
            // waiting.
            self.0.warn_unclosed();
            self.0.close();
        }
    }
}

/// What to do after an error of `accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It was about one connection: on to the next.
    Skip,
    /// It will be there again at once: rest.
    Rest,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return Self::Skip;
        }
        // accept(2): errors of the new connection's network come out of `accept`, and should be treated as "try again".
        #[cfg(target_os = "linux")]
        if let Some(
            libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENONET
            | libc::EOPNOTSUPP
            | libc::ETIMEDOUT,
        ) = error.raw_os_error()
        {
            return Self::Skip;
        }
        Self::Rest
    }
}

/// Accepts on one listener.
struct Acceptor {
    listener: Arc<Listener>,
    server: Arc<Shared>,
    /// How many connections were accepted since the listener was last found empty.
    row: u32,
    /// How long to rest after the next error; zero before the first one of a row.
    rest: Duration,
}

/// Accepts connections until the server is closed, and starts a handler for each.
pub(super) async fn accept_all<H, Fut>(
    listener: Arc<Listener>,
    accepting: Accepting,
    handler: H,
    streams: Streams,
) where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    let server = accepting.0.clone();
    let mut acceptor = Acceptor { listener, server, row: 0, rest: Duration::ZERO };
    while let Some(accepted) = acceptor.accept().await {
        connection::begin(&acceptor.server, &acceptor.listener, accepted, handler.clone(), &streams);
    }
}

impl Acceptor {
    /// The next connection; `None` once the server is closed.
    async fn accept(&mut self) -> Option<Accepted> {
        loop {
            if self.row >= self.server.backlog.max(1) {
                // Others have their turn, however many connections come.
                self.row = 0;
                heist_scheduler::yield_now().await;
            }
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok(Some(accepted)) => {
                    self.row += 1;
                    self.rest = Duration::ZERO;
                    return Some(accepted);
                }
                Ok(None) if self.is_over() => return None,
                Ok(None) => self.server.wait_for_room().await,
                Err(error) if Trouble::of(&error) == Trouble::Skip => {}
                Err(_) if self.is_over() => return None,
                Err(error) => self.recover(error).await,
            }
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Accepted>>> {
        let server = &self.server;
        let poll = self.listener.poll_accept(cx, || server.admit(), || server.refuse());
        if poll.is_pending() {
            self.row = 0;
        }
        poll
    }

    fn is_over(&self) -> bool {
        self.server.handle.is_closed() || self.server.state.lock().is_closed()
    }

    /// Rests, so that what is missing may come back, and tells of the first error of a row.
    async fn recover(&mut self, error: io::Error) {
        if self.rest.is_zero() {
            let message = format!(
                "cannot accept connections on {} for now; they wait until it works again",
                self.listener.address()
            );
            report(&ExceptionContext::new(message).with_exception(Arc::new(error)));
        }
        self.rest = (self.rest * 2).clamp(FIRST_REST, LONGEST_REST);
        heist_timer::sleep(self.rest).await;
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn troubles_are_told_apart() {
        for (code, trouble) in [
            (libc::EMFILE, Trouble::Rest),
            (libc::ENFILE, Trouble::Rest),
            (libc::ENOBUFS, Trouble::Rest),
            (libc::ENOMEM, Trouble::Rest),
            (libc::ECONNABORTED, Trouble::Skip),
            (libc::EPROTO, Trouble::Skip),
        ] {
            assert_eq!(Trouble::of(&io::Error::from_raw_os_error(code)), trouble, "{code}");
        }
    }
}
