//! asyncio's [`Event`]: a flag that many can wait for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use pin_project_lite::pin_project;

use crate::blocking::block_until;
use crate::statistics::WaitStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// A flag that tasks wait for. asyncio: `Event`.
///
/// Share it by reference or in an `Arc`.
///
/// ```
/// # use heist_sync::Event;
/// let event = Event::new();
/// assert!(!event.is_set());
/// event.set();
/// assert!(event.is_set());
/// ```
pub struct Event {
    /// Written with the lock held, so that a waiter that finds it clear under the lock is in line before the next `set`.
    set: AtomicBool,
    waiters: Mutex<WaitList>,
}

impl Event {
    /// A flag that is not set.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// assert!(!Event::new().is_set());
    /// ```
    pub fn new() -> Self {
        Self { set: AtomicBool::new(false), waiters: Mutex::new(WaitList::new()) }
    }

    /// Whether the flag is set: one load. asyncio: `is_set`.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// let event = Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        // Acquire pairs with the Release of `set`: who sees the flag sees what was done before it.
        self.set.load(Ordering::Acquire)
    }

    /// Sets the flag and wakes all who wait. asyncio: `set`.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let event = Event::new();
    /// let mut waits = pin!(event.wait());
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// event.set();
    /// assert!(waits.as_mut().poll(&mut cx).is_ready());
    /// ```
    pub fn set(&self) {
        let mut batch = WakeBatch::new();
        {
            let mut waiters = self.waiters.lock();
            self.set.store(true, Ordering::Release);
            batch.grant_all(&mut waiters);
        }
        batch.wake();
    }

    /// Clears the flag; those who were woken by a [`set`](Self::set) before are ready all the same. asyncio: `clear`.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// let event = Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        let _waiters = self.waiters.lock();
        self.set.store(false, Ordering::Release);
    }

    /// Waits until the flag is set; ready at once where it is. asyncio: `wait`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #             return output;
    /// #         }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let event = Event::new();
    /// event.set();
    /// event.wait().await;
    /// assert!(event.is_set());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        Wait { event: self, waiter: Waiter::for_user() }
    }

    /// Waits on a plain thread, which sleeps. In a task write `wait().await`: this would stop its worker.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// let event = Event::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| event.wait_blocking());
    ///     event.set();
    /// });
    /// ```
    pub fn wait_blocking(&self) {
        block_until(self.wait(), Wait::poll_unbudgeted);
    }

    /// How many wait.
    ///
    /// ```
    /// # use heist_sync::Event;
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let event = Event::new();
    /// let mut waits = pin!(event.wait());
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(event.statistics().waiting, 1);
    /// ```
    pub fn statistics(&self) -> WaitStatistics {
        WaitStatistics { waiting: self.waiters.lock().waiting() }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .field("waiting", &self.waiters.lock().waiting())
            .finish()
    }
}

pin_project! {
    /// The future of [`Event::wait`].
    ///
    /// ```
    /// # use heist_sync::{Event, EventWait};
    /// # let event = Event::new();
    /// let waits: EventWait<'_> = event.wait();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Wait<'a> {
        event: &'a Event,
        #[pin]
        waiter: Waiter,
    }

    impl PinnedDrop for Wait<'_> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.waiter.as_mut().must_leave() {
                // SAFETY: the waiter entered this list, if any; the lock is held. All waiters are granted at once, so a
                // turn needs no passing on.
                let left = unsafe { this.event.waiters.lock().leave(this.waiter) };
                drop(left.waker);
            }
        }
    }
}

impl Wait<'_> {
    /// Polls without asking the task's budget.
    fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.waiter.as_mut().polled();
        if this.waiter.as_mut().entered() || !this.event.is_set() {
            // What `turn` hands out is dropped after the lock.
            let (turn, _old);
            let mut waiters = this.event.waiters.lock();
            // SAFETY: the waiter enters no other list; the lock is held.
            (turn, _old) = unsafe { waiters.turn(this.waiter.as_mut(), cx.waker()) };
            match turn {
                Turn::Waiting => return Poll::Pending,
                // Looked at again under the lock, where nobody sets it.
                Turn::Idle if !this.event.is_set() => {
                    // SAFETY: the waiter is idle, and leaves in `drop`.
                    unsafe { waiters.enter(this.waiter, cx.waker(), End::Back) };
                    return Poll::Pending;
                }
                Turn::Used | Turn::Idle => {}
            }
        }
        Poll::Ready(())
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(poll_proceed(cx));
        ready!(self.poll_unbudgeted(cx));
        proceed.made_progress();
        Poll::Ready(())
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("event", &self.event).finish_non_exhaustive()
    }
}
