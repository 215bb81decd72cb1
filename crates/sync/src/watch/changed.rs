//! Waiting for a change, and for the last receiver to go.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::atomic::Ordering;
use heist_core::sync::{Mutex, mutant};
use pin_project_lite::pin_project;

use super::RecvError;
use super::shared::{Shared, Version};
use crate::waitlist::{End, Turn, WaitList, Waiter};

/// Waits in `line`, all of which is granted at once, until `look` finds something.
///
/// # Safety
///
/// The waiter enters no other list, and [`leave`]s before it goes.
unsafe fn poll_until<R>(
    line: &Mutex<WaitList>,
    mut waiter: Pin<&mut Waiter>,
    cx: &mut Context<'_>,
    mut look: impl FnMut() -> Option<R>,
) -> Poll<R> {
    let proceed = ready!(poll_proceed(cx));
    let mut found = look();
    if found.is_none() {
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let mut line = line.lock();
        // SAFETY: the caller's word; the lock is held.
        (turn, _old) = unsafe { line.turn(waiter.as_mut(), cx.waker()) };
        if turn == Turn::Waiting {
            return Poll::Pending;
        }
        // Who changes something comes to the lock afterwards: what is not there now will find the waiter in line.
        found = if mutant("sync-watch-without-second-look") { None } else { look() };
        if found.is_none() {
            // SAFETY: the waiter is idle, and leaves before it goes (the caller's word).
            unsafe { line.enter(waiter, cx.waker(), End::Back) };
        }
    }
    match found {
        Some(found) => {
            proceed.made_progress();
            Poll::Ready(found)
        }
        None => Poll::Pending,
    }
}

/// # Safety
///
/// The waiter has been in no list but `line`.
unsafe fn leave(line: &Mutex<WaitList>, mut waiter: Pin<&mut Waiter>) {
    if waiter.as_mut().entered() {
        // SAFETY: the caller's word; the lock is held. A turn needs no passing on: all were given one.
        let left = unsafe { line.lock().leave(waiter) };
        drop(left.waker);
    }
}

pin_project! {
    /// The future of [`Receiver::changed`](super::Receiver::changed).
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # let run = std::pin::pin!(async {
    /// let (sender, mut receiver) = watch::channel(0);
    /// sender.send(7).unwrap();
    /// let changed: watch::Changed<'_, i32> = receiver.changed();
    /// assert_eq!(changed.await, Ok(()));
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Changed<'a, T> {
        shared: &'a Shared<T>,
        seen: &'a mut Version,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Changed<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { leave(&this.shared.changes, this.waiter) };
        }
    }
}

impl<'a, T> Changed<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, seen: &'a mut Version) -> Self {
        Self { shared, seen, waiter: Waiter::new() }
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (shared, seen) = (this.shared, this.seen);
        let look = || {
            let version = shared.version();
            if version.is_same(**seen) {
                return version.ended().then_some(Err(RecvError));
            }
            **seen = version;
            Some(Ok(()))
        };
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        unsafe { poll_until(&shared.changes, this.waiter, cx, look) }
    }
}

pin_project! {
    /// The future of [`Sender::closed`](super::Sender::closed).
    ///
    /// ```
    /// # use heist_sync::watch;
    /// # let run = std::pin::pin!(async {
    /// let (sender, receiver) = watch::channel(0);
    /// drop(receiver);
    /// let closed: watch::Closed<'_, i32> = sender.closed();
    /// closed.await;
    /// assert!(sender.is_closed());
    /// # });
    /// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Closed<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Closed<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: only `poll` below has put the waiter into a list.
            unsafe { leave(&this.shared.closing, this.waiter) };
        }
    }
}

impl<'a, T> Closed<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared, waiter: Waiter::new() }
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // Acquire pairs with the count's fall in the receiver's drop.
        let look = || (this.shared.receivers.load(Ordering::Acquire) == 0).then_some(());
        // SAFETY: the waiter enters no other list, and leaves in `drop`.
        unsafe { poll_until(&this.shared.closing, this.waiter, cx, look) }
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}
