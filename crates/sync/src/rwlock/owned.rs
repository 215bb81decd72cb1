//! Guards of a read-write lock that borrow nothing.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{READER, RwLock, WRITER};
use crate::permits::{Claim, Permits, Source};

impl<T: ?Sized> Source for Arc<RwLock<T>> {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As [`read`](Self::read); the guard keeps the lock alive and may go where a borrow cannot.
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](Self::read).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::RwLock;
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
    /// let lock = Arc::new(RwLock::new(1));
    /// let reading = lock.clone().read_owned().await;
    /// assert!(lock.try_write().is_none());
    /// assert_eq!(*reading, 1);
    /// # });
    /// ```
    pub fn read_owned(self: Arc<Self>) -> ReadOwned<T> {
        ReadOwned { claim: Claim::new(self, READER) }
    }

    /// As [`write`](Self::write); the guard keeps the lock alive and may go where a borrow cannot.
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](Self::read).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::RwLock;
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
    /// let lock = Arc::new(RwLock::new(1));
    /// *lock.clone().write_owned().await += 1;
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub fn write_owned(self: Arc<Self>) -> WriteOwned<T> {
        WriteOwned { claim: Claim::new(self, WRITER) }
    }

    /// As [`try_read`](Self::try_read); the guard keeps the lock alive.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let reading = lock.try_read_owned().expect("nobody writes");
    /// assert!(lock.try_write_owned().is_none());
    /// assert_eq!(*reading, 1);
    /// ```
    pub fn try_read_owned(self: &Arc<Self>) -> Option<OwnedReadGuard<T>> {
        // SAFETY: a permit has just been taken for this guard.
        self.permits.try_take(READER).then(|| unsafe { OwnedReadGuard::new(self.clone()) })
    }

    /// As [`try_write`](Self::try_write); the guard keeps the lock alive.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let writing = lock.try_write_owned().expect("nobody has it");
    /// assert!(lock.try_read_owned().is_none());
    /// drop(writing);
    /// ```
    pub fn try_write_owned(self: &Arc<Self>) -> Option<OwnedWriteGuard<T>> {
        // SAFETY: all permits have just been taken for this guard.
        self.permits.try_take(WRITER).then(|| unsafe { OwnedWriteGuard::new(self.clone()) })
    }
}

/// Reads, and keeps the lock alive; unlocks when it goes.
///
/// ```
/// # use std::sync::Arc;
/// # use heist_sync::RwLock;
/// let lock = Arc::new(RwLock::new(1));
/// let reading = lock.try_read_owned().expect("nobody writes");
/// let read = std::thread::spawn(move || *reading).join().unwrap();
/// assert_eq!(read, 1);
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct OwnedReadGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

impl<T: ?Sized> OwnedReadGuard<T> {
    /// # Safety
    ///
    /// This guard, and no other, has a permit of the lock.
    #[inline]
    pub(super) unsafe fn new(lock: Arc<RwLock<T>>) -> Self {
        Self { lock }
    }
}

impl<T: ?Sized> Drop for OwnedReadGuard<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard has them, and is gone.
        unsafe { self.lock.unlock(READER) };
    }
}

impl<T: ?Sized> Deref for OwnedReadGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: nobody writes while a reader has a permit.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Writes, and keeps the lock alive; unlocks when it goes.
///
/// ```
/// # use std::sync::Arc;
/// # use heist_sync::RwLock;
/// let lock = Arc::new(RwLock::new(1));
/// let mut writing = lock.try_write_owned().expect("nobody has it");
/// std::thread::spawn(move || *writing += 1).join().unwrap();
/// assert_eq!(*lock.read_blocking(), 2);
/// ```
#[must_use = "the lock is free again as soon as its guard goes"]
pub struct OwnedWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

impl<T: ?Sized> OwnedWriteGuard<T> {
    /// # Safety
    ///
    /// This guard, and no other, has all permits of the lock.
    #[inline]
    pub(super) unsafe fn new(lock: Arc<RwLock<T>>) -> Self {
        lock.holder.note();
        Self { lock }
    }

    /// Goes on as a reader, without a gap in which others could write.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{OwnedWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut writing = lock.try_write_owned().expect("nobody has it");
    /// *writing += 1;
    /// let reading = OwnedWriteGuard::downgrade(writing);
    /// assert!(lock.try_read().is_some());
    /// assert_eq!(*reading, 2);
    /// ```
    pub fn downgrade(guard: Self) -> OwnedReadGuard<T> {
        let guard = std::mem::ManuallyDrop::new(guard);
        // SAFETY: the guard is not used again, nor dropped.
        let lock = unsafe { std::ptr::read(&guard.lock) };
        // SAFETY: all but one of the permits of this guard, whose value is only read from now on.
        unsafe { lock.unlock(WRITER - READER) };
        // SAFETY: the one that is left is for this guard.
        unsafe { OwnedReadGuard::new(lock) }
    }
}

impl<T: ?Sized> Drop for OwnedWriteGuard<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard has them, and is gone.
        unsafe { self.lock.unlock(WRITER) };
    }
}

impl<T: ?Sized> Deref for OwnedWriteGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: nobody else has the value, and the guard is borrowed shared.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedWriteGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: nobody else has the value, and the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

pin_project! {
    /// The future of [`RwLock::read_owned`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{ReadOwned, RwLock};
    /// # let lock = Arc::new(RwLock::new(1));
    /// let waits: ReadOwned<i32> = lock.clone().read_owned();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadOwned<T: ?Sized> {
        #[pin]
        claim: Claim<Arc<RwLock<T>>>,
    }
}

impl<T: ?Sized> Future for ReadOwned<T> {
    type Output = OwnedReadGuard<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        // SAFETY: a permit has just been taken for this guard.
        Poll::Ready(unsafe { OwnedReadGuard::new(lock) })
    }
}

impl<T: ?Sized> fmt::Debug for ReadOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOwned").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`RwLock::write_owned`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::{RwLock, WriteOwned};
    /// # let lock = Arc::new(RwLock::new(1));
    /// let waits: WriteOwned<i32> = lock.clone().write_owned();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WriteOwned<T: ?Sized> {
        #[pin]
        claim: Claim<Arc<RwLock<T>>>,
    }
}

impl<T: ?Sized> Future for WriteOwned<T> {
    type Output = OwnedWriteGuard<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        // SAFETY: all permits have just been taken for this guard.
        Poll::Ready(unsafe { OwnedWriteGuard::new(lock) })
    }
}

impl<T: ?Sized> fmt::Debug for WriteOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteOwned").finish_non_exhaustive()
    }
}
