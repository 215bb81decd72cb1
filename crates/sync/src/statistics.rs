//! What the primitives say of themselves: `statistics()`, for dumps and for those who look for a deadlock.
//!
//! Each number is right at some moment; two of them need not be from the same. Who holds a lock is noted by plain stores
//! when it is taken, and never taken back: while the lock is free the note means nothing.

use std::panic::Location;
use std::ptr;
// Notes, which nobody relies on: not of the models.
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use heist_core::context::{self, TaskIdentity};

/// What a [`Lock`](crate::Lock) or an [`RwLock`](crate::RwLock) is at.
///
/// ```
/// # use heist_sync::Lock;
/// let lock = Lock::new(1);
/// let _guard = lock.try_lock();
/// let statistics = lock.statistics();
/// assert!(statistics.locked && statistics.waiting == 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStatistics {
    /// Whether a newcomer has to wait.
    pub locked: bool,
    /// How many wait.
    pub waiting: usize,
    /// The task that took the lock, where it was a task of heist: of an [`RwLock`](crate::RwLock) the one that writes. A
    /// guard may have been given to another task since.
    pub holder: Option<TaskIdentity>,
}

/// What a [`Semaphore`](crate::Semaphore) is at.
///
/// ```
/// # use heist_sync::Semaphore;
/// let semaphore = Semaphore::new(2);
/// let _permit = semaphore.try_acquire();
/// assert_eq!(semaphore.statistics().available, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreStatistics {
    /// How many permits are free.
    pub available: usize,
    /// How many wait.
    pub waiting: usize,
}

/// What an [`Event`](crate::Event), a [`Condition`](crate::Condition), a [`OnceCell`](crate::OnceCell), a
/// [`Future`](crate::future::Future) or a [`oneshot`](crate::oneshot) channel is at.
///
/// ```
/// # use heist_sync::Event;
/// assert_eq!(Event::new().statistics().waiting, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitStatistics {
    /// How many wait.
    pub waiting: usize,
}

/// What a [`Notify`](crate::Notify) is at.
///
/// ```
/// # use heist_sync::Notify;
/// let work = Notify::new();
/// work.notify_one();
/// assert!(work.statistics().kept);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifyStatistics {
    /// Whether a notification is kept for the next who comes.
    pub kept: bool,
    /// How many wait.
    pub waiting: usize,
}

/// What a [`Barrier`](crate::Barrier) is at.
///
/// ```
/// # use heist_sync::Barrier;
/// let statistics = Barrier::new(3)?.statistics();
/// assert_eq!((statistics.waiting, statistics.outside, statistics.missing), (0, 0, 3));
/// # Ok::<(), heist_sync::NoPartiesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BarrierStatistics {
    /// How many wait for the others.
    pub waiting: usize,
    /// How many wait for the next round.
    pub outside: usize,
    /// How many are still missing; 0 while a round is leaving.
    pub missing: usize,
}

/// Who took a lock last.
pub(crate) struct Holder {
    /// The id of the task; 0 where it was none.
    task: AtomicU64,
    location: AtomicPtr<Location<'static>>,
}

impl Holder {
    pub(crate) const fn new() -> Self {
        Self { task: AtomicU64::new(0), location: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Notes who is being polled here: at most two stores.
    #[inline]
    pub(crate) fn note(&self) {
        match context::with(|context| context.and_then(heist_core::Context::task_identity)) {
            Some(task) => {
                self.location.store(ptr::from_ref(task.location).cast_mut(), Ordering::Relaxed);
                self.task.store(task.id, Ordering::Relaxed);
            }
            None => self.task.store(0, Ordering::Relaxed),
        }
    }

    /// Who it was.
    pub(crate) fn noted(&self) -> Option<TaskIdentity> {
        let id = self.task.load(Ordering::Relaxed);
        // SAFETY: null, or made of a reference that is valid for ever.
        let location = unsafe { self.location.load(Ordering::Relaxed).as_ref() };
        location.filter(|_| id != 0).map(|location| TaskIdentity { id, location })
    }
}
