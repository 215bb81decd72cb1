//! asyncio's [`BoundedSemaphore`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::acquire::{AcquireOwned, AcquirePermit};
use super::count;
use super::permit::Permit;
use crate::blocking::block_until;
use crate::permits::{Claim, Permits, Source};
use crate::statistics::SemaphoreStatistics;

/// A [`Semaphore`](super::Semaphore) that never has more permits than it began with. asyncio: `BoundedSemaphore`.
///
/// ```
/// # use heist_sync::BoundedSemaphore;
/// let semaphore = BoundedSemaphore::new(1);
/// semaphore.try_acquire().expect("one is free").forget();
/// assert!(semaphore.release().is_ok());
/// assert!(semaphore.release().is_err());
/// ```
pub struct BoundedSemaphore {
    permits: Permits,
}

impl Source for BoundedSemaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, at most
    /// [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS). asyncio: `BoundedSemaphore(value)`.
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(count(permits), count(permits)) }
    }

    /// Waits for a permit. asyncio: `acquire`, and `async with semaphore`.
    ///
    /// # Cancel safety
    ///
    /// As for [`Semaphore::acquire`](super::Semaphore::acquire).
    #[inline]
    pub fn acquire(&self) -> AcquirePermit<'_> {
        AcquirePermit::new(&self.permits, 1)
    }

    /// Waits for a permit that keeps the semaphore alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`Semaphore::acquire`](super::Semaphore::acquire).
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireOwned::new(self, 1)
    }

    /// Takes a permit if one is free and nobody waits.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.permits.try_take(1).then(|| Permit::new(&self.permits, 1))
    }

    /// Waits for a permit on a plain thread, which sleeps. In a task write `acquire().await`.
    pub fn acquire_blocking(&self) -> Permit<'_> {
        Permit::new(block_until(Claim::new(&self.permits, 1), Claim::poll_unbudgeted), 1)
    }

    /// Gives back a permit that was [forgotten](Permit::forget): the first who waits has it now. asyncio: `release`.
    ///
    /// # Errors
    ///
    /// [`ReleasedTooManyTimesError`] where all permits are back already.
    pub fn release(&self) -> Result<(), ReleasedTooManyTimesError> {
        self.permits.give_back(1).map_err(|_full| ReleasedTooManyTimesError)
    }

    /// How many permits are free.
    pub fn available_permits(&self) -> usize {
        self.permits.free() as usize
    }

    /// How many permits are free, and how many wait.
    pub fn statistics(&self) -> SemaphoreStatistics {
        SemaphoreStatistics { available: self.available_permits(), waiting: self.permits.waiting() }
    }

    /// Whether an [`acquire`](Self::acquire) would wait. asyncio: `locked`.
    pub fn locked(&self) -> bool {
        self.permits.locked()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("available", &self.available_permits())
            .field("waiting", &self.permits.waiting())
            .finish()
    }
}

/// All permits were back already. asyncio: `ValueError('BoundedSemaphore released too many times')`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReleasedTooManyTimesError;

impl fmt::Display for ReleasedTooManyTimesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the semaphore was released too many times: release() once for each permit that was forgotten",
        )
    }
}

impl Error for ReleasedTooManyTimesError {}
