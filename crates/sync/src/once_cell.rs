//! [`OnceCell`]: a value that is made once, by the first who needs it.

use std::convert::Infallible;
use std::fmt;

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::cell::UnsafeCell;

use crate::permits::{Claim, Permits};
use crate::statistics::WaitStatistics;

/// A value that the first who asks for it makes, with awaits, while the others wait. asyncio has no such thing.
///
/// Once it is there, asking costs one load.
///
/// ```
/// # use heist_sync::OnceCell;
/// # async fn connect() -> String { "connected".to_owned() }
/// # async fn example() {
/// let connection = OnceCell::new();
/// assert_eq!(connection.get(), None);
/// assert_eq!(connection.get_or_init(connect).await, "connected");
/// // Not asked again:
/// connection.get_or_init(connect).await;
/// # }
/// ```
pub struct OnceCell<T> {
    /// Who makes the value has the one permit, until it is made or given up.
    permits: Permits,
    made: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value goes where the cell goes.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: any thread may make the value, and all get shared references to it.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

/// Lets the next try when it goes.
struct Making<'a>(&'a Permits);

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let released = self.0.give_back(1);
        debug_assert_eq!(released, Ok(()), "made by somebody without the permit");
    }
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    pub fn new() -> Self {
        Self { permits: Permits::new(1, 1), made: AtomicBool::new(false), value: UnsafeCell::new(None) }
    }

    /// The value, if it has been made.
    pub fn get(&self) -> Option<&T> {
        // Acquire pairs with the Release of `put`.
        if !self.made.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: once it is made, nobody writes it while the cell is borrowed shared.
        self.value.with(|value| unsafe { &*value }).as_ref()
    }

    /// Puts a value in.
    ///
    /// # Errors
    ///
    /// The value, where there is one already or somebody is making it.
    ///
    /// ```
    /// # use heist_sync::OnceCell;
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    pub fn set(&self, value: T) -> Result<(), T> {
        if !self.permits.try_take(1) {
            return Err(value);
        }
        let making = Making(&self.permits);
        if self.made.load(Ordering::Relaxed) {
            return Err(value);
        }
        // SAFETY: the permit is held, and the value has not been made.
        unsafe { self.put(value) };
        drop(making);
        Ok(())
    }

    /// The value; the first who asks makes it, and those who come meanwhile wait.
    ///
    /// # Cancel safety
    ///
    /// Where the one who makes it is dropped, or panics, the next who waits makes it, from the start.
    pub async fn get_or_init<F>(&self, make: impl FnOnce() -> F) -> &T
    where
        F: Future<Output = T>,
    {
        let made = self.get_or_try_init(async || Ok::<_, Infallible>(make().await)).await;
        match made {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), where making may fail.
    ///
    /// # Errors
    ///
    /// That of `make`; the next who waits, or who comes, tries again.
    ///
    /// # Cancel safety
    ///
    /// As for [`get_or_init`](Self::get_or_init).
    pub async fn get_or_try_init<F, E>(&self, make: impl FnOnce() -> F) -> Result<&T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let _making = Making(Claim::new(&self.permits, 1).await);
        if !self.made.load(Ordering::Relaxed) {
            let value = make().await?;
            // SAFETY: the permit is held, and the value has not been made.
            unsafe { self.put(value) };
        }
        Ok(self.get().expect("it has been made"))
    }

    /// How many wait for the one who makes the value.
    pub fn statistics(&self) -> WaitStatistics {
        WaitStatistics { waiting: self.permits.waiting() }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Reaches the value through an exclusive borrow.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: the borrow is exclusive.
        self.value.with_mut(|value| unsafe { &mut *value }).as_mut()
    }

    /// # Safety
    ///
    /// The caller holds the permit, and the value has not been made.
    unsafe fn put(&self, new: T) {
        // SAFETY: nobody reads before it is made, and one holds the permit.
        self.value.with_mut(|value| unsafe { *value = Some(new) });
        // Release pairs with the Acquire of `get`.
        self.made.store(true, Ordering::Release);
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish_non_exhaustive()
    }
}
