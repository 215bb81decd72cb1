//! What a semaphore hands out.

use std::fmt;
use std::sync::Arc;

use crate::permits::{Permits, Source};

/// Has permits of a semaphore, which go back when it is dropped. asyncio: the body of `async with semaphore`.
///
/// ```
/// # use heist_sync::Semaphore;
/// let semaphore = Semaphore::new(1);
/// let permit = semaphore.try_acquire().expect("one is free");
/// assert!(semaphore.locked());
/// drop(permit);
/// assert!(!semaphore.locked());
/// ```
#[must_use = "the permit goes back as soon as this is dropped"]
pub struct Permit<'a> {
    permits: &'a Permits,
    count: u32,
}

impl<'a> Permit<'a> {
    pub(super) fn new(permits: &'a Permits, count: u32) -> Self {
        Self { permits, count }
    }

    /// How many permits these are.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let permits = semaphore.try_acquire_many(2).expect("enough are free");
    /// assert_eq!(permits.count(), 2);
    /// ```
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Keeps the permits out: they go back by the semaphore's `release`, or never.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// semaphore.try_acquire().expect("one is free").forget();
    /// assert!(semaphore.locked());
    /// semaphore.release();
    /// assert!(!semaphore.locked());
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        give_back(self.permits, self.count);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}

/// As [`Permit`]; it keeps its semaphore alive.
///
/// ```
/// # use std::sync::Arc;
/// # use heist_sync::{OwnedPermit, Semaphore};
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
/// let semaphore = Arc::new(Semaphore::new(1));
/// let permit: OwnedPermit = semaphore.clone().acquire_owned().await;
/// assert!(semaphore.locked());
/// drop(permit);
/// assert!(!semaphore.locked());
/// # });
/// ```
#[must_use = "the permit goes back as soon as this is dropped"]
pub struct OwnedPermit {
    semaphore: Arc<dyn Source + Send + Sync>,
    count: u32,
}

impl OwnedPermit {
    pub(super) fn new(semaphore: Arc<dyn Source + Send + Sync>, count: u32) -> Self {
        Self { semaphore, count }
    }

    /// How many permits these are.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::Semaphore;
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
    /// let permits = Arc::new(Semaphore::new(3)).acquire_many_owned(2).await;
    /// assert_eq!(permits.count(), 2);
    /// # });
    /// ```
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Keeps the permits out: they go back by the semaphore's `release`, or never.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::Semaphore;
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
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// semaphore.clone().acquire_owned().await.forget();
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        give_back(self.semaphore.permits(), self.count);
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("count", &self.count).finish_non_exhaustive()
    }
}

#[inline]
fn give_back(permits: &Permits, count: u32) {
    if count > 0 {
        // Too many there are only where somebody has released by hand what this holds: then it is back already.
        let _full = permits.give_back(count);
    }
}
