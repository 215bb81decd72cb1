//! A source without its lanes: trying operations, and waiting where they would block.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use heist_core::budget::{poll_proceed, poll_spend};
use heist_core::sync::atomic::AtomicBool;

use super::IoSafe;
use super::done::Done;
use super::joint::Halved;
use super::registration::{Home, Registration};
use crate::Direction;
use crate::lane::{Beside, Place};
use crate::platform::EDGES;
use crate::reactor::Reactor;
use crate::word::{Armed, Seen};

/// A source without its lanes.
pub(super) struct Shared<T: IoSafe> {
    /// Dropped first: the source leaves the queue before it is closed.
    pub(super) registration: Registration,
    pub(super) io: T,
    /// See [`Halved`].
    halved: AtomicBool,
}

impl<T: IoSafe> Halved for Shared<T> {
    #[inline]
    fn halved(&self) -> &AtomicBool {
        &self.halved
    }
}

impl Home<'_> {
    /// Keeps in mind that an operation found the source drained, if it did; its word was `seen` before.
    #[inline]
    fn note<R>(self, direction: Direction, place: &mut impl Place, seen: Seen, done: &Done<R>) {
        // A closed peer's edge is spent: only the system knows when the bytes before it end.
        if done.is_drained() && !seen.is_hung() && self.record.arming.has(direction) {
            place.set_drained(direction, seen);
        }
    }
}

impl<T: IoSafe> Shared<T> {
    pub(super) fn new(io: T) -> Self {
        Self { registration: Registration::new(), io, halved: AtomicBool::new(false) }
    }

    /// Tries `op` until it says something else than "would block", waiting at `place` in between.
    ///
    /// This is the part that nearly every call ends in, small enough to be compiled into the caller's.
    #[inline(always)]
    pub(super) fn poll<R>(
        &self,
        direction: Direction,
        place: &mut impl Place,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<Done<R>>,
    ) -> Poll<io::Result<R>> {
        let mut tried = None;
        if let Some(home) = self.registration.home() {
            let seen = home.word(direction).observe();
            if seen.is_ready() && !place.is_drained(direction, seen) {
                let spent = ready!(poll_spend(cx));
                match op(&self.io) {
                    Ok(done) => {
                        home.note(direction, place, seen, &done);
                        return Poll::Ready(Ok(done.settle(direction)));
                    }
                    Err(error) => {
                        spent.give_back();
                        tried = Some((seen, error));
                    }
                }
            } else if EDGES
                && home.record.arming.has(direction)
                && place.wait_again(home.word(direction), seen, cx.waker())
            {
                // No question of the budget: waiting costs nothing.
                return Poll::Pending;
            }
        }
        self.poll_on(direction, place, cx, op, tried)
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
        let spent = ready!(poll_spend(cx));
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
                Armed::Waiting => {
                    spent.give_back();
                    return Poll::Pending;
                }
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

        let mut waiter = Leave(self, Beside::new(direction));
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
