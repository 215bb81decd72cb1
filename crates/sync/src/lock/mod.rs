//! asyncio's [`Lock`]: one task at a time, in the order in which they came.
//!
//! A lock is one permit ([`permits`](crate::permits)). Free to held and back is one atomic exchange each; whoever waits is
//! given the lock itself, so nobody who comes later is faster.

mod bare;
mod guard;
mod owned;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::sync::atomic::AtomicBool;
use heist_core::sync::cell::UnsafeCell;
use pin_project_lite::pin_project;

pub use self::bare::{AcquireLock, NotAcquiredError};
pub use self::guard::{HoldsLock, LockGuard};
pub use self::owned::{LockOwned, OwnedLockGuard};
use crate::blocking::block_until;
use crate::permits::{Claim, Permits, Source};
use crate::statistics::{Holder, LockStatistics};

/// Lets one task at a time have the value. asyncio: `Lock`.
///
/// The lock guards a value and hands it out in a [`LockGuard`], which may be kept across awaits and unlocks when it goes.
/// `Lock<()>` guards nothing: with [`acquire`](Self::acquire) and [`release`](Self::release) it is asyncio's bare lock.
///
/// Fair: who waits gets the lock in the order of the first polls, and nobody who comes later is faster. A lock that
/// nobody else wants costs two atomic read-modify-writes, locked and unlocked; waiting allocates nothing.
///
/// ```
/// # use heist_sync::Lock;
/// # async fn example() {
/// let counter = Lock::new(0);
/// *counter.lock().await += 1;
/// assert_eq!(counter.into_inner(), 1);
/// # }
/// ```
pub struct Lock<T: ?Sized> {
    permits: Permits,
    holder: Holder,
    /// Whether it is held by [`acquire`](Self::acquire), without a guard.
    bare: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes where the lock goes.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: the lock lets one at a time have the value, on any thread.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A lock that is free. asyncio: `Lock()`.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// assert!(!Lock::new(1).locked());
    /// ```
    pub fn new(value: T) -> Self {
        Self {
            permits: Permits::new(1, 1),
            holder: Holder::new(),
            bare: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value out of a lock that nobody else has any more.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// let names = Lock::new(vec!["Ada"]);
    /// names.lock_blocking().push("Grace");
    /// assert_eq!(names.into_inner(), ["Ada", "Grace"]);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits for the lock. asyncio: `async with lock`.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready is gone from the line; a lock that it had been given goes to the next.
    /// Calling it again begins at the end of the line.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// # async fn example(names: &Lock<Vec<String>>) {
    /// let mut names = names.lock().await;
    /// names.push("Ada".to_owned());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockFuture<'_, T> {
        LockFuture { claim: Claim::for_user(self, 1) }
    }

    /// Takes the lock if it is free and nobody waits for it.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// let lock = Lock::new(1);
    /// let guard = lock.try_lock().expect("nobody has it");
    /// assert!(lock.try_lock().is_none());
    /// drop(guard);
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        // SAFETY: the lock has just been taken for this guard.
        self.permits.try_take(1).then(|| unsafe { LockGuard::new(self) })
    }

    /// Waits for the lock on a plain thread, which sleeps. In a task write `lock().await`: this would stop its worker.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// let lock = Lock::new(1);
    /// *lock.lock_blocking() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn lock_blocking(&self) -> LockGuard<'_, T> {
        block_until(self.lock(), LockFuture::poll_unbudgeted)
    }

    /// Whether somebody has the lock, or it is about to go to somebody who waits. asyncio: `locked`.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// let lock = Lock::new(());
    /// assert!(!lock.locked());
    /// let _guard = lock.try_lock();
    /// assert!(lock.locked());
    /// ```
    pub fn locked(&self) -> bool {
        self.permits.locked()
    }

    /// Who has the lock, and how many wait. asyncio has no such method.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// # async fn example(lock: &Lock<u32>) {
    /// let statistics = lock.statistics();
    /// if let Some(holder) = statistics.holder {
    ///     println!("task {} has it, created at {}", holder.id, holder.location);
    /// }
    /// # }
    /// ```
    pub fn statistics(&self) -> LockStatistics {
        let locked = self.locked();
        let holder = self.holder.noted().filter(|_| locked);
        LockStatistics { locked, waiting: self.permits.waiting(), holder }
    }

    /// Reaches the value through an exclusive borrow, without locking.
    ///
    /// ```
    /// # use heist_sync::Lock;
    /// let mut lock = Lock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the borrow is exclusive.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Unlocks. There is nobody to tell of an error: a guard is proof that the lock is held.
    #[inline]
    fn unlock(&self) {
        self.permits.give_back_only();
    }
}

impl<T: ?Sized> Source for &Lock<T> {
    #[inline]
    fn permits(&self) -> &Permits {
        &self.permits
    }

    #[inline(always)]
    fn try_take(&self, _one: u32) -> bool {
        self.permits.try_take_only()
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Lock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lock");
        match self.try_lock() {
            Some(guard) => shown.field("value", &&*guard),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.field("waiting", &self.permits.waiting()).finish()
    }
}

pin_project! {
    /// The future of [`Lock::lock`].
    ///
    /// ```
    /// # use heist_sync::{Lock, LockFuture};
    /// # let lock = Lock::new(1);
    /// let waits: LockFuture<'_, i32> = lock.lock();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct LockFuture<'a, T: ?Sized> {
        #[pin]
        claim: Claim<&'a Lock<T>>,
    }
}

impl<'a, T: ?Sized> LockFuture<'a, T> {
    /// Polls without asking the task's budget.
    #[inline]
    pub(crate) fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a, T>> {
        let lock = ready!(self.project().claim.poll_unbudgeted(cx));
        // SAFETY: the lock has just been taken for this guard.
        Poll::Ready(unsafe { LockGuard::new(lock) })
    }
}

impl<'a, T: ?Sized> Future for LockFuture<'a, T> {
    type Output = LockGuard<'a, T>;

    // A free lock takes some thirty instructions, a third of which would be those of a call.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        // SAFETY: the lock has just been taken for this guard.
        Poll::Ready(unsafe { LockGuard::new(lock) })
    }
}

impl<T: ?Sized> fmt::Debug for LockFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFuture").finish_non_exhaustive()
    }
}
