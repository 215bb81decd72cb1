//! The guards of a read-write lock.
//!
//! They are Send and Sync where a reference to the lock is: where the value is both.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{READER, RwLock, WRITER};

/// Reads; unlocks when it goes.
///
/// ```
/// # use heist_sync::{ReadGuard, RwLock};
/// let lock = RwLock::new(1);
/// let reading: ReadGuard<'_, i32> = lock.read_blocking();
/// assert_eq!(*reading, 1);
/// assert!(lock.try_write().is_none());
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct ReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

impl<'a, T: ?Sized> ReadGuard<'a, T> {
    /// # Safety
    ///
    /// This guard, and no other, has a permit of the lock.
    #[inline]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }
}

impl<T: ?Sized> Drop for ReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard has them, and is gone.
        unsafe { self.lock.unlock(READER) };
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: nobody writes while a reader has a permit.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Writes; unlocks when it goes.
///
/// ```
/// # use heist_sync::{RwLock, WriteGuard};
/// let lock = RwLock::new(1);
/// let mut writing: WriteGuard<'_, i32> = lock.write_blocking();
/// *writing += 1;
/// drop(writing);
/// assert_eq!(*lock.read_blocking(), 2);
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct WriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// # Safety
    ///
    /// This guard, and no other, has all permits of the lock.
    #[inline]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> Self {
        lock.holder.note();
        Self { lock }
    }

    /// Goes on as a reader, without a gap in which others could write.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{WriteGuard, RwLock};
    /// let lock = RwLock::new(1);
    /// let mut writing = lock.try_write().expect("nobody has it");
    /// *writing += 1;
    /// let reading = WriteGuard::downgrade(writing);
    /// assert!(lock.try_read().is_some());
    /// assert_eq!(*reading, 2);
    /// ```
    pub fn downgrade(guard: Self) -> ReadGuard<'a, T> {
        let lock = guard.lock;
        std::mem::forget(guard);
        // SAFETY: all but one of the permits of this guard, whose value is only read from now on.
        unsafe { lock.unlock(WRITER - READER) };
        // SAFETY: the one that is left is for this guard.
        unsafe { ReadGuard::new(lock) }
    }
}

impl<T: ?Sized> Drop for WriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard has them, and is gone.
        unsafe { self.lock.unlock(WRITER) };
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: nobody else has the value, and the guard is borrowed shared.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: nobody else has the value, and the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
