//! The future of a claim.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use pin_project_lite::pin_project;

use super::Permits;
use crate::waitlist::Waiter;

const POLLED_AGAIN: &str = "a future is not polled again once it was ready";

/// What has permits: a primitive, behind a reference or an `Arc`.
pub(crate) trait Source {
    fn permits(&self) -> &Permits;

    /// See [`Permits::try_take`].
    #[inline(always)]
    fn try_take(&self, want: u32) -> bool {
        self.permits().try_take(want)
    }
}

pin_project! {
    /// A future that is ready with its source when its permits are taken.
    ///
    /// Dropped before, it leaves the line, and what it was given goes to the next.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub(crate) struct Claim<S>
    where
        S: Source,
    {
        // None once it was ready.
        source: Option<S>,
        want: u32,
        #[pin]
        waiter: Waiter,
    }

    impl<S: Source> PinnedDrop for Claim<S> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.waiter.as_mut().must_leave() {
                if let Some(source) = &*this.source {
                    // SAFETY: the waiter entered this line.
                    unsafe { source.permits().leave(this.waiter) };
                }
            }
        }
    }
}

impl<S: Source> Claim<S> {
    #[inline]
    pub(crate) fn new(source: S, want: u32) -> Self {
        Self { source: Some(source), want, waiter: Waiter::new() }
    }

    /// As [`new`](Self::new), in a future that a user is to await.
    #[inline]
    #[track_caller]
    pub(crate) fn for_user(source: S, want: u32) -> Self {
        Self { source: Some(source), want, waiter: Waiter::for_user() }
    }

    /// Polls without asking the task's budget: for threads that block.
    #[inline(always)]
    pub(crate) fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        let mut this = self.project();
        if !this.waiter.as_mut().entered() {
            // Taken out before the look, because afterwards the compiler would no longer know that there is one.
            let source = this.source.take().expect(POLLED_AGAIN);
            if source.try_take(*this.want) {
                this.waiter.end();
                return Poll::Ready(source);
            }
            *this.source = Some(source);
            this.waiter.as_mut().polled();
        }
        let permits = this.source.as_ref().expect(POLLED_AGAIN).permits();
        // SAFETY: the waiter is idle or entered this line, and leaves in `drop`.
        let taken = unsafe { permits.poll_take(*this.want, this.waiter, cx.waker()) };
        match this.source.take_if(|_| taken) {
            Some(source) => Poll::Ready(source),
            None => Poll::Pending,
        }
    }
}

impl<S: Source> Future for Claim<S> {
    type Output = S;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        let proceed = ready!(poll_proceed(cx));
        let source = ready!(self.poll_unbudgeted(cx));
        proceed.made_progress();
        Poll::Ready(source)
    }
}
