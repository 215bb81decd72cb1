//! Getting: the future, and the stream of items.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use heist_core::budget::poll_proceed;
use heist_core::sync::mutant;
use pin_project_lite::pin_project;

use super::QueueShutDown;
use super::order::Order;
use super::state::{Shared, wake};
use crate::waitlist::{End, Turn, Waiter};

pin_project! {
    /// The future of [`get`](super::OrderedQueue::get).
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # use heist_sync::queue::{Fifo, Get};
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::new();
    /// queue.put_nowait(7).unwrap();
    /// let getting: Get<'_, i32, Fifo> = queue.get();
    /// assert_eq!(getting.await, Ok(7));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Get<'a, T, O: Order<T>> {
        shared: &'a Shared<T, O>,
        #[pin]
        waiter: Waiter,
    }

    impl<T, O: Order<T>> PinnedDrop for Get<'_, T, O> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().must_leave() {
                return;
            }
            let (left, next) = {
                let mut state = this.shared.state.lock();
                // SAFETY: the waiter entered this list, if any; the lock is held.
                let left = unsafe { state.getters.leave(this.waiter) };
                let pass_on = left.granted && !mutant("sync-get-keeps-its-turn");
                let next = if pass_on { state.grant_item() } else { None };
                (left, next)
            };
            wake(next);
            drop(left.waker);
        }
    }
}

impl<'a, T, O: Order<T>> Get<'a, T, O> {
    pub(crate) fn new(shared: &'a Shared<T, O>, waiter: Waiter) -> Self {
        Self { shared, waiter }
    }
}

impl<T, O: Order<T>> Future for Get<'_, T, O> {
    type Output = Result<T, QueueShutDown>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        this.waiter.as_mut().polled();
        let maxsize = this.shared.maxsize;
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let taken = {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.getters.turn(this.waiter.as_mut(), cx.waker()) };
            let end = match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Used => End::Front,
                Turn::Idle => End::Back,
            };
            // A newcomer leaves the items alone that turns are out for; after a shutdown nobody waits any more.
            let may_take = turn == Turn::Used || state.shut_down || state.len() > state.getters.granted();
            let taken = if may_take { state.take(maxsize) } else { None };
            if taken.is_none() && !state.shut_down {
                // SAFETY: the waiter is idle, and leaves in `drop`.
                unsafe { state.getters.enter(this.waiter, cx.waker(), end) };
                return Poll::Pending;
            }
            taken
        };
        proceed.made_progress();
        Poll::Ready(match taken {
            Some((item, putter)) => {
                wake(putter);
                Ok(item)
            }
            None => Err(QueueShutDown(())),
        })
    }
}

pin_project! {
    /// The stream of [`items`](super::OrderedQueue::items).
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # use heist_sync::queue::{Fifo, Items};
    /// # use std::{pin::{Pin, pin}, task::{Context, Poll, Waker}};
    /// # use futures_core::Stream;
    /// let queue = Queue::new();
    /// queue.put_nowait(7).unwrap();
    /// let items: Pin<&mut Items<'_, i32, Fifo>> = pin!(queue.items());
    /// assert_eq!(items.poll_next(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(7)));
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Items<'a, T, O: Order<T>> {
        // A `Get` that was ready is idle again, and may be polled for the next item.
        #[pin]
        get: Get<'a, T, O>,
    }
}

impl<'a, T, O: Order<T>> Items<'a, T, O> {
    pub(crate) fn new(shared: &'a Shared<T, O>) -> Self {
        Self { get: Get::new(shared, Waiter::new()) }
    }
}

impl<T, O: Order<T>> Stream for Items<'_, T, O> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().get.poll(cx).map(Result::ok)
    }
}

impl<T, O: Order<T>> fmt::Debug for Get<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}

impl<T, O: Order<T>> fmt::Debug for Items<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}
