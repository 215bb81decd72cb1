//! Getting: the future, and the stream of items.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::QueueShutDown;
use super::line::{Getters, leave, poll_in};
use super::order::Order;
use super::state::{Shared, State, wake};
use crate::waitlist::Waiter;

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
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a line, this one.
            unsafe { leave::<Getters, _, _>(this.shared, this.waiter) };
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
        let this = self.project();
        let maxsize = this.shared.maxsize;
        let step = |state: &mut State<T, O>, has_turn| {
            // A newcomer leaves the items alone that turns are out for; after a shutdown nobody waits any more.
            let may_take = has_turn || state.shut_down || state.len() > state.getters.granted();
            let taken = if may_take { state.take(maxsize) } else { None };
            if taken.is_some() || state.shut_down { Some(taken) } else { None }
        };
        // SAFETY: the waiter enters no other line, and leaves in `drop`.
        let taken = ready!(unsafe { poll_in::<Getters, _, _, _>(this.shared, this.waiter, cx, step) });
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
