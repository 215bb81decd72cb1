//! A guard that borrows nothing: it keeps the lock by an `Arc`.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{HoldsLock, Lock};
use crate::permits::{Claim, Permits, Source};

impl<T: ?Sized> Source for Arc<Lock<T>> {
    fn permits(&self) -> &Permits {
        &self.permits
    }

    #[inline(always)]
    fn try_take(&self, _one: u32) -> bool {
        self.permits.try_take_only()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits for the lock; the guard keeps it alive and may go where a borrow cannot. asyncio: `async with lock`.
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](Self::lock).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{Lock, OwnedLockGuard};
    /// # async fn example(lock: &Arc<Lock<u32>>) -> OwnedLockGuard<u32> {
    /// lock.clone().lock_owned().await
    /// # }
    /// ```
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockOwned { claim: Claim::for_user(self, 1) }
    }

    /// Takes the lock if it is free and nobody waits for it; the guard keeps it alive.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::Lock;
    /// let lock = Arc::new(Lock::new(1));
    /// let guard = lock.try_lock_owned().expect("nobody has it");
    /// assert!(lock.try_lock_owned().is_none());
    /// drop(guard);
    /// ```
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedLockGuard<T>> {
        self.permits.try_take(1).then(|| OwnedLockGuard::new(self.clone()))
    }
}

/// Has the lock, keeps it alive, and unlocks when it goes; see [`LockGuard`](super::LockGuard).
///
/// ```
/// # use std::sync::Arc;
/// # use heist_sync::Lock;
/// let lock = Arc::new(Lock::new(1));
/// let mut guard = lock.try_lock_owned().expect("nobody has it");
/// std::thread::spawn(move || *guard += 1).join().unwrap();
/// assert_eq!(*lock.lock_blocking(), 2);
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct OwnedLockGuard<T: ?Sized> {
    lock: Arc<Lock<T>>,
}

impl<T: ?Sized> OwnedLockGuard<T> {
    /// For a lock that has just been taken.
    fn new(lock: Arc<Lock<T>>) -> Self {
        lock.holder.note();
        Self { lock }
    }

    /// The lock that this is the guard of.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{Lock, OwnedLockGuard};
    /// let lock = Arc::new(Lock::new(1));
    /// let guard = lock.try_lock_owned().expect("nobody has it");
    /// assert!(Arc::ptr_eq(OwnedLockGuard::lock(&guard), &lock));
    /// ```
    pub fn lock(guard: &Self) -> &Arc<Lock<T>> {
        &guard.lock
    }
}

impl<T: ?Sized> HoldsLock for OwnedLockGuard<T> {
    fn permits(&self) -> &Permits {
        &self.lock.permits
    }
}

impl<T: ?Sized> Drop for OwnedLockGuard<T> {
    fn drop(&mut self) {
        self.lock.unlock();
    }
}

// SAFETY: a shared guard gives out shared references to the value, and the lock, which is Sync where T is Send.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedLockGuard<T> {}

impl<T: ?Sized> Deref for OwnedLockGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held, and the guard, of which there is one, is borrowed shared.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedLockGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard, of which there is one, is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedLockGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

pin_project! {
    /// The future of [`Lock::lock_owned`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{Lock, LockOwned};
    /// # let lock = Arc::new(Lock::new(1));
    /// let waits: LockOwned<i32> = lock.clone().lock_owned();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct LockOwned<T: ?Sized> {
        #[pin]
        claim: Claim<Arc<Lock<T>>>,
    }
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedLockGuard<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        Poll::Ready(OwnedLockGuard::new(lock))
    }
}

impl<T: ?Sized> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned").finish_non_exhaustive()
    }
}
