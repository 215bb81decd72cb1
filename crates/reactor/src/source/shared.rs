//! A source without its lanes: trying operations, and waiting where they would block.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use heist_core::budget::{self, poll_proceed};

use super::IoSafe;
use super::registration::{Home, Registration};
use crate::Direction;
use crate::lane::{Beside, Place};
use crate::platform::{EDGES, HANGUP};
use crate::reactor::Reactor;
use crate::word::{Armed, Seen};

/// A source without its lanes.
pub(super) struct Shared<T: IoSafe> {
    /// Dropped first: the source leaves the queue before it is closed.
    pub(super) registration: Registration,
    pub(super) io: T,
}

/// How many pieces one system call takes of a vectored transfer: Linux' `UIO_MAXIOV`.
const PIECES: usize = 1024;

/// What an operation came to.
pub(super) struct Done<R> {
    value: R,
    /// How many bytes it moved, as far as that is known.
    moved: usize,
    /// Whether it shows that the source is drained, or full, now.
    drained: bool,
}

impl<R> Done<R> {
    /// An operation of which nothing is known but its result.
    pub(super) fn with(value: R) -> Self {
        Self { value, moved: 0, drained: false }
    }

    /// The result, once the task is charged for the bytes.
    #[inline]
    fn settle(self, direction: Direction) -> R {
        match direction {
            Direction::Read => budget::received(self.moved),
            Direction::Write => budget::sent(self.moved),
        }
        self.value
    }
}

impl Done<usize> {
    /// So many bytes went to or from buffers with that much room. Falling short of it shows that the source of a stream is
    /// drained.
    #[inline]
    pub(super) fn transfer<T: IoSafe>(moved: usize, room: usize) -> Self {
        Self { value: moved, moved, drained: HANGUP && T::IS_BYTE_STREAM && 0 < moved && moved < room }
    }

    /// As `transfer`, with buffers of these lengths. Falling short of what one call takes shows something, not falling short
    /// of all.
    pub(super) fn transfer_of_pieces<T: IoSafe>(moved: usize, lengths: impl Iterator<Item = usize>) -> Self {
        // Others may take the first piece only: that is what `Read` and `Write` do where nothing else is said.
        let (of_call, of_others) = if T::IS_PLAIN_SOCKET { (PIECES, usize::MAX) } else { (usize::MAX, 1) };
        let taken = lengths.take(of_call).filter(|&length| length > 0).take(of_others);
        Self::transfer::<T>(moved, taken.fold(0, usize::saturating_add))
    }
}

impl Home<'_> {
    /// Keeps in mind that an operation found the source drained, if it did; its word was `seen` before.
    #[inline]
    fn note<R>(self, direction: Direction, place: &mut impl Place, seen: Seen, done: &Done<R>) {
        // A closed peer's edge is spent: only the system knows when the bytes before it end.
        if done.drained && !seen.is_hung() && self.record.arming.has(direction) {
            place.set_drained(direction, seen);
        }
    }
}

impl<T: IoSafe> Shared<T> {
    /// Tries `op` until it says something else than "would block", waiting at `place` in between.
    ///
    /// This is the part that nearly every call ends in, small enough to be compiled into the caller's.
    #[inline]
    pub(super) fn poll<R>(
        &self,
        direction: Direction,
        place: &mut impl Place,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Poll<io::Result<R>> {
        let proceed = ready!(poll_proceed(cx));
        let mut tried = None;
        if let Some(home) = self.registration.home() {
            let seen = home.word(direction).observe();
            if seen.is_ready() && !place.is_drained(direction, seen) {
                match op(&self.io) {
                    Ok(done) => {
                        home.note(direction, place, seen, &done);
                        proceed.made_progress();
                        return Poll::Ready(Ok(done.settle(direction)));
                    }
                    Err(error) => tried = Some((seen, error)),
                }
            } else if EDGES
                && home.record.arming.has(direction)
                && place.wait_again(home.word(direction), seen, cx.waker())
            {
                return Poll::Pending;
            }
        }
        let result = ready!(self.poll_on(direction, place, cx, op, tried));
        proceed.made_progress();
        Poll::Ready(result)
    }

    /// Goes on where the first attempt was not made, or failed: `tried` is what the word was before it, and the error.
    #[inline(never)]
    fn poll_on<R>(
        &self,
        direction: Direction,
        place: &mut impl Place,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<Done<R>>,
        mut tried: Option<(Seen, io::Error)>,
    ) -> Poll<io::Result<R>> {
        loop {
            let home = self.registration.home();
            let seen = match (&tried, home) {
                (Some((seen, _)), _) => *seen,
                (None, Some(home)) => home.word(direction).observe(),
                (None, None) => Seen::FRESH,
            };
            let attempt = match tried.take() {
                Some((_, error)) => Some(Err(error)),
                None if seen.is_ready() && !place.is_drained(direction, seen) => Some(op(&self.io)),
                None => None,
            };
            match attempt {
                Some(Ok(done)) => {
                    if let Some(home) = home {
                        home.note(direction, place, seen, &done);
                    }
                    return Poll::Ready(Ok(done.settle(direction)));
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                Some(Err(_)) | None => {}
            }
            let Some((home, seen)) = self.home_or_bind(home, seen, direction)? else { continue };
            match self.wait(home, direction, place, seen, cx)? {
                Armed::Waiting => return Poll::Pending,
                Armed::Changed => {}
                Armed::Closed => return Poll::Ready(Err(Reactor::closed())),
            }
        }
    }

    /// Where the source is bound and its word as it was `seen`; where it is bound nowhere, it is now. `None`: somebody else was
    /// faster.
    #[inline]
    fn home_or_bind<'a>(
        &'a self,
        home: Option<Home<'a>>,
        seen: Seen,
        direction: Direction,
    ) -> io::Result<Option<(Home<'a>, Seen)>> {
        if let Some(home) = home {
            return Ok(Some((home, seen)));
        }
        let bound = self.registration.bind(&self.io, direction)?;
        Ok(bound.and_then(|seen| Some((self.registration.home()?, seen))))
    }

    /// Ready when the source may be ready; never calls an operation.
    pub(super) fn poll_ready(
        &self,
        direction: Direction,
        place: &mut impl Place,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let proceed = ready!(poll_proceed(cx));
        let result = loop {
            let home = self.registration.home();
            let seen = home.map_or(Seen::FRESH, |home| home.word(direction).observe());
            // A word of a direction that nobody has asked about is only optimistic.
            let known = home.is_some_and(|home| home.record.arming.has(direction));
            if known && seen.is_ready() && !place.is_drained(direction, seen) && !seen.is_closed() {
                break Ok(());
            }
            let waiting = match self.home_or_bind(home, seen, direction) {
                Ok(Some((home, seen))) => self.wait(home, direction, place, seen, cx),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match waiting {
                Ok(Armed::Waiting) => return Poll::Pending,
                Ok(Armed::Changed) => {}
                Ok(Armed::Closed) => break Err(Reactor::closed()),
                Err(error) => break Err(error),
            }
        };
        proceed.made_progress();
        Poll::Ready(result)
    }

    /// Waits at `place` for the edge after `seen`.
    #[inline]
    fn wait(
        &self,
        home: Home<'_>,
        direction: Direction,
        place: &mut impl Place,
        seen: Seen,
        cx: &mut Context<'_>,
    ) -> io::Result<Armed> {
        if seen.is_closed() {
            return Ok(Armed::Closed);
        }
        let arming = &home.record.arming;
        let (selector, key) = (|| &home.shard().selector, || home.record.key());
        arming.want(selector, &self.io, key, direction)?;
        let armed = place.wait(home.word(direction), seen, cx.waker());
        if armed == Armed::Waiting {
            arming.armed(selector, &self.io, key, direction)?;
        }
        Ok(armed)
    }

    /// Tries `op` once, without waiting. Where the source is known not to be ready, "would block" without calling `op`.
    #[inline]
    pub(super) fn try_io<R>(
        &self,
        direction: Direction,
        place: &mut impl Place,
        op: impl FnOnce(&T) -> io::Result<Done<R>>,
    ) -> io::Result<R> {
        let Some(home) = self.registration.home() else {
            return op(&self.io).map(|done| done.settle(direction));
        };
        let word = home.word(direction);
        let seen = word.observe();
        if !seen.is_ready() || place.is_drained(direction, seen) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match op(&self.io) {
            Ok(done) => {
                home.note(direction, place, seen, &done);
                Ok(done.settle(direction))
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::WouldBlock {
                    word.drain(seen);
                }
                Err(error)
            }
        }
    }

    /// Waits beside the lane until `poll` is ready, and leaves the list when dropped.
    pub(super) async fn beside<R>(
        &self,
        direction: Direction,
        mut poll: impl FnMut(&Self, Direction, &mut Beside, &mut Context<'_>) -> Poll<R>,
    ) -> R {
        struct Leave<'a, T: IoSafe>(&'a Shared<T>, Beside);
        impl<T: IoSafe> Drop for Leave<'_, T> {
            fn drop(&mut self) {
                if let (Some(ticket), Some(home)) = (self.1.ticket, self.0.registration.home()) {
                    home.word(self.1.direction).leave(ticket);
                }
            }
        }

        let mut waiter = Leave(self, Beside { direction, ticket: None });
        poll_fn(|cx| poll(self, direction, &mut waiter.1, cx)).await
    }
}

impl<T: IoSafe + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Source");
        f.field("io", &self.io);
        if let Some(home) = self.registration.home() {
            f.field("read", &home.word(Direction::Read)).field("write", &home.word(Direction::Write));
        }
        f.finish_non_exhaustive()
    }
}
