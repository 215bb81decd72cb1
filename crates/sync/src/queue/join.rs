//! Waiting until all that was put is done: the future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use pin_project_lite::pin_project;

use super::order::Order;
use super::state::Shared;
use crate::waitlist::{End, Turn, Waiter};

pin_project! {
    /// The future of [`join`](super::OrderedQueue::join).
    ///
    /// ```
    /// # use heist_sync::Queue;
    /// # use heist_sync::queue::{Fifo, Join};
    /// # let run = std::pin::pin!(async {
    /// let queue = Queue::new();
    /// queue.put_nowait(7).unwrap();
    /// queue.task_done().unwrap();
    /// let joining: Join<'_, i32, Fifo> = queue.join();
    /// joining.await;
    /// assert_eq!(queue.statistics().unfinished, 0);
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Join<'a, T, O: Order<T>> {
        shared: &'a Shared<T, O>,
        #[pin]
        waiter: Waiter,
    }

    impl<T, O: Order<T>> PinnedDrop for Join<'_, T, O> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().must_leave() {
                return;
            }
            // SAFETY: the waiter entered this list, if any; the lock is held. A turn needs no passing on: all have one.
            let left = unsafe { this.shared.state.lock().joiners.leave(this.waiter) };
            drop(left.waker);
        }
    }
}

impl<'a, T, O: Order<T>> Join<'a, T, O> {
    #[track_caller]
    pub(super) fn new(shared: &'a Shared<T, O>) -> Self {
        Self { shared, waiter: Waiter::for_user() }
    }
}

impl<T, O: Order<T>> Future for Join<'_, T, O> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(poll_proceed(cx));
        let mut this = self.project();
        this.waiter.as_mut().polled();
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        {
            let mut state = this.shared.state.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { state.joiners.turn(this.waiter.as_mut(), cx.waker()) };
            match turn {
                Turn::Waiting => return Poll::Pending,
                Turn::Idle if state.unfinished > 0 => {
                    // SAFETY: the waiter is idle, and leaves in `drop`.
                    unsafe { state.joiners.enter(this.waiter, cx.waker(), End::Back) };
                    return Poll::Pending;
                }
                // The count was zero when the turn was given, whatever was put since.
                Turn::Used | Turn::Idle => {}
            }
        }
        proceed.made_progress();
        Poll::Ready(())
    }
}

impl<T, O: Order<T>> fmt::Debug for Join<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}
