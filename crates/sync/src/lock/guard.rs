//! The guard of a lock.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::Lock;
use crate::permits::Permits;

/// Has the lock, and with it the value; unlocks when it goes, also by an error or a panic. asyncio: the body of
/// `async with lock`.
///
/// ```
/// # use heist_sync::Lock;
/// let lock = Lock::new(1);
/// let mut guard = lock.try_lock().expect("nobody has it");
/// *guard += 1;
/// drop(guard);
/// assert!(!lock.locked());
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct LockGuard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// # Safety
    ///
    /// The lock was taken, and this is its one guard.
    #[inline]
    pub(crate) unsafe fn new(lock: &'a Lock<T>) -> Self {
        lock.holder.note();
        Self { lock }
    }

    /// The lock that this is the guard of.
    ///
    /// ```
    /// # use heist_sync::{Lock, LockGuard};
    /// let lock = Lock::new(1);
    /// let guard = lock.try_lock().expect("nobody has it");
    /// assert!(LockGuard::lock(&guard).locked());
    /// ```
    pub fn lock(guard: &Self) -> &'a Lock<T> {
        guard.lock
    }
}

/// A proof that a lock is held: a [`LockGuard`] or an [`OwnedLockGuard`](super::OwnedLockGuard).
///
/// ```
/// # use heist_sync::{Condition, HoldsLock, Lock, MixedLocksError};
/// fn tell(changed: &Condition, guard: &impl HoldsLock) -> Result<(), MixedLocksError> {
///     changed.notify_all(guard)
/// }
/// assert_eq!(tell(&Condition::new(), &Lock::new(1).lock_blocking()), Ok(()));
/// ```
pub trait HoldsLock {
    /// The permit of the lock. Of a type that only this crate can name, so that nobody else can claim to hold one.
    #[doc(hidden)]
    fn permits(&self) -> &Permits;
}

impl<T: ?Sized> HoldsLock for LockGuard<'_, T> {
    fn permits(&self) -> &Permits {
        &self.lock.permits
    }
}

impl<T: ?Sized> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock();
    }
}

// SAFETY: a shared guard gives out shared references to the value, and to the lock, which is Sync where T is Send.
unsafe impl<T: ?Sized + Send + Sync> Sync for LockGuard<'_, T> {}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, and the guard, of which there is one, is borrowed shared.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard, of which there is one, is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
