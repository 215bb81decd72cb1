//! [`RwLock`]: many readers or one writer, in the order in which they came.
//!
//! A reader holds one permit, a writer all of them ([`permits`](crate::permits)). The line is one and fair: a writer that
//! waits holds back the readers behind it, so neither kind starves. asyncio has no such lock.

mod guards;
mod owned;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::sync::cell::UnsafeCell;
use pin_project_lite::pin_project;

pub use self::guards::{ReadGuard, WriteGuard};
pub use self::owned::{OwnedReadGuard, OwnedWriteGuard, ReadOwned, WriteOwned};
use crate::blocking::block_until;
use crate::permits::{Claim, Permits, Source};
use crate::statistics::{Holder, LockStatistics};

/// What a reader holds.
const READER: u32 = 1;
/// What a writer holds: all there is.
const WRITER: u32 = u32::MAX;

/// Lets many read a value, or one change it.
///
/// Fair: readers and writers get it in the order of their first polls, readers next to each other together. A lock that
/// nobody else wants costs two atomic read-modify-writes, locked and unlocked; waiting allocates nothing.
///
/// ```
/// # use heist_sync::RwLock;
/// # async fn example() {
/// let names = RwLock::new(vec!["Ada"]);
/// {
///     let (one, two) = (names.read().await, names.read().await);
///     assert_eq!(one.len(), two.len());
/// }
/// names.write().await.push("Grace");
/// # }
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Permits,
    /// Who wrote last.
    holder: Holder,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes where the lock goes.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers on many threads have shared references, a writer on any thread an exclusive one.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock that is free.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// assert!(!RwLock::new(1).statistics().locked);
    /// ```
    pub fn new(value: T) -> Self {
        Self { permits: Permits::new(WRITER, WRITER), holder: Holder::new(), value: UnsafeCell::new(value) }
    }

    /// Takes the value out of a lock that nobody else has any more.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// *lock.write_blocking() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer has the lock, or came before, and reads.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready is gone from the line; what it had been given goes to the next.
    ///
    /// ```
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
    /// let lock = RwLock::new(1);
    /// let (one, other) = (lock.read().await, lock.read().await);
    /// assert_eq!(*one + *other, 2);
    /// # });
    /// ```
    #[inline]
    pub fn read(&self) -> Read<'_, T> {
        Read { claim: Claim::new(self, READER) }
    }

    /// Waits until nobody else has the lock, and writes.
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](Self::read).
    ///
    /// ```
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
    /// let lock = RwLock::new(1);
    /// *lock.write().await += 1;
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    #[inline]
    pub fn write(&self) -> Write<'_, T> {
        Write { claim: Claim::new(self, WRITER) }
    }

    /// Reads if no writer has the lock or waits for it.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let reading = lock.try_read().expect("nobody writes");
    /// assert!(lock.try_read().is_some());
    /// assert!(lock.try_write().is_none());
    /// assert_eq!(*reading, 1);
    /// ```
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        // SAFETY: a permit has just been taken for this guard.
        self.permits.try_take(READER).then(|| unsafe { ReadGuard::new(self) })
    }

    /// Writes if nobody has the lock or waits for it.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let writing = lock.try_write().expect("nobody has it");
    /// assert!(lock.try_write().is_none());
    /// drop(writing);
    /// ```
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        // SAFETY: all permits have just been taken for this guard.
        self.permits.try_take(WRITER).then(|| unsafe { WriteGuard::new(self) })
    }

    /// Waits on a plain thread, which sleeps, and reads. In a task write `read().await`: this would stop its worker.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// assert_eq!(*lock.read_blocking(), 1);
    /// ```
    pub fn read_blocking(&self) -> ReadGuard<'_, T> {
        let lock = block_until(Claim::new(self, READER), Claim::poll_unbudgeted);
        // SAFETY: a permit has just been taken for this guard.
        unsafe { ReadGuard::new(lock) }
    }

    /// Waits on a plain thread, which sleeps, and writes. In a task write `write().await`.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// *lock.write_blocking() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn write_blocking(&self) -> WriteGuard<'_, T> {
        let lock = block_until(Claim::new(self, WRITER), Claim::poll_unbudgeted);
        // SAFETY: all permits have just been taken for this guard.
        unsafe { WriteGuard::new(lock) }
    }

    /// Whether a reader would have to wait, who writes, and how many wait.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let _writing = lock.try_write();
    /// let statistics = lock.statistics();
    /// assert!(statistics.locked && statistics.waiting == 0);
    /// ```
    pub fn statistics(&self) -> LockStatistics {
        let writes = self.permits.free() == 0;
        let holder = self.holder.noted().filter(|_| writes);
        LockStatistics { locked: self.permits.locked(), waiting: self.permits.waiting(), holder }
    }

    /// Reaches the value through an exclusive borrow, without locking.
    ///
    /// ```
    /// # use heist_sync::RwLock;
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the borrow is exclusive.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// # Safety
    ///
    /// The caller holds so many permits, and uses the value no more.
    #[inline]
    unsafe fn unlock(&self, permits: u32) {
        let unlocked = self.permits.give_back(permits);
        debug_assert_eq!(unlocked, Ok(()), "a guard of a lock that was free");
    }
}

impl<T: ?Sized> Source for &RwLock<T> {
    #[inline]
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => shown.field("value", &&*guard),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.field("waiting", &self.permits.waiting()).finish()
    }
}

pin_project! {
    /// The future of [`RwLock::read`].
    ///
    /// ```
    /// # use heist_sync::{Read, RwLock};
    /// # let lock = RwLock::new(1);
    /// let waits: Read<'_, i32> = lock.read();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Read<'a, T: ?Sized> {
        #[pin]
        claim: Claim<&'a RwLock<T>>,
    }
}

impl<'a, T: ?Sized> Future for Read<'a, T> {
    type Output = ReadGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        // SAFETY: a permit has just been taken for this guard.
        Poll::Ready(unsafe { ReadGuard::new(lock) })
    }
}

impl<T: ?Sized> fmt::Debug for Read<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`RwLock::write`].
    ///
    /// ```
    /// # use heist_sync::{RwLock, Write};
    /// # let lock = RwLock::new(1);
    /// let waits: Write<'_, i32> = lock.write();
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Write<'a, T: ?Sized> {
        #[pin]
        claim: Claim<&'a RwLock<T>>,
    }
}

impl<'a, T: ?Sized> Future for Write<'a, T> {
    type Output = WriteGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lock = ready!(self.project().claim.poll(cx));
        // SAFETY: all permits have just been taken for this guard.
        Poll::Ready(unsafe { WriteGuard::new(lock) })
    }
}

impl<T: ?Sized> fmt::Debug for Write<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}
