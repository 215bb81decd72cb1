//! What a semaphore hands out.

use std::fmt;
use std::sync::Arc;

use crate::permits::{Permits, Source};

/// Has permits of a semaphore, which go back when it is dropped. asyncio: the body of `async with semaphore`.
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
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Keeps the permits out: they go back by the semaphore's `release`, or never.
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
