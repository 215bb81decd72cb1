//! What the halves of a watch channel share.

use std::fmt;
use std::ops::Deref;

use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Mutex, RwLock, RwLockReadGuard, mutant};

use crate::ChannelStatistics;
use crate::waitlist::{WaitList, WakeBatch};

/// In the version: every sender is gone.
const ENDED: usize = 1;
/// One change. The count is above the flag, and wraps.
const ONE: usize = 2;

/// The value's history, as one look tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(usize);

impl Version {
    /// Whether every sender is gone.
    pub fn ended(self) -> bool {
        self.0 & ENDED != 0
    }

    /// Whether `self` and `seen` count the same changes.
    pub fn is_same(self, seen: Self) -> bool {
        (self.0 ^ seen.0) & !ENDED == 0
    }

    /// The version before this one, so that this one is unseen.
    pub fn before(self) -> Self {
        Self(self.0.wrapping_sub(ONE))
    }
}

pub(super) struct Shared<T> {
    value: RwLock<T>,
    /// Rises with the value's lock held for writing, so that a reader knows which version it reads.
    version: AtomicUsize,
    pub senders: AtomicUsize,
    pub receivers: AtomicUsize,
    /// Those who wait for a change.
    pub changes: Mutex<WaitList>,
    /// Those who wait for the last receiver to go.
    pub closing: Mutex<WaitList>,
}

impl<T> Shared<T> {
    /// With one sender and one receiver.
    pub fn new(value: T) -> Self {
        Self {
            value: RwLock::new(value),
            version: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            changes: Mutex::new(WaitList::new()),
            closing: Mutex::new(WaitList::new()),
        }
    }

    pub fn version(&self) -> Version {
        // Acquire pairs with the Release of `modify` and `end`: who sees a version sees what led to it.
        Version(self.version.load(Ordering::Acquire))
    }

    pub fn statistics(&self) -> ChannelStatistics {
        ChannelStatistics {
            values: 1,
            capacity: Some(1),
            senders: self.senders.load(Ordering::Relaxed),
            receivers: self.receivers.load(Ordering::Relaxed),
            senders_waiting: 0,
            receivers_waiting: self.changes.lock().waiting(),
            closed: self.version().ended(),
        }
    }

    pub fn borrow(&self, seen: Version) -> Ref<'_, T> {
        let value = self.value.read();
        let version = self.version();
        Ref { value, version, changed: !version.is_same(seen) }
    }

    /// Changes the value; where `change` says that it did, wakes those who wait.
    pub fn modify<R>(&self, change: impl FnOnce(&mut T) -> (bool, R)) -> R {
        let result = {
            let mut value = self.value.write();
            let (changed, result) = change(&mut value);
            if !changed {
                return result;
            }
            self.version.fetch_add(ONE, Ordering::Release);
            result
        };
        if !mutant("sync-watch-send-without-wake") {
            wake_all(&self.changes);
        }
        result
    }

    /// The last sender has gone.
    pub fn end(&self) {
        self.version.fetch_or(ENDED, Ordering::Release);
        if !mutant("sync-watch-end-without-wake") {
            wake_all(&self.changes);
        }
    }
}

/// Who looked before the change is in the line; who enters later looks again under the lock, and sees the change.
pub(super) fn wake_all(line: &Mutex<WaitList>) {
    let mut batch = WakeBatch::new();
    batch.grant_all(&mut line.lock());
    batch.wake();
}

/// The value, locked for reading: senders wait until this is dropped, so hold it for a look, not for work.
///
/// ```
/// # use heist_sync::watch;
/// let (_sender, receiver) = watch::channel("value");
/// let value: watch::Ref<'_, &str> = receiver.borrow();
/// assert_eq!(value.len(), 5);
/// ```
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    pub(super) version: Version,
    changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the value was unseen by the receiver that borrowed it; `false` from a sender.
    ///
    /// ```
    /// # use heist_sync::watch;
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
