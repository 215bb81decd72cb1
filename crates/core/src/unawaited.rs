//! Futures that were made, and dropped without ever having been polled: somebody forgot an `.await`. asyncio's "coroutine ...
//! was never awaited", which debug mode tells of.
//!
//! A future keeps an [`Unawaited`] until its first poll. One that goes before that tells the loop of the thread that drops it,
//! where that is in debug mode. Whoever drops futures because they are *not* to run any more (a cancelled task, a limit that
//! is over) does so inside of [`Context::quietly`](crate::Context::quietly), and nothing is said.
//!
//! It costs a future one word: a store when it is made, one at a poll, a look when it is dropped.

use std::panic::Location;
use std::thread;

use crate::context;

/// Where a future was made, until it is polled.
///
/// ```
/// use heist_core::Unawaited;
///
/// // A future that is given one as a field, and polled:
/// let mut made = Unawaited::here();
/// made.polled();
/// drop(made); // says nothing
/// ```
#[derive(Debug)]
pub struct Unawaited(Option<&'static Location<'static>>);

impl Unawaited {
    /// Of a future that the caller's caller makes.
    ///
    /// ```
    /// # use heist_core::Unawaited;
    /// let mut made = Unawaited::here();
    /// assert_eq!(made.polled().unwrap().file(), std::panic::Location::caller().file());
    /// ```
    #[track_caller]
    #[inline]
    pub fn here() -> Self {
        Self(Some(Location::caller()))
    }

    /// Of a future that may go unpolled, because no user of ours made it.
    ///
    /// ```
    /// # use heist_core::Unawaited;
    /// assert!(Unawaited::never_told().polled().is_none());
    /// ```
    #[inline]
    pub const fn never_told() -> Self {
        Self(None)
    }

    /// The future is polled, or is handed over to who polls it; where it was made, the first time.
    ///
    /// ```
    /// # use heist_core::Unawaited;
    /// let mut made = Unawaited::here();
    /// assert!(made.polled().is_some());
    /// assert!(made.polled().is_none());
    /// ```
    #[inline]
    pub fn polled(&mut self) -> Option<&'static Location<'static>> {
        self.0.take()
    }
}

impl Drop for Unawaited {
    #[inline]
    fn drop(&mut self) {
        if let Some(made_at) = self.0 {
            never_awaited(made_at);
        }
    }
}

/// Tells of a future that was made there and is dropped unpolled, where the loop of this thread is in debug mode.
///
/// ```
/// // This thread runs no loop, so nobody wants to know.
/// heist_core::never_awaited(std::panic::Location::caller());
/// ```
#[cold]
#[inline(never)]
pub fn never_awaited(made_at: &'static Location<'static>) {
    let services = context::with(|context| {
        let context = context.filter(|context| !context.is_quiet())?;
        context.services().filter(|services| services.is_debug()).cloned()
    });
    // What a panic takes with it nobody has forgotten.
    if let Some(services) = services.filter(|_| !thread::panicking()) {
        services.warn(&format_args!(
            "the future made at {made_at} was never awaited, and did nothing: `.await` it, or give it to create_task"
        ));
    }
}
