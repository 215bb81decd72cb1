//! [`StreamWriter`]: the half of a stream that writes.
//!
//! # How bytes leave
//!
//! [`write`](StreamWriter::write) on an empty buffer tries the system call at once. What the system does not take is kept,
//! and a *flusher*, a task of the loop, writes it as room comes. There is at most one flusher per writer; it lives until
//! the buffer is empty, whatever becomes of the writer in the meantime: a writer that is closed or dropped is flushed
//! first, then closed.
//!
//! All is behind one lock, which is held for a system call or two and never while anything foreign runs: wakers are
//! woken, and what was taken out is dropped, after it is released.
//!
//! # Phases
//!
//! | phase | leaves it |
//! |---|---|
//! | `Open` | by `close`, `abort`, drop, or an error |
//! | `Closing`: no more writes; the flusher is at work | when the buffer is empty, or by an error |
//! | `Closed`: the socket is given back | never |

use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;
use heist_reactor::Half;
use heist_scheduler::Handle;

use crate::error::Sticky;
use crate::waiters::{Waiters, Woken};

/// How many bytes may be kept before `drain` waits, when nothing else is said; asyncio's high-water mark.
const HIGH_WATER: usize = 64 << 10;

/// Something whose drop tells somebody that a connection has ended.
pub(crate) type Ending = Box<dyn Send>;

/// The half of a stream that writes; asyncio's `StreamWriter`.
///
/// All methods take a shared borrow: an `Arc<StreamWriter>` may be used by many tasks.
///
/// Dropping a writer sends what was written before, then ends the stream for the peer; the reader of the same connection
/// may go on. [`close`](Self::close) ends both directions.
#[derive(Debug)]
pub struct StreamWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    peer: Option<SocketAddr>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Closed,
}

struct State {
    phase: Phase,
    /// `None` from `Closed` on.
    output: Option<Half<net::TcpStream>>,
    /// What is kept: `head..` of it.
    buf: Vec<u8>,
    head: usize,
    /// Whether there is a flusher.
    flushing: bool,
    /// Its waker, while it waits for room: giving the socket back under it must end it.
    flusher: Option<Waker>,
    /// More is kept than the high-water mark, and not yet as little as the low-water mark.
    paused: bool,
    high: usize,
    low: usize,
    /// The end of the stream is to be sent after what is kept.
    eof: bool,
    /// What closing ends: both directions, or, for a writer that was dropped, only its own.
    how: Shutdown,
    error: Option<Sticky>,
    /// Who waits for `paused` to end, or for `Closed`.
    waiters: Waiters,
    ending: Option<Ending>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("phase", &self.phase)
            .field("kept", &self.kept())
            .field("flushing", &self.flushing)
            .field("paused", &self.paused)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// What a change of the state leaves to be done outside the lock; most changes leave nothing.
#[derive(Default)]
#[must_use = "call `run` outside the lock"]
struct Afterwards {
    woken: Woken,
    flusher: Option<Waker>,
    output: Option<Half<net::TcpStream>>,
    ending: Option<Ending>,
    flush: bool,
}

impl Afterwards {
    fn run(self, shared: &Arc<Shared>) {
        drop(self.output);
        drop(self.ending);
        self.woken.wake();
        if let Some(flusher) = self.flusher {
            flusher.wake();
        }
        if self.flush {
            start_flusher(shared);
        }
    }
}

impl State {
    fn kept(&self) -> usize {
        self.buf.len() - self.head
    }

    /// Writes what the system takes at once, and keeps the rest.
    fn write(&mut self, mut data: &[u8]) -> Option<Afterwards> {
        if !self.accepts() {
            return None;
        }
        if !self.flushing {
            while !data.is_empty() {
                match self.write_now(|mut socket| socket.write(data)) {
                    Ok(n) => data = &data[n..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return self.fail(&error),
                }
            }
        }
        self.keep(data)
    }

    /// As `write`, for several pieces, in one system call where possible.
    fn write_pieces<T: AsRef<[u8]>>(&mut self, pieces: &[T]) -> Option<Afterwards> {
        if !self.accepts() {
            return None;
        }
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece.as_ref())).collect();
        let mut rest = &mut slices[..];
        // Empty pieces at the front would look like "nothing written".
        IoSlice::advance_slices(&mut rest, 0);
        if !self.flushing {
            while !rest.is_empty() {
                match self.write_now(|mut socket| socket.write_vectored(rest)) {
                    Ok(n) => IoSlice::advance_slices(&mut rest, n),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return self.fail(&error),
                }
            }
        }
        for piece in rest.iter() {
            self.buf.extend_from_slice(piece);
        }
        self.keep(&[])
    }

    fn accepts(&mut self) -> bool {
        if self.phase == Phase::Open && self.eof && self.error.is_none() {
            let message = "write after write_eof: the stream was ended";
            self.error = Some(Sticky::new(&io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        self.phase == Phase::Open && self.error.is_none()
    }

    /// Tries a system call that writes; never 0.
    fn write_now(&mut self, write: impl Fn(&net::TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        let Some(output) = &mut self.output else { return Err(io::ErrorKind::NotConnected.into()) };
        loop {
            match output.try_io(&write) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Keeps what the system did not take. `Afterwards` starts a flusher, if there is none and something to flush.
    fn keep(&mut self, data: &[u8]) -> Option<Afterwards> {
        self.buf.extend_from_slice(data);
        let kept = self.kept();
        self.paused |= kept > self.high;
        let flush = kept > 0 && !self.flushing;
        self.flushing |= flush;
        flush.then(|| Afterwards { flush, ..Afterwards::default() })
    }

    /// What is to be done once nothing is kept.
    fn flushed(&mut self) -> Option<Afterwards> {
        if self.phase == Phase::Closing {
            return self.finish();
        }
        if self.eof {
            if let Some(output) = &self.output {
                // A connection that is gone has no end to announce; the next read or write says so.
                let _ = output.get_ref().shutdown(Shutdown::Write);
            }
        }
        self.resume()
    }

    /// Lets `drain` go on, if it need not wait any more.
    fn resume(&mut self) -> Option<Afterwards> {
        if self.paused && self.kept() <= self.low {
            self.paused = false;
            return Some(Afterwards { woken: self.waiters.take(), ..Afterwards::default() });
        }
        None
    }

    /// The connection failed.
    fn fail(&mut self, error: &io::Error) -> Option<Afterwards> {
        self.error.get_or_insert_with(|| Sticky::new(error));
        // What has arrived can still be read.
        self.how = Shutdown::Write;
        self.finish()
    }

    /// Gives the socket back.
    fn finish(&mut self) -> Option<Afterwards> {
        self.phase = Phase::Closed;
        self.paused = false;
        self.buf = Vec::new();
        self.head = 0;
        let output = self.output.take();
        if let Some(output) = output.as_ref().filter(|output| !output.is_last()) {
            // The reader keeps the socket open, so its end has to be announced.
            let _ = output.get_ref().shutdown(self.how);
        }
        Some(Afterwards {
            woken: self.waiters.take(),
            flusher: self.flusher.take(),
            output,
            ending: self.ending.take(),
            flush: false,
        })
    }

    /// No more writes; what is kept is still sent.
    fn close(&mut self, how: Shutdown) -> Option<Afterwards> {
        if self.phase != Phase::Open {
            return None;
        }
        self.how = how;
        self.phase = Phase::Closing;
        if self.flushing { None } else { self.finish() }
    }

    /// Writes what is kept, as far as there is room. Ready when nothing is left to do.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> (Option<Afterwards>, Poll<()>) {
        // The flusher runs, so it need not be woken.
        let own = self.flusher.take();
        loop {
            let Some(output) = self.output.as_mut().filter(|_| self.head < self.buf.len()) else {
                self.flushing = false;
                self.buf.clear();
                self.head = 0;
                return (self.flushed(), Poll::Ready(()));
            };
            match output.poll_write(cx, &self.buf[self.head..]) {
                Poll::Ready(Ok(0)) => {
                    return (self.fail_flush(&io::ErrorKind::WriteZero.into()), Poll::Ready(()));
                }
                Poll::Ready(Ok(n)) => self.head += n,
                Poll::Ready(Err(error)) => return (self.fail_flush(&error), Poll::Ready(())),
                Poll::Pending => {
                    if self.head >= self.buf.len() / 2 {
                        self.buf.drain(..self.head);
                        self.head = 0;
                    }
                    let own = own.filter(|own| own.will_wake(cx.waker()));
                    self.flusher = Some(own.unwrap_or_else(|| cx.waker().clone()));
                    return (self.resume(), Poll::Pending);
                }
            }
        }
    }

    fn fail_flush(&mut self, error: &io::Error) -> Option<Afterwards> {
        self.flushing = false;
        self.fail(error)
    }
}

/// Starts the task that writes what is kept.
fn start_flusher(shared: &Arc<Shared>) {
    /// The flusher's hold on the writer. Dropped before the end, the rest is lost and the writer fails.
    struct Flusher(Option<Arc<Shared>>);
    impl Drop for Flusher {
        fn drop(&mut self) {
            if let Some(shared) = self.0.take() {
                shared.abandon("the event loop ended before all that was written could be sent");
            }
        }
    }

    let Some(handle) = Handle::current() else {
        shared.abandon("no event loop runs on this thread to send the rest: write from a task of the loop");
        return;
    };
    let mut flusher = Flusher(Some(shared.clone()));
    let task = handle.create_task(async move {
        poll_fn(|cx| {
            let Some(shared) = &flusher.0 else { return Poll::Ready(()) };
            let (afterwards, poll) = shared.state.lock().poll_flush(cx);
            if let Some(afterwards) = afterwards {
                afterwards.run(shared);
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

impl Shared {
    /// Nobody will send what is kept.
    fn abandon(self: &Arc<Self>, why: &str) {
        let mut state = self.state.lock();
        let afterwards = if state.flushing {
            state.fail_flush(&io::Error::new(io::ErrorKind::BrokenPipe, why))
        } else {
            None
        };
        drop(state);
        if let Some(afterwards) = afterwards {
            afterwards.run(self);
        }
    }

    #[inline]
    fn change(self: &Arc<Self>, change: impl FnOnce(&mut State) -> Option<Afterwards>) {
        let afterwards = change(&mut self.state.lock());
        if let Some(afterwards) = afterwards {
            afterwards.run(self);
        }
    }

    /// Waits until `look` has something to say, which it is asked again after each change.
    async fn wait<R>(&self, mut look: impl FnMut(&State) -> Option<R>) -> R {
        struct Leave<'a>(&'a Shared, Option<u64>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                if let Some(ticket) = self.1 {
                    let left = self.0.state.lock().waiters.leave(ticket);
                    drop(left);
                }
            }
        }

        let mut waiter = Leave(self, None);
        poll_fn(|cx| {
            let proceed = ready!(poll_proceed(cx));
            let mut state = self.state.lock();
            match look(&state) {
                Some(result) => {
                    drop(state);
                    proceed.made_progress();
                    Poll::Ready(result)
                }
                None => {
                    let replaced = state.waiters.wait(&mut waiter.1, cx);
                    drop(state);
                    drop(replaced);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl StreamWriter {
    pub(crate) fn new(
        output: Half<net::TcpStream>,
        peer: Option<SocketAddr>,
        ending: Option<Ending>,
    ) -> Self {
        let state = State {
            phase: Phase::Open,
            output: Some(output),
            buf: Vec::new(),
            head: 0,
            flushing: false,
            flusher: None,
            paused: false,
            high: HIGH_WATER,
            low: HIGH_WATER / 4,
            eof: false,
            how: Shutdown::Both,
            error: None,
            waiters: Waiters::default(),
            ending,
        };
        Self { shared: Arc::new(Shared { peer, state: Mutex::new(state) }) }
    }

    /// Writes `data`: what the system takes at once is sent, the rest is kept and sent as room comes. Never waits; asyncio's
    /// `write`. Follow it with [`drain`](Self::drain), which waits while too much is kept and reports errors.
    ///
    /// After [`close`](Self::close) or an error the data is thrown away. Where nothing is kept: one system call, two atomic
    /// read-modify-writes, no allocation.
    pub fn write(&self, data: &[u8]) {
        if !data.is_empty() {
            self.shared.change(|state| state.write(data));
        }
    }

    /// Writes several pieces, one after the other, in one system call where possible; asyncio's `writelines`.
    pub fn writelines<I>(&self, pieces: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let pieces: Vec<I::Item> = pieces.into_iter().collect();
        self.shared.change(|state| state.write_pieces(&pieces));
    }

    /// Waits while more is kept than the high-water mark, until it is no more than the low-water mark; asyncio's `drain`.
    /// Any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// The connection's, once it has failed; [`ConnectionReset`](io::ErrorKind::ConnectionReset) after it was closed;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) after a write after [`write_eof`](Self::write_eof).
    ///
    /// # Cancel safety
    ///
    /// What was written is sent all the same.
    pub async fn drain(&self) -> io::Result<()> {
        self.shared
            .wait(|state| match &state.error {
                Some(error) => Some(Err(error.again())),
                None if state.phase == Phase::Closed => {
                    let message = "the connection is closed: nothing more can be written";
                    Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, message)))
                }
                None => (!state.paused).then_some(Ok(())),
            })
            .await
    }

    /// Ends the stream for the peer after all that was written; the reader goes on. asyncio's `write_eof`.
    pub fn write_eof(&self) {
        self.shared.change(|state| {
            if state.phase != Phase::Open || std::mem::replace(&mut state.eof, true) || state.flushing {
                return None;
            }
            state.flushed()
        });
    }

    /// Whether [`write_eof`](Self::write_eof) works on this kind of stream; asyncio's `can_write_eof`.
    pub fn can_write_eof(&self) -> bool {
        true
    }

    /// Closes the connection, both directions, after all that was written has been sent; asyncio's `close`. Writes from
    /// here on are thrown away. Does not wait: [`wait_closed`](Self::wait_closed) does.
    pub fn close(&self) {
        self.shared.change(|state| state.close(Shutdown::Both));
    }

    /// Closes the connection at once and throws away what has not been sent; asyncio's `transport.abort`.
    pub fn abort(&self) {
        self.shared.change(|state| {
            if state.phase == Phase::Closed {
                return None;
            }
            state.how = Shutdown::Both;
            state.finish()
        });
    }

    /// Whether the connection is closed or about to be; asyncio's `is_closing`.
    pub fn is_closing(&self) -> bool {
        self.shared.state.lock().phase != Phase::Open
    }

    /// Waits until the connection is closed, by [`close`](Self::close) or by an error; asyncio's `wait_closed`. Cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// The one that ended the connection, if one did.
    pub async fn wait_closed(&self) -> io::Result<()> {
        self.shared
            .wait(|state| match (state.phase, &state.error) {
                (Phase::Closed, Some(error)) => Some(Err(error.again())),
                (Phase::Closed, None) => Some(Ok(())),
                _ => None,
            })
            .await
    }

    /// How many bytes are kept; asyncio's `transport.get_write_buffer_size`.
    pub fn write_buffer_size(&self) -> usize {
        self.shared.state.lock().kept()
    }

    /// Above how many kept bytes `drain` waits, and until how many; 64 KiB and 16 KiB when not set. asyncio's
    /// `transport.set_write_buffer_limits`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `low` exceeds `high`.
    pub fn set_write_buffer_limits(&self, high: usize, low: usize) -> io::Result<()> {
        if low > high {
            let message = format!("the low-water mark, {low}, is above the high-water mark, {high}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.shared.change(|state| {
            (state.high, state.low) = (high, low);
            state.paused |= state.kept() > high;
            state.resume()
        });
        Ok(())
    }

    /// The peer's address; asyncio's `get_extra_info('peername')`. Stays known after the connection has ended.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) where the peer was gone before the streams were made.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.peer.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// This end's address; asyncio's `get_extra_info('sockname')`.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the connection was closed; the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.shared.state.lock().output {
            Some(output) => output.get_ref().local_addr(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.shared.change(|state| state.close(Shutdown::Write));
    }
}
