//! asyncio's [`Semaphore`] and [`BoundedSemaphore`]: a number of permits, handed out in order.
//!
//! Both are [`permits`](crate::permits) and nothing else; the bounded one knows how many there may be.

mod acquire;
mod bounded;
mod permit;

use std::fmt;
use std::sync::Arc;

pub use self::acquire::{AcquireOwned, AcquirePermit};
pub use self::bounded::{BoundedSemaphore, ReleasedTooManyTimesError};
pub use self::permit::{OwnedPermit, Permit};
use crate::blocking::block_until;
use crate::permits::{Claim, Permits, Source};
use crate::statistics::SemaphoreStatistics;

/// Lets a number of tasks in at a time. asyncio: `Semaphore`.
///
/// [`acquire`](Self::acquire) gives a [`Permit`], which goes back when it is dropped. asyncio's other form, in which the
/// permit is given back by hand, is `acquire().await.forget()` and later [`release`](Self::release).
///
/// Fair: who waits is served in the order of the first polls, and nobody who comes later is faster, not even where
/// permits are free but too few for the first in line. A permit that nobody has to wait for costs two atomic
/// read-modify-writes, there and back; waiting allocates nothing.
///
/// ```
/// # use heist_sync::Semaphore;
/// # async fn fetch() {}
/// # async fn example() {
/// let ten_at_a_time = Semaphore::new(10);
/// let _permit = ten_at_a_time.acquire().await;
/// fetch().await;
/// # }
/// ```
pub struct Semaphore {
    permits: Permits,
}

impl Source for Semaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

/// A number of permits as the word counts them.
fn count(permits: usize) -> u32 {
    permits.try_into().unwrap_or(u32::MAX)
}

impl Semaphore {
    /// The most permits that there can be; more count as so many.
    pub const MAX_PERMITS: usize = u32::MAX as usize;

    /// A semaphore with so many permits; with none it is locked until a [`release`](Self::release). asyncio:
    /// `Semaphore(value)`.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// assert!(Semaphore::new(0).locked());
    /// ```
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(count(permits), u32::MAX) }
    }

    /// Waits for a permit. asyncio: `acquire`, and `async with semaphore`.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready is gone from the line; a permit that it had been given goes to the
    /// next.
    ///
    /// ```
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
    /// let semaphore = Semaphore::new(2);
    /// let _permit = semaphore.acquire().await;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> AcquirePermit<'_> {
        self.acquire_many(1)
    }

    /// Waits for several permits, and takes them at once. While the first in line waits for many, those behind it wait,
    /// too.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// # async fn example(memory: &Semaphore) {
    /// let _megabytes = memory.acquire_many(64).await;
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, permits: u32) -> AcquirePermit<'_> {
        AcquirePermit::new(&self.permits, permits)
    }

    /// Waits for a permit that keeps the semaphore alive, and may go where a borrow cannot.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
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
    /// let permit = semaphore.clone().acquire_owned().await;
    /// assert!(semaphore.locked());
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert!(!semaphore.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Waits for several permits that keep the semaphore alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
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
    /// let memory = Arc::new(Semaphore::new(100));
    /// let megabytes = memory.clone().acquire_many_owned(64).await;
    /// assert_eq!((megabytes.count(), memory.available_permits()), (64, 36));
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, permits: u32) -> AcquireOwned {
        AcquireOwned::new(self, permits)
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().expect("one is free");
    /// assert!(semaphore.try_acquire().is_none());
    /// drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes several permits if they are free and nobody waits.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let memory = Semaphore::new(100);
    /// let _megabytes = memory.try_acquire_many(64).expect("enough is free");
    /// assert!(memory.try_acquire_many(64).is_none());
    /// ```
    pub fn try_acquire_many(&self, permits: u32) -> Option<Permit<'_>> {
        self.permits.try_take(permits).then(|| Permit::new(&self.permits, permits))
    }

    /// Waits for a permit on a plain thread, which sleeps. In a task write `acquire().await`: this would stop its worker.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(2);
    /// let _permit = semaphore.acquire_blocking();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn acquire_blocking(&self) -> Permit<'_> {
        Permit::new(block_until(Claim::new(&self.permits, 1), Claim::poll_unbudgeted), 1)
    }

    /// Adds a permit: the first who waits has it now. asyncio: `release`.
    ///
    /// Not for one that a [`Permit`] holds, which goes back by itself; for one that was
    /// [forgotten](Permit::forget), or a new one.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// semaphore.release();
    /// assert!(semaphore.try_acquire().is_some());
    /// ```
    #[inline]
    pub fn release(&self) {
        self.add_permits(1);
    }

    /// Adds permits, and serves those who wait in their order. More than [`MAX_PERMITS`](Self::MAX_PERMITS) there are
    /// never: what would be more is not added.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    pub fn add_permits(&self, permits: usize) {
        // There is only one way to fail, which the documentation names: such a number is as good as no limit.
        let _full = self.permits.give_back(count(permits));
    }

    /// Takes up to so many free permits out of the world; how many it found.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(5), 3);
    /// assert!(semaphore.locked());
    /// ```
    pub fn forget_permits(&self, permits: usize) -> usize {
        self.permits.forget(count(permits)) as usize
    }

    /// How many permits are free.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let _permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.permits.free() as usize
    }

    /// How many permits are free, and how many wait.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let statistics = Semaphore::new(3).statistics();
    /// assert_eq!((statistics.available, statistics.waiting), (3, 0));
    /// ```
    pub fn statistics(&self) -> SemaphoreStatistics {
        SemaphoreStatistics { available: self.available_permits(), waiting: self.permits.waiting() }
    }

    /// Whether an [`acquire`](Self::acquire) would wait: because no permit is free, or because others came before and have
    /// not gone on yet. asyncio: `locked`.
    ///
    /// ```
    /// # use heist_sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// assert!(!semaphore.locked());
    /// let _permit = semaphore.try_acquire();
    /// assert!(semaphore.locked());
    /// ```
    pub fn locked(&self) -> bool {
        self.permits.locked()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let SemaphoreStatistics { available, waiting } = self.statistics();
        f.debug_struct(name).field("available", &available).field("waiting", &waiting).finish()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, "Semaphore")
    }
}
