//! [`Lane`]: what happens to one connection of bytes, as events in their order.

use std::io;
use std::task::{Context, Poll, ready};

use super::Transport;
use super::call::Failure;
use super::driver::Session;
use crate::StreamReader;
use crate::writer::{Change, Told};

/// A connection's reader and transport, as the task has them that drives it.
pub(super) struct Lane {
    transport: Transport,
    /// `None` where nothing is read, and once the connection is lost.
    reader: Option<StreamReader>,
    /// Reading has come to the end.
    at_end: bool,
    /// Wanted by the program.
    reading: bool,
    told: Told,
    /// What ended the connection, where nobody closed it.
    error: Option<io::Error>,
}

/// What has happened. `Lost` comes once, and last.
#[derive(Debug)]
pub(super) enum Event {
    /// Bytes were read, and whoever read them has them.
    Read,
    Ended,
    Paused,
    Resumed,
    /// Whoever read has failed; not the reading.
    Failed(Failure),
    Lost(Option<io::Error>),
}

impl Lane {
    pub(super) fn new(transport: Transport, reader: Option<StreamReader>) -> Self {
        Self { transport, reader, at_end: false, reading: true, told: Told::default(), error: None }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Looks at what the program wants, and is woken from now on when that changes. Returns who is to be called instead.
    pub(super) fn attend(&mut self, cx: &Context<'_>) -> Option<Box<dyn Session>> {
        let wanted = self.transport.attend(cx.waker());
        self.reading = wanted.reading;
        #[cfg(any(feature = "tls", all(test, heist_loom)))]
        self.transport.lend_reader(&mut self.reader);
        wanted.next
    }

    /// The next event; see [`attend`](Self::attend). `read` reads, and says how many bytes that were.
    pub(super) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Context<'_>, &mut StreamReader) -> Poll<Result<usize, Failure>>,
    ) -> Poll<Event> {
        loop {
            match self.transport.writer().poll_change(cx, &mut self.told) {
                Poll::Ready(Change::Paused) => return Poll::Ready(Event::Paused),
                Poll::Ready(Change::Resumed) => return Poll::Ready(Event::Resumed),
                Poll::Ready(Change::Closed(error)) => return Poll::Ready(self.lose(error)),
                // Nothing is read any more; the next look waits.
                Poll::Ready(Change::Closing) => {}
                Poll::Pending => break,
            }
        }
        if !self.reading || self.at_end || self.told.closing {
            return Poll::Pending;
        }
        let Some(reader) = &mut self.reader else { return Poll::Pending };
        match ready!(read(cx, reader)) {
            Ok(0) => {
                self.at_end = true;
                Poll::Ready(Event::Ended)
            }
            Ok(_) => Poll::Ready(Event::Read),
            Err(Failure::Io(error)) => {
                self.transport.abort();
                Poll::Ready(self.lose(Some(error)))
            }
            Err(failure) => Poll::Ready(Event::Failed(failure)),
        }
    }

    /// Ends the connection by an error: the next event is `Lost`.
    pub(super) fn end_by(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
        self.transport.abort();
    }

    /// The connection is gone. Its descriptor is closed before anybody is told.
    fn lose(&mut self, error: Option<io::Error>) -> Event {
        self.reader = None;
        Event::Lost(self.error.take().or(error))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.transport.leave();
    }
}
