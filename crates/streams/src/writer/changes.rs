//! What transports want of a writer: to be told of its changes, and to know what it refuses.

use std::io;
use std::task::{Context, Poll};

use heist_scheduler::Handle;

use super::StreamWriter;
use super::state::{Afterwards, Phase, State};
use crate::waiters::Ticket;

/// What has become of a writer since somebody looked.
#[derive(Debug)]
pub(crate) enum Change {
    /// More is kept than the high-water mark.
    Paused,
    /// No more is kept than the low-water mark.
    Resumed,
    /// No more writes; what is kept is being sent.
    Closing,
    /// The output is given back; with the error that it ended by, if one did.
    Closed(Option<io::Error>),
}

/// What somebody has been told of a writer.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) paused: bool,
    pub(crate) closing: bool,
    ticket: Option<Ticket>,
}

impl Told {
    fn of(&self, state: &State) -> Option<Change> {
        match state.phase {
            Phase::Closed => Some(Change::Closed(state.close_outcome()?.err())),
            Phase::Closing if !self.closing => Some(Change::Closing),
            _ if state.paused && !self.paused => Some(Change::Paused),
            _ if !state.paused && self.paused => Some(Change::Resumed),
            _ => None,
        }
    }
}

impl StreamWriter {
    /// Waits until there is something to tell that was not told; only a change to `Closing` wakes nobody. One may wait with
    /// each `told`, which needs not be given back.
    pub(crate) fn poll_change(&self, cx: &mut Context<'_>, told: &mut Told) -> Poll<Change> {
        let mut ticket = told.ticket.take();
        let polled = self.shared.poll_wait(cx, &mut ticket, |state| told.of(state));
        told.ticket = ticket;
        if let Poll::Ready(change) = &polled {
            told.paused =
                matches!(change, Change::Paused) || told.paused && !matches!(change, Change::Resumed);
            told.closing |= matches!(change, Change::Closing);
        }
        polled
    }

    /// As [`write`](Self::write), from any thread: `home` sends what is kept. Whether the data was taken.
    pub(crate) fn offer(&self, home: Option<&Handle>, data: &[u8]) -> bool {
        self.offer_by(home, |state| state.write(data))
    }

    /// As [`writelines`](Self::writelines), and as [`offer`](Self::offer).
    pub(crate) fn offer_pieces(&self, home: Option<&Handle>, pieces: &[impl AsRef<[u8]>]) -> bool {
        self.offer_by(home, |state| state.write_pieces(pieces))
    }

    fn offer_by(&self, home: Option<&Handle>, write: impl FnOnce(&mut State) -> Option<Afterwards>) -> bool {
        let mut state = self.shared.state.lock();
        let taken = state.accepts();
        let afterwards = if taken { write(&mut state) } else { None };
        drop(state);
        if let Some(afterwards) = afterwards {
            self.shared.follow_on(home, afterwards);
        }
        taken
    }

    /// The high-water mark and the low one.
    pub(crate) fn marks(&self) -> (usize, usize) {
        self.shared.state.lock().marks()
    }
}
