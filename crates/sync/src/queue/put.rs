//! Putting: the future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::mutant;
use pin_project_lite::pin_project;

use super::QueueShutDown;
use super::order::Order;
use super::state::{Shared, wake};
use crate::waitlist::{End, Turn, Waiter};

pin_project! {
    /// The future of [`put`](super::OrderedQueue::put).
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # use heist_sync::queue::{Fifo, Put};
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::new();
    /// let putting: Put<'_, i32, Fifo> = queue.put(7);
    /// assert_eq!(putting.await, Ok(()));
    /// assert_eq!(queue.len(), 1);
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Put<'a, T, O: Order<T>> {
        shared: &'a Shared<T, O>,
        item: Option<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T, O: Order<T>> PinnedDrop for Put<'_, T, O> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().must_leave() {
                return;
            }
            let (left, next) = {
                let mut state = this.shared.state.lock();
                // SAFETY: the waiter entered this list, if any; the lock is held.
                let left = unsafe { state.putters.leave(this.waiter) };
                let pass_on = left.granted && !mutant("sync-put-keeps-its-turn");
                let next = if pass_on { state.grant_slot(this.shared.maxsize) } else { None };
                (left, next)
            };
            wake(next);
            drop(left.waker);
        }
    }
}

impl<'a, T, O: Order<T>> Put<'a, T, O> {
    pub(crate) fn new(shared: &'a Shared<T, O>, item: T, waiter: Waiter) -> Self {
        Self { shared, item: Some(item), waiter }
    }
}

impl<T, O: Order<T>> Future for Put<'_, T, O> {
    type Output = Result<(), QueueShutDown<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        this.waiter.as_mut().polled();
        let maxsize = this.shared.maxsize;
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let result = {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.putters.turn(this.waiter.as_mut(), cx.waker()) };
            let end = match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Used => End::Front,
                Turn::Idle => End::Back,
            };
            let free = state.free(maxsize);
            // A newcomer leaves the slots alone that turns are out for.
            let may_add = if turn == Turn::Used { free > 0 } else { free > state.putters.granted() };
            if !may_add && !state.shut_down {
                // SAFETY: the waiter is idle, and leaves in `drop`.
                unsafe { state.putters.enter(this.waiter, cx.waker(), end) };
                return Poll::Pending;
            }
            let Some(item) = this.item.take() else {
                panic!("a Put was polled after it had ended");
            };
            if state.shut_down { Err(QueueShutDown(item)) } else { Ok(state.add(item)) }
        };
        proceed.made_progress();
        Poll::Ready(result.map(wake))
    }
}

impl<T, O: Order<T>> fmt::Debug for Put<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("ended", &self.item.is_none()).finish_non_exhaustive()
    }
}
