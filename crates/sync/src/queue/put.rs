//! Putting: the future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::QueueShutDown;
use super::line::{Putters, leave, poll_in};
use super::order::Order;
use super::state::{Shared, State, wake};
use crate::waitlist::Waiter;

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
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a line, this one.
            unsafe { leave::<Putters, _, _>(this.shared, this.waiter) };
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
        let this = self.project();
        let (maxsize, item) = (this.shared.maxsize, this.item);
        let step = |state: &mut State<T, O>, has_turn| {
            let free = state.free(maxsize);
            // A newcomer leaves the slots alone that turns are out for.
            let may_add = if has_turn { free > 0 } else { free > state.putters.granted() };
            if !may_add && !state.shut_down {
                return None;
            }
            let Some(item) = item.take() else {
                panic!("a Put was polled after it had ended");
            };
            Some(if state.shut_down { Err(QueueShutDown(item)) } else { Ok(state.add(item)) })
        };
        // SAFETY: the waiter enters no other line, and leaves in `drop`.
        let added = ready!(unsafe { poll_in::<Putters, _, _, _>(this.shared, this.waiter, cx, step) });
        Poll::Ready(added.map(wake))
    }
}

impl<T, O: Order<T>> fmt::Debug for Put<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("ended", &self.item.is_none()).finish_non_exhaustive()
    }
}
