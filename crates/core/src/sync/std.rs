//! The standard library behind the names of the shim.

pub use std::sync::Arc;
pub use std::thread;

/// Atomic types and fences.
pub mod atomic {
    pub use std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
        AtomicUsize, Ordering, fence,
    };
}

/// What the processor may be told.
pub mod hint {
    pub use std::hint::spin_loop;

    /// Has the cache fetch the line of `address`, to be written soon: a line that another core has written comes over while
    /// this thread does something else. Changes nothing that a program sees, whatever the address; where the processor
    /// knows no such thing it is nothing.
    ///
    /// ```
    /// let line = 7_u64;
    /// heist_core::sync::hint::prefetch_to_write((&raw const line).cast());
    /// assert_eq!(line, 7);
    /// ```
    #[inline(always)]
    pub fn prefetch_to_write(address: *const u8) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: a prefetch accesses nothing and cannot fault; processors that do not know it take it for a `nop`.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
        }
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
        }
        let _ = address;
    }
}

/// Cells whose accesses are visible to the models.
pub mod cell {
    /// An unsafe cell that hands out its pointer to a closure.
    ///
    /// ```
    /// use heist_core::sync::cell::UnsafeCell;
    ///
    /// assert_eq!(UnsafeCell::new(5).into_inner(), 5);
    /// ```
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Puts `value` into a cell.
        #[inline]
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Takes the value out.
        ///
        /// ```
        /// assert_eq!(heist_core::sync::cell::UnsafeCell::new(5).into_inner(), 5);
        /// ```
        #[inline]
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Reads through the pointer that `f` receives; no write may happen at the same time.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Writes through the pointer that `f` receives; no other access may happen at the same time.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

/// A mutual exclusion lock that does not poison.
///
/// ```
/// use heist_core::sync::Mutex;
///
/// let count = Mutex::new(1);
/// *count.lock() += 1;
/// assert_eq!(*count.lock(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

/// Proof that a [`Mutex`] is held; unlocks on drop.
pub type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;

impl<T> Mutex<T> {
    /// Puts `value` behind a lock.
    pub const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    /// Takes the value out.
    ///
    /// ```
    /// assert_eq!(heist_core::sync::Mutex::new(5).into_inner(), 5);
    /// ```
    pub fn into_inner(self) -> T {
        match self.0.into_inner() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    ///
    /// ```
    /// let count = heist_core::sync::Mutex::new(1);
    /// *count.lock() += 1;
    /// assert_eq!(*count.lock(), 2);
    /// ```
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Takes the lock if it is free.
    ///
    /// ```
    /// let lock = heist_core::sync::Mutex::new(1);
    /// let held = lock.lock();
    /// assert!(lock.try_lock().is_none());
    /// drop(held);
    /// assert!(lock.try_lock().is_some());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// Reaches the value through an exclusive borrow, without locking.
    ///
    /// ```
    /// let mut count = heist_core::sync::Mutex::new(1);
    /// *count.get_mut() += 1;
    /// assert_eq!(count.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        match self.0.get_mut() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// A lock that many may hold for reading, or one for writing, that does not poison.
///
/// ```
/// use heist_core::sync::RwLock;
///
/// let names = RwLock::new(vec!["ada"]);
/// names.write().push("bob");
/// assert_eq!(names.read().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct RwLock<T: ?Sized>(std::sync::RwLock<T>);

/// Proof that a [`RwLock`] is held for reading; unlocks on drop.
pub type RwLockReadGuard<'a, T> = std::sync::RwLockReadGuard<'a, T>;

/// Proof that a [`RwLock`] is held for writing; unlocks on drop.
pub type RwLockWriteGuard<'a, T> = std::sync::RwLockWriteGuard<'a, T>;

impl<T> RwLock<T> {
    /// Puts `value` behind a lock.
    pub const fn new(value: T) -> Self {
        Self(std::sync::RwLock::new(value))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits for the lock, to read.
    ///
    /// ```
    /// let lock = heist_core::sync::RwLock::new(5);
    /// let (one, other) = (lock.read(), lock.read());
    /// assert_eq!(*one + *other, 10);
    /// ```
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.0.read() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Waits for the lock, to write.
    ///
    /// ```
    /// let lock = heist_core::sync::RwLock::new(5);
    /// *lock.write() += 1;
    /// assert_eq!(*lock.read(), 6);
    /// ```
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.0.write() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(std::sync::Condvar);

impl Condvar {
    /// Makes a condition variable on which nobody waits.
    pub const fn new() -> Self {
        Self(std::sync::Condvar::new())
    }

    /// Waits for a notification; may return without one.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        match self.0.wait(guard) {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Waits for a notification for at most `limit`; the second value tells whether the limit passed.
    ///
    /// ```
    /// use heist_core::sync::{Condvar, Mutex};
    ///
    /// let (lock, changed) = (Mutex::new(()), Condvar::new());
    /// let (_guard, passed) = changed.wait_timeout(lock.lock(), std::time::Duration::ZERO);
    /// assert!(passed, "nobody notifies");
    /// ```
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: std::time::Duration,
    ) -> (MutexGuard<'a, T>, bool) {
        match self.0.wait_timeout(guard, limit) {
            Ok((guard, result)) => (guard, result.timed_out()),
            Err(poisoned) => {
                let (guard, result) = poisoned.into_inner();
                (guard, result.timed_out())
            }
        }
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
