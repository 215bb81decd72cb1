//! Lending the reader of a connection, which its task has, to somebody else: for a layer to be put under it.
//! See `docs/design/transports.md`; the models are in `models.rs`.

use std::mem;
use std::task::{Context, Poll, Waker};

use heist_core::sync::mutant;

use super::Transport;
use crate::StreamReader;

/// Where the reader of a connection is. Behind the transport's lock; the task looks at the beginning of each turn, so nothing is
/// read from the moment on at which somebody wants it.
#[derive(Default)]
pub(super) enum Lending {
    /// With the task.
    #[default]
    Kept,
    /// Somebody wants it, and waits with that waker.
    Wanted(Option<Waker>),
    /// The task has none.
    Refused,
    /// The task has put it here.
    Offered(StreamReader),
    /// Somebody has it.
    Lent,
    /// Somebody has put it here for the task.
    Returned(StreamReader),
}

impl Lending {
    /// The task's turn. Returns whom to wake.
    pub(super) fn turn(&mut self, reader: &mut Option<StreamReader>) -> Option<Waker> {
        match mem::take(self) {
            Self::Wanted(waker) => {
                *self = reader.take().map_or(Self::Refused, Self::Offered);
                waker
            }
            Self::Returned(back) => {
                *reader = Some(back);
                None
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// The task has ended: whoever waits is told.
    pub(super) fn wake(self) {
        if let Self::Wanted(Some(waker)) = self {
            if mutant("streams-end-answers-a-claim") {
                return;
            }
            waker.wake();
        }
    }
}

/// A claim to the reader of a transport. Dropped, it gives back what it has.
pub(super) struct Borrower<'a> {
    transport: &'a Transport,
    has: Option<StreamReader>,
}

impl<'a> Borrower<'a> {
    /// Claims the reader, so that the task reads no more; `None` where somebody else has, or the connection is over.
    pub(super) fn new(transport: &'a Transport) -> Option<Self> {
        let claimed = transport.with_lending(|lending, over| {
            let free = !over && matches!(lending, Lending::Kept);
            if free {
                *lending = Lending::Wanted(None);
            }
            free
        });
        // Not made where there is no claim: its drop would give one back.
        claimed.then(|| Self { transport, has: None })
    }

    /// Waits until the task has answered.
    pub(super) fn poll_answer(&mut self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let (answer, replaced) = self.transport.with_lending(|lending, over| match mem::take(lending) {
            Lending::Offered(reader) => {
                *lending = Lending::Lent;
                (Poll::Ready(Some(reader)), None)
            }
            Lending::Wanted(replaced) if !over => {
                *lending = Lending::Wanted(Some(waker));
                (Poll::Pending, replaced)
            }
            _ => (Poll::Ready(None), None),
        });
        drop(replaced);
        answer.map(|reader| self.has = reader)
    }

    /// The reader, once there was an answer; `None` where nothing is read from the connection, or it is lost.
    pub(super) fn reader(&mut self) -> Option<&mut StreamReader> {
        self.has.as_mut()
    }
}

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        let has = self.has.take();
        let left = self.transport.with_lending(|lending, over| {
            let back = match (mem::take(lending), has) {
                (Lending::Offered(reader), _) | (Lending::Lent, Some(reader)) => reader,
                (other, has) => return Some((other, has)),
            };
            if over && !mutant("streams-nothing-returned-after-the-end") {
                return Some((Lending::Returned(back), None));
            }
            *lending = Lending::Returned(back);
            None
        });
        // What is left of a connection that is over goes outside the lock.
        drop(left);
    }
}
