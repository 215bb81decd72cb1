//! Writers that a handler drops just before their readers.
//!
//! A handler that ends drops its writer, then its reader. If the first drop told the peer of the end, that would be a
//! `shutdown` in vain: the second closes the connection. So the end of a writer that is dropped while a handler of a server
//! is polled waits until that poll is over. By then the reader is gone, too, or it goes on, and the peer is told.

use std::cell::Cell;

use super::link::Link;

/// Whether a handler is being polled on this thread, and which writer parts at the end of that.
#[derive(Default)]
enum Poll {
    #[default]
    None,
    Running,
    Parting(Link),
}

thread_local! {
    static POLL: Cell<Poll> = const { Cell::new(Poll::None) };
}

/// A handler is being polled, as long as this lives.
pub(crate) struct HandlerPoll {
    /// Of the handler inside of which this one is polled.
    outer: Poll,
}

impl HandlerPoll {
    #[inline]
    pub(crate) fn begin() -> Self {
        // On a thread that ends nobody waits: a writer then parts at once.
        Self { outer: POLL.try_with(|poll| poll.replace(Poll::Running)).unwrap_or_default() }
    }
}

impl Drop for HandlerPoll {
    #[inline]
    fn drop(&mut self) {
        let outer = std::mem::take(&mut self.outer);
        if let Ok(Poll::Parting(writer)) = POLL.try_with(|poll| poll.replace(outer)) {
            writer.change(super::State::part);
        }
    }
}

/// Has a writer that is dropped part at the end of the poll, where it is one of a handler. `false`: it has to part now.
pub(super) fn waits(writer: &Link) -> bool {
    let poll = POLL.try_with(Cell::take).unwrap_or_default();
    let waits = matches!(poll, Poll::Running) && writer.is_servers() && writer.state.lock().begin_parting();
    let poll = if waits { Poll::Parting(writer.clone()) } else { poll };
    let _ = POLL.try_with(|place| place.set(poll));
    waits
}
