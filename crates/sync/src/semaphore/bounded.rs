//! asyncio's [`BoundedSemaphore`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::acquire::{AcquireOwned, AcquirePermit};
use super::permit::Permit;
use super::{Semaphore, count};
use crate::permits::{Permits, Source};
use crate::statistics::SemaphoreStatistics;

/// A [`Semaphore`] that never has more permits than it began with. asyncio: `BoundedSemaphore`.
///
/// ```
/// # use heist_sync::BoundedSemaphore;
/// let semaphore = BoundedSemaphore::new(1);
/// semaphore.try_acquire().expect("one is free").forget();
/// assert!(semaphore.release().is_ok());
/// assert!(semaphore.release().is_err());
/// ```
pub struct BoundedSemaphore {
    semaphore: Semaphore,
}

impl Source for BoundedSemaphore {
    fn permits(&self) -> &Permits {
        self.semaphore.permits()
    }
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, at most
    /// [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS). asyncio: `BoundedSemaphore(value)`.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// assert_eq!(BoundedSemaphore::new(3).available_permits(), 3);
    /// ```
    pub fn new(permits: usize) -> Self {
        Self { semaphore: Semaphore { permits: Permits::new(count(permits), count(permits)) } }
    }

    /// Waits for a permit. asyncio: `acquire`, and `async with semaphore`.
    ///
    /// # Cancel safety
    ///
    /// As for [`Semaphore::acquire`](super::Semaphore::acquire).
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
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
    /// let semaphore = BoundedSemaphore::new(1);
    /// let _permit = semaphore.acquire().await;
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> AcquirePermit<'_> {
        self.semaphore.acquire()
    }

    /// Waits for a permit that keeps the semaphore alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`Semaphore::acquire`](super::Semaphore::acquire).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_sync::BoundedSemaphore;
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
    /// let semaphore = Arc::new(BoundedSemaphore::new(1));
    /// let _permit = semaphore.clone().acquire_owned().await;
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireOwned::new(self, 1)
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(1);
    /// let permit = semaphore.try_acquire().expect("one is free");
    /// assert!(semaphore.try_acquire().is_none());
    /// drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.semaphore.try_acquire()
    }

    /// Waits for a permit on a plain thread, which sleeps. In a task write `acquire().await`.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(2);
    /// let _permit = semaphore.acquire_blocking();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn acquire_blocking(&self) -> Permit<'_> {
        self.semaphore.acquire_blocking()
    }

    /// Gives back a permit that was [forgotten](Permit::forget): the first who waits has it now. asyncio: `release`.
    ///
    /// # Errors
    ///
    /// [`ReleasedTooManyTimesError`] where all permits are back already.
    ///
    /// ```
    /// # use heist_sync::{BoundedSemaphore, ReleasedTooManyTimesError};
    /// let semaphore = BoundedSemaphore::new(1);
    /// semaphore.acquire_blocking().forget();
    /// assert_eq!(semaphore.release(), Ok(()));
    /// assert_eq!(semaphore.release(), Err(ReleasedTooManyTimesError));
    /// ```
    pub fn release(&self) -> Result<(), ReleasedTooManyTimesError> {
        self.semaphore.permits.give_back(1).map_err(|_full| ReleasedTooManyTimesError)
    }

    /// How many permits are free.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(3);
    /// let _permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// How many permits are free, and how many wait.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// let statistics = BoundedSemaphore::new(3).statistics();
    /// assert_eq!((statistics.available, statistics.waiting), (3, 0));
    /// ```
    pub fn statistics(&self) -> SemaphoreStatistics {
        self.semaphore.statistics()
    }

    /// Whether an [`acquire`](Self::acquire) would wait. asyncio: `locked`.
    ///
    /// ```
    /// # use heist_sync::BoundedSemaphore;
    /// let semaphore = BoundedSemaphore::new(1);
    /// assert!(!semaphore.locked());
    /// let _permit = semaphore.try_acquire();
    /// assert!(semaphore.locked());
    /// ```
    pub fn locked(&self) -> bool {
        self.semaphore.locked()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.semaphore.describe(f, "BoundedSemaphore")
    }
}

/// All permits were back already. asyncio: `ValueError('BoundedSemaphore released too many times')`.
///
/// ```
/// # use heist_sync::{BoundedSemaphore, ReleasedTooManyTimesError};
/// let all_are_back = BoundedSemaphore::new(1);
/// assert_eq!(all_are_back.release(), Err(ReleasedTooManyTimesError));
/// ```
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
