//! Writing for hand-written futures, through a mutable borrow: there is only one who waits this way.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use super::StreamWriter;
use super::state::State;
use crate::waiters::SOLE;

impl StreamWriter {
    /// Takes some of `data`, or of the first of several pieces, waiting while more is kept than the high-water mark.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.shared.poll_wait(cx, &mut Some(SOLE), State::drained))?;
        let mut taken = 0;
        self.shared.change(|state| {
            let (n, afterwards) = state.write_some(data);
            taken = n;
            afterwards
        });
        if taken == 0 && data.iter().any(|piece| !piece.is_empty()) {
            // The connection failed over it, or was closed a moment ago: 0 would not say so.
            ready!(self.shared.poll_wait(cx, &mut Some(SOLE), State::drained))?;
        }
        Poll::Ready(Ok(taken))
    }

    /// [`flushed`](Self::flushed), for hand-written futures. Those who ended their direction may flush it before they wait
    /// for that once more.
    pub(crate) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_wait(cx, &mut Some(SOLE), State::flush_outcome_at_end)
    }

    /// Ends its own direction after all that was written, and waits until that is done.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.change(|state| state.close(Shutdown::Write));
        self.shared.poll_wait(cx, &mut Some(SOLE), State::close_outcome)
    }
}
