//! Awaiting a gather.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::scope::{Forwarder, raise};
use heist_core::{CancelledError, budget};
use heist_scheduler::TaskError;

use super::{Children, Gather};

/// One wait for a gather, as a part of the task that is cancelled.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    forwarder: Forwarder,
    /// The cancellation was passed on: the wait never ends.
    raised: bool,
}

/// How the tasks of a gather ended.
enum End {
    /// They all have.
    All,
    /// This one failed.
    Failed(usize),
    /// The gather was cancelled; a request to the one who waits came through here, or not.
    Cancelled { error: CancelledError, forwarded: bool },
}

impl Forwarding {
    /// Waits for the end of a gather.
    fn poll<C: Children>(&mut self, gather: &mut Gather<C>, cx: &mut Context<'_>) -> Poll<End> {
        if self.raised {
            return Poll::Pending;
        }
        let proceed = ready!(budget::poll_proceed(cx));
        if gather.poll_done(cx).is_ready() {
            proceed.made_progress();
            let forwarded = self.forwarder.done();
            return Poll::Ready(match &gather.cancelled {
                Some(error) => End::Cancelled { error: error.clone(), forwarded },
                None => gather.countdown.first_failed().map_or(End::All, End::Failed),
            });
        }
        self.forwarder.pending(cx, || gather.countdown.requests().target());
        Poll::Pending
    }

    /// Passes a cancellation on to the one who waits.
    fn raise(&mut self, error: CancelledError) -> bool {
        self.raised = raise(error);
        self.raised
    }
}

/// The future of a [`Gather`].
///
/// ```
/// heist::run(async {
///     let waits: heist::GatherFuture<_> = heist::gather([async { 1 }]).into_future();
///     assert_eq!(waits.await.unwrap(), [1]);
/// });
/// ```
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct GatherFuture<C: Children> {
    pub(super) gather: Gather<C>,
    pub(super) forwarding: Forwarding,
}

impl<C: Children> Unpin for GatherFuture<C> {}

impl<C: Children> fmt::Debug for GatherFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatherFuture").field(&self.gather).finish()
    }
}

impl<C: Children> Future for GatherFuture<C> {
    type Output = Result<C::Values, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let end = ready!(this.forwarding.poll(&mut this.gather, cx));
        let (error, forwarded) = match end {
            End::All => return Poll::Ready(this.gather.take_children().values()),
            End::Failed(index) => return Poll::Ready(Err(this.gather.take_children().failure(index))),
            End::Cancelled { error, forwarded } => (error, forwarded),
        };
        // A task that has answered with a panic: that is the answer.
        if let Some(index) = this.gather.children().and_then(Children::panicked) {
            return Poll::Ready(Err(this.gather.take_children().failure(index)));
        }
        if forwarded && this.forwarding.raise(error.clone()) {
            return Poll::Pending;
        }
        drop(this.gather.take_children());
        Poll::Ready(Err(TaskError::cancelled(error)))
    }
}

/// The future of a [`GatherAll`](super::GatherAll).
///
/// ```
/// heist::run(async {
///     let waits: heist::GatherAllFuture<_> = heist::gather([async { 1 }]).return_exceptions().into_future();
///     assert_eq!(waits.await.len(), 1);
/// });
/// ```
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct GatherAllFuture<C: Children> {
    pub(super) gather: Gather<C>,
    pub(super) forwarding: Forwarding,
}

impl<C: Children> Unpin for GatherAllFuture<C> {}

impl<C: Children> fmt::Debug for GatherAllFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatherAllFuture").field(&self.gather).finish()
    }
}

impl<C: Children> Future for GatherAllFuture<C> {
    type Output = C::Outcomes;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Outcomes> {
        let this = &mut *self;
        let end = ready!(this.forwarding.poll(&mut this.gather, cx));
        if let End::Cancelled { error, .. } = end {
            // There is no place for it among the outcomes, so it is raised, also where it was the gather's alone.
            if this.forwarding.raise(error) {
                return Poll::Pending;
            }
        }
        Poll::Ready(this.gather.take_children().outcomes())
    }
}

/// The future of `(&mut gather).await`: waits, and leaves the outcome.
///
/// ```
/// heist::run(async {
///     let mut gather = heist::gather([async { 1 }]);
///     let waits: heist::GatherWait<'_, _> = (&mut gather).into_future();
///     waits.await;
///     assert!(gather.done());
/// });
/// ```
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct GatherWait<'a, C: Children> {
    pub(super) gather: &'a mut Gather<C>,
    pub(super) forwarding: Forwarding,
}

impl<C: Children> Unpin for GatherWait<'_, C> {}

impl<C: Children> fmt::Debug for GatherWait<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatherWait").field(&self.gather).finish()
    }
}

impl<C: Children> Future for GatherWait<'_, C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match ready!(this.forwarding.poll(this.gather, cx)) {
            End::Cancelled { error, forwarded: true } if this.forwarding.raise(error.clone()) => {
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}
