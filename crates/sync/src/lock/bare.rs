//! The lock without a guard: asyncio's `acquire` and `release`.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::sync::atomic::Ordering;
use pin_project_lite::pin_project;

use super::Lock;
use crate::permits::Claim;

impl<T: ?Sized> Lock<T> {
    /// Waits for the lock and keeps it until [`release`](Self::release), which any task may call. asyncio: `acquire`.
    ///
    /// The value is reached by guards alone; this form is for `Lock<()>`.
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](Self::lock). A task that is cancelled while it holds the lock in this way does not release it: that
    /// is what guards are for.
    ///
    /// ```
    /// # use heist_sync::{Lock, NotAcquiredError};
    /// # async fn example() -> Result<(), NotAcquiredError> {
    /// let lock = Lock::new(());
    /// lock.acquire().await;
    /// assert!(lock.locked());
    /// lock.release()?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> AcquireLock<'_, T> {
        AcquireLock { claim: Claim::for_user(self, 1) }
    }

    /// Gives back what [`acquire`](Self::acquire) took: the first who waits has it now. asyncio: `release`.
    ///
    /// # Errors
    ///
    /// [`NotAcquiredError`] where the lock is free, or held by a guard, which alone may unlock.
    ///
    /// ```
    /// # use heist_sync::{Lock, NotAcquiredError};
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
    /// let lock = Lock::new(());
    /// lock.acquire().await;
    /// assert_eq!(lock.release(), Ok(()));
    /// assert_eq!(lock.release(), Err(NotAcquiredError));
    /// # });
    /// ```
    pub fn release(&self) -> Result<(), NotAcquiredError> {
        // Of two who release at a time one gets the mark; the release of the permit publishes what was done.
        if !self.bare.swap(false, Ordering::Acquire) {
            return Err(NotAcquiredError);
        }
        self.unlock();
        Ok(())
    }
}

/// A lock was released that nobody had acquired. asyncio: `RuntimeError('Lock is not acquired.')`.
///
/// ```
/// # use heist_sync::{Lock, NotAcquiredError};
/// let lock = Lock::new(());
/// let _guard = lock.try_lock();
/// assert_eq!(lock.release(), Err(NotAcquiredError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotAcquiredError;

impl fmt::Display for NotAcquiredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the lock is not acquired: await acquire() first, and release() once; a guard unlocks by itself",
        )
    }
}

impl Error for NotAcquiredError {}

pin_project! {
    /// The future of [`Lock::acquire`].
    ///
    /// ```
    /// # use heist_sync::{AcquireLock, Lock};
    /// # let lock = Lock::new(());
    /// let waits: AcquireLock<'_, ()> = lock.acquire();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireLock<'a, T: ?Sized> {
        #[pin]
        claim: Claim<&'a Lock<T>>,
    }
}

impl<T: ?Sized> Future for AcquireLock<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let lock = ready!(self.project().claim.poll(cx));
        // Release pairs with the Acquire of `release`.
        lock.holder.note();
        lock.bare.store(true, Ordering::Release);
        Poll::Ready(())
    }
}

impl<T: ?Sized> fmt::Debug for AcquireLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireLock").finish_non_exhaustive()
    }
}
