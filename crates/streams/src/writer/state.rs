//! What a writer keeps behind its lock, and what each change of it leaves to be done.
//!
//! Nothing foreign runs under the lock: a change returns an [`Afterwards`] with the wakers to be woken and the values to be
//! dropped, and whoever made the change runs it after the lock is released.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::kept::Kept;
use crate::error::Sticky;
use crate::server::Slot;
#[cfg(feature = "tls")]
use crate::tls::TlsInfo;
use crate::waiters::{Ticket, Waiters, Woken};
use crate::wire::{Output, StreamAddr};

/// How many bytes may be kept before `drain` waits, when nothing else is said; asyncio's high-water mark.
pub(crate) const HIGH_WATER: usize = 64 << 10;
/// As few bytes as must be kept before `drain` goes on, when nothing else is said.
const LOW_WATER: usize = HIGH_WATER / 4;

/// See `docs/design/streams.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// No more writes; the flusher is at work.
    Closing,
    /// The output is given back.
    Closed,
}

/// Four words and what the lock adds, since each idle connection has one.
pub(super) struct State {
    /// Gone from `Closed` on, and while it is lent.
    pub(super) output: Output,
    /// What most writers never need.
    rare: Option<Box<Rare>>,
    /// Where its server has the connection, if it has one.
    pub(super) slot: Slot,
    pub(super) phase: Phase,
    /// What ends after what is kept. While it is open: its own direction, where `write_eof` asked for that. Then what closing ends:
    /// both directions, or, for a writer that was dropped, only its own.
    end: Option<Shutdown>,
    /// Whether there is a flusher.
    pub(super) flushing: bool,
    /// More is kept than the high-water mark, and not yet as little as the low-water mark.
    pub(super) paused: bool,
}

/// The part of the state of a writer that failed, that was waited for, whose system was full once, whose marks were set, that
/// runs over TLS, or whose peer has no address of IPv4. Allocated then.
struct Rare {
    /// Who is at the other end, where that is no address of IPv4.
    name: Option<StreamAddr>,
    /// Dropped when the connection has ended.
    ending: Option<Box<dyn Send>>,
    error: Option<Sticky>,
    /// Who waits for `paused` to end, or for `Closed`.
    waiters: Waiters,
    kept: Kept,
    /// The flusher's waker, while it waits for room: giving the output back under it must end it.
    flusher: Option<Waker>,
    high: usize,
    low: usize,
    /// What the ends of a TLS connection agreed on.
    #[cfg(feature = "tls")]
    info: Option<Arc<TlsInfo>>,
}

impl Default for Rare {
    fn default() -> Self {
        Self {
            name: None,
            ending: None,
            error: None,
            waiters: Waiters::default(),
            kept: Kept::default(),
            flusher: None,
            high: HIGH_WATER,
            low: LOW_WATER,
            #[cfg(feature = "tls")]
            info: None,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("phase", &self.phase)
            .field("output", &self.output)
            .field("kept", &self.kept())
            .field("flushing", &self.flushing)
            .field("paused", &self.paused)
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

/// What a change of the state leaves to be done outside the lock; most changes leave nothing.
#[derive(Default)]
#[must_use = "run it outside the lock"]
pub(super) struct Afterwards {
    woken: Woken,
    flusher: Option<Waker>,
    output: Option<Output>,
    ending: Option<Box<dyn Send>>,
    /// The connection has ended, of which its server is to be told.
    pub(super) ended: Option<Slot>,
    /// A flusher is to be started.
    pub(super) flush: bool,
}

impl Afterwards {
    /// Drops what is to be dropped, calls `tell` if the connection has ended, then wakes.
    pub(super) fn run(self, tell: impl FnOnce(Slot)) {
        drop(self.output);
        drop(self.ending);
        self.ended.map(tell);
        self.woken.wake();
        if let Some(flusher) = self.flusher {
            flusher.wake();
        }
    }
}

impl State {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            rare: None,
            slot: Slot::NONE,
            phase: Phase::Open,
            end: None,
            flushing: false,
            paused: false,
        }
    }

    /// Keeps who is at the other end.
    pub(super) fn set_name(&mut self, name: StreamAddr) {
        self.rare().name = Some(name);
    }

    /// Who is at the other end, where that was set.
    pub(super) fn name(&self) -> StreamAddr {
        self.rare.as_ref().and_then(|rare| rare.name.clone()).unwrap_or(StreamAddr::Unnamed)
    }

    /// Drops `ending` when the connection has ended.
    pub(super) fn set_ending(&mut self, ending: Box<dyn Send>) {
        self.rare().ending = Some(ending);
    }

    pub(super) fn take_ending(&mut self) -> Option<Box<dyn Send>> {
        self.rare.as_mut()?.ending.take()
    }

    /// Whether somebody other than a server is told of the end.
    pub(super) fn has_ending(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.ending.is_some())
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// How many bytes are kept.
    pub(super) fn kept(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.kept.len())
    }

    /// Above how many kept bytes `drain` waits, and until how many.
    pub(super) fn marks(&self) -> (usize, usize) {
        self.rare.as_ref().map_or((HIGH_WATER, LOW_WATER), |rare| (rare.high, rare.low))
    }

    /// What the ends of a TLS connection agreed on, where it became one.
    #[cfg(feature = "tls")]
    pub(super) fn info(&self) -> Option<Arc<TlsInfo>> {
        self.rare.as_ref()?.info.clone()
    }

    /// The connection has become one of TLS.
    #[cfg(feature = "tls")]
    pub(super) fn set_info(&mut self, info: TlsInfo) {
        self.rare().info = Some(Arc::new(info));
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The first error, which stays.
    #[inline]
    pub(super) fn error(&self) -> Option<&Sticky> {
        self.rare.as_ref()?.error.as_ref()
    }

    /// Notes an error, unless there was one before.
    #[cold]
    fn note_error(&mut self, error: &io::Error) {
        self.rare().error.get_or_insert_with(|| Sticky::new(error));
    }

    /// As [`Waiters::wait`].
    #[must_use = "drop it outside the lock"]
    pub(super) fn wait(&mut self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Option<Waker> {
        self.rare().waiters.wait(ticket, cx)
    }

    /// As [`Waiters::leave`].
    #[must_use = "drop it outside the lock"]
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.rare.as_mut()?.waiters.leave(ticket)
    }

    fn is_waited_for(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.waiters.is_empty())
    }

    /// As [`Waiters::take`].
    fn woken(&mut self) -> Woken {
        self.rare.as_mut().map_or_else(Woken::default, |rare| rare.waiters.take())
    }

    /// Why nothing more is sent, where that is so.
    pub(super) fn outcome(&self) -> Option<io::Result<()>> {
        match self.error() {
            Some(error) => Some(Err(error.again())),
            None if self.phase == Phase::Closed => {
                let message = "the connection is closed: nothing more can be written";
                Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, message)))
            }
            None => None,
        }
    }

    /// Why a write is not taken.
    #[cold]
    pub(super) fn refusal(&self) -> io::Error {
        match self.outcome() {
            Some(Err(error)) => error,
            _ => io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the connection is being closed: nothing more can be written",
            ),
        }
    }

    /// What `drain` gives, once it need not wait.
    pub(super) fn drained(&self) -> Option<io::Result<()>> {
        self.outcome().or_else(|| (!self.paused).then_some(Ok(())))
    }

    /// What there is to say once all is sent that was written.
    pub(super) fn flush_outcome(&self) -> Option<io::Result<()>> {
        self.outcome().or_else(|| (!self.flushing).then_some(Ok(())))
    }

    /// As `flush_outcome`, where an end of this direction is no reason to fail: all had been sent by then.
    pub(super) fn flush_outcome_at_end(&self) -> Option<io::Result<()>> {
        let ended =
            self.phase == Phase::Closed && self.end == Some(Shutdown::Write) && self.error().is_none();
        if ended { Some(Ok(())) } else { self.flush_outcome() }
    }

    /// What there is to say once the connection is closed.
    pub(super) fn close_outcome(&self) -> Option<io::Result<()>> {
        let error = || self.error().map_or(Ok(()), |error| Err(error.again()));
        (self.phase == Phase::Closed).then(error)
    }

    /// Writes what the system takes at once, and keeps the rest.
    #[inline]
    pub(super) fn write(&mut self, data: &[u8]) -> Option<Afterwards> {
        if !self.accepts() {
            return None;
        }
        match self.send_now(data) {
            Ok(sent) if sent == data.len() => {}
            Ok(sent) => self.rare().kept.push(&data[sent..]),
            Err(error) => return self.fail(&error),
        }
        self.settle()
    }

    /// As `write`, and the rest is kept as it is.
    pub(super) fn write_owned(&mut self, data: Vec<u8>) -> Option<Afterwards> {
        if !self.accepts() {
            return None;
        }
        match self.send_now(&data) {
            Ok(sent) if sent == data.len() => {}
            Ok(sent) => self.rare().kept.push_owned(data, sent),
            Err(error) => return self.fail(&error),
        }
        self.settle()
    }

    /// Sends what the system takes at once; nothing while earlier bytes wait.
    #[inline]
    pub(super) fn send_now(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < data.len() && !self.flushing {
            match self.write_now(|output| output.try_write(&data[sent..])) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// As `write`, for several pieces, in one system call where possible.
    pub(super) fn write_pieces(&mut self, pieces: &[impl AsRef<[u8]>]) -> Option<Afterwards> {
        if !self.accepts() {
            return None;
        }
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece.as_ref())).collect();
        let mut rest = &mut slices[..];
        if let Err(error) = self.send_pieces_now(&mut rest) {
            return self.fail(&error);
        }
        for piece in rest.iter() {
            self.rare().kept.push(piece);
        }
        self.settle()
    }

    /// Writes what the system takes at once, and keeps of the rest no more than the high-water mark; how much that is in
    /// all. For a writer that is not paused.
    pub(super) fn write_some(&mut self, pieces: &[IoSlice<'_>]) -> (usize, Option<Afterwards>) {
        if !self.accepts() {
            return (0, None);
        }
        let (mut one, mut several);
        let mut rest = if let [piece] = pieces {
            one = [*piece];
            &mut one[..]
        } else {
            several = pieces.to_vec();
            &mut several[..]
        };
        let mut taken = match self.send_pieces_now(&mut rest) {
            Ok(sent) => sent,
            Err(error) => return (0, self.fail(&error)),
        };
        // At least something, or the caller would take it for the end.
        let mut room = self.marks().0.saturating_sub(self.kept()).max(1);
        for piece in rest.iter() {
            let piece = &piece[..piece.len().min(room)];
            self.rare().kept.push(piece);
            taken += piece.len();
            room -= piece.len();
        }
        (taken, self.settle())
    }

    /// Sends what the system takes at once, nothing while earlier bytes wait; `rest` is what is left then.
    fn send_pieces_now(&mut self, rest: &mut &mut [IoSlice<'_>]) -> io::Result<usize> {
        let mut sent = 0;
        IoSlice::advance_slices(rest, 0);
        while !rest.is_empty() && !self.flushing {
            match self.write_now(|output| output.try_write_vectored(rest)) {
                Ok(n) => {
                    sent += n;
                    IoSlice::advance_slices(rest, n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Whether writes are taken. One after `write_eof` is an error that stays.
    #[inline]
    pub(super) fn accepts(&mut self) -> bool {
        if self.end.is_some() && self.phase == Phase::Open {
            let message = "write after write_eof: the stream was ended";
            self.note_error(&io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.phase == Phase::Open && self.error().is_none()
    }

    /// Tries a write; never 0.
    #[inline]
    fn write_now(&mut self, write: impl Fn(&mut Output) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&mut self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Starts a flusher, if there is none and something to flush.
    #[inline]
    pub(super) fn settle(&mut self) -> Option<Afterwards> {
        if self.kept() == 0 && !self.output.is_behind() { None } else { self.settle_kept() }
    }

    /// As `settle`, where something is to be flushed.
    fn settle_kept(&mut self) -> Option<Afterwards> {
        let paused = self.pause();
        if self.flushing {
            return paused;
        }
        self.flushing = true;
        Some(Afterwards { flush: true, ..paused.unwrap_or_default() })
    }

    fn start_flushing(&mut self) -> Option<Afterwards> {
        self.flushing = true;
        Some(Afterwards { flush: true, ..Afterwards::default() })
    }

    /// Has `drain` wait, if more is kept than the high-water mark. A transport may wait to be told of that.
    fn pause(&mut self) -> Option<Afterwards> {
        let over = self.kept() > self.marks().0;
        if !over || std::mem::replace(&mut self.paused, true) || !self.is_waited_for() {
            return None;
        }
        Some(Afterwards { woken: self.woken(), ..Afterwards::default() })
    }

    /// Ends the stream after all that is kept.
    pub(super) fn write_eof(&mut self) -> Option<Afterwards> {
        if self.output.is_gone() {
            return None;
        }
        if self.output.eof_closes() {
            return self.close(Shutdown::Write);
        }
        if !self.output.can_write_eof() {
            let message = "this kind of stream cannot be ended by write_eof: close it (can_write_eof tells)";
            self.note_error(&io::Error::new(io::ErrorKind::Unsupported, message));
            return None;
        }
        if self.phase != Phase::Open || self.end.replace(Shutdown::Write).is_some() || self.flushing {
            return None;
        }
        self.flushed()
    }

    /// What is to be done once nothing is kept.
    fn flushed(&mut self) -> Option<Afterwards> {
        if self.phase == Phase::Closing {
            return self.finish();
        }
        if self.end.is_some() {
            // A connection that is gone has no end to announce; the next read or write says so.
            let _ = self.output.shutdown(Shutdown::Write);
        }
        self.paused = false;
        self.is_waited_for().then(|| Afterwards { woken: self.woken(), ..Afterwards::default() })
    }

    /// Lets `drain` go on, if it need not wait any more.
    fn resume(&mut self) -> Option<Afterwards> {
        if self.paused && self.kept() <= self.marks().1 {
            self.paused = false;
            return Some(Afterwards { woken: self.woken(), ..Afterwards::default() });
        }
        None
    }

    /// The marks of `drain`, with `low` no higher than `high`.
    pub(super) fn set_marks(&mut self, high: usize, low: usize) -> Option<Afterwards> {
        let rare = self.rare();
        (rare.high, rare.low) = (high, low);
        self.pause().or_else(|| self.resume())
    }

    /// The connection failed.
    pub(super) fn fail(&mut self, error: &io::Error) -> Option<Afterwards> {
        self.note_error(error);
        // What has arrived can still be read.
        self.end = Some(Shutdown::Write);
        self.finish()
    }

    /// The peer is gone, which is no error where all was sent.
    pub(super) fn hang_up(&mut self) -> Option<Afterwards> {
        match self.phase {
            Phase::Closed => None,
            _ if self.flushing => self.fail(&io::ErrorKind::BrokenPipe.into()),
            _ => self.finish(),
        }
    }

    /// As `fail`, from the flusher or in its place.
    pub(super) fn fail_flush(&mut self, error: &io::Error) -> Option<Afterwards> {
        self.flushing = false;
        self.fail(error)
    }

    /// Gives the output back.
    fn finish(&mut self) -> Option<Afterwards> {
        let ended = (self.phase != Phase::Closed).then_some(self.slot);
        self.phase = Phase::Closed;
        self.paused = false;
        let flusher = self.rare.as_mut().and_then(|rare| {
            rare.kept = Kept::default();
            rare.flusher.take()
        });
        let mut output = self.output.take();
        if let Some(output) = output.as_mut().filter(|output| !output.is_last()) {
            // The reader keeps the connection open, so its end has to be announced.
            let _ = output.shutdown(self.end.unwrap_or(Shutdown::Both));
        }
        let (woken, ending) = (self.woken(), self.take_ending());
        Some(Afterwards { woken, flusher, output, ending, ended, flush: false })
    }

    /// No more writes; what is kept is still sent.
    pub(super) fn close(&mut self, how: Shutdown) -> Option<Afterwards> {
        if self.phase != Phase::Open {
            return None;
        }
        self.end = Some(how);
        self.phase = Phase::Closing;
        let farewell = self.output.has_farewell();
        if self.flushing {
            // How long the end may take is counted by the flusher, from here on.
            let flusher = self.rare.as_mut().filter(|_| farewell).and_then(|rare| rare.flusher.take());
            return Some(Afterwards { flusher, ..Afterwards::default() });
        }
        if farewell {
            self.output.begin_farewell();
            return self.start_flushing();
        }
        self.finish()
    }

    /// Gives the output away as it is: nothing is sent, nothing is shut down, and nobody is told.
    pub(super) fn hand_over(&mut self) -> Option<Output> {
        let output = self.output.take()?;
        self.phase = Phase::Closed;
        Some(output)
    }

    /// Lends the output, where nothing has to be sent; until it is given back the writer counts as flushing, and keeps what
    /// is written.
    pub(super) fn lend(&mut self) -> Option<Output> {
        if self.flushing || self.phase != Phase::Open {
            return None;
        }
        let output = self.output.take()?;
        self.flushing = true;
        Some(output)
    }

    /// Why a lent output is not wanted any more, if so. Otherwise whoever has it is woken for that, in the flusher's place.
    pub(super) fn poll_lent(&mut self, cx: &Context<'_>) -> Option<io::Error> {
        if self.phase == Phase::Closed {
            return Some(io::Error::new(io::ErrorKind::ConnectionAborted, "the writer was aborted"));
        }
        self.rare().flusher = Some(cx.waker().clone());
        None
    }

    /// Takes a lent output back, and goes on with it.
    pub(super) fn give_back(&mut self, output: Output) -> Option<Afterwards> {
        if self.phase == Phase::Closed {
            return Some(Afterwards { output: Some(output), ..Afterwards::default() });
        }
        self.output = output;
        self.rare().flusher = None;
        if self.phase == Phase::Closing || self.kept() > 0 {
            return self.start_flushing();
        }
        self.flushing = false;
        self.settle().or_else(|| self.flushed())
    }

    /// Gives the output back at once.
    pub(super) fn abort(&mut self) -> Option<Afterwards> {
        if self.phase == Phase::Closed {
            return None;
        }
        self.end = Some(Shutdown::Both);
        if !self.output.is_last() {
            self.output.abort();
        }
        self.finish()
    }

    /// The writer of a server's connection is dropped while its handler runs, whose reader may go with it. Says whether the
    /// end can wait for that; then [`part`](Self::part) follows.
    pub(super) fn begin_parting(&mut self) -> bool {
        let waits = self.is_open() && !self.flushing && !self.output.is_last() && !self.output.has_farewell();
        if waits {
            (self.phase, self.end) = (Phase::Closing, Some(Shutdown::Write));
        }
        waits
    }

    /// The end that [`begin_parting`](Self::begin_parting) put off.
    pub(super) fn part(&mut self) -> Option<Afterwards> {
        if self.phase == Phase::Closing && !self.flushing { self.finish() } else { None }
    }

    /// The flusher's turn: sends what is kept, as far as there is room. Ready when nothing is left to do.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> (Option<Afterwards>, Poll<()>) {
        // The flusher runs, so it need not be woken.
        let own = self.rare.as_mut().and_then(|rare| rare.flusher.take());
        match self.poll_send(cx) {
            Poll::Ready(Ok(())) => {
                self.flushing = false;
                (self.flushed(), Poll::Ready(()))
            }
            Poll::Ready(Err(error)) => (self.fail_flush(&error), Poll::Ready(())),
            Poll::Pending => {
                let own = own.filter(|own| own.will_wake(cx.waker()));
                self.rare().flusher = Some(own.unwrap_or_else(|| cx.waker().clone()));
                (self.resume(), Poll::Pending)
            }
        }
    }

    /// Sends what is kept, has it passed on, and says farewell where that is due. Ready, too, where the output is gone.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_gone() {
            return Poll::Ready(Ok(()));
        }
        let output = &mut self.output;
        if self.phase == Phase::Closing {
            if let Poll::Ready(error) = output.poll_overdue(cx) {
                return Poll::Ready(Err(error));
            }
        }
        if let Some(rare) = &mut self.rare {
            while !rare.kept.is_empty() {
                match ready!(output.poll_write(cx, rare.kept.next()))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    n => rare.kept.advance(n),
                }
            }
        }
        ready!(output.poll_flush(cx))?;
        if self.phase == Phase::Closing {
            ready!(output.poll_farewell(cx, self.end.unwrap_or(Shutdown::Both)))?;
        }
        Poll::Ready(Ok(()))
    }
}
