//! What transports want of a writer: to be told of its changes, and to know what it refuses.

use std::io;
use std::task::{Context, Poll};

use super::StreamWriter;
use super::state::{Afterwards, Phase, State};

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
    ticket: Option<u64>,
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

    /// As [`write`](Self::write); whether the data was taken.
    pub(crate) fn offer(&self, data: &[u8]) -> bool {
        self.offer_by(|state| state.write(data))
    }

    /// As [`writelines`](Self::writelines); whether the data was taken.
    pub(crate) fn offer_pieces(&self, pieces: &[impl AsRef<[u8]>]) -> bool {
        self.offer_by(|state| state.write_pieces(pieces))
    }

    fn offer_by(&self, write: impl FnOnce(&mut State) -> Option<Afterwards>) -> bool {
        let mut taken = false;
        self.shared.change(|state| {
            taken = state.accepts();
            if taken { write(state) } else { None }
        });
        taken
    }

    /// The low-water mark and the high one.
    pub(crate) fn marks(&self) -> (usize, usize) {
        self.shared.state.lock().marks()
    }
}
