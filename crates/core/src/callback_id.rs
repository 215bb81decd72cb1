//! Names of registered callbacks.

use std::sync::atomic::{AtomicU64, Ordering};

/// Names what was registered by an `add_done_callback`, for removing it. Several registrations may have one id.
///
/// ```
/// # use heist_core::callback_id::CallbackId;
/// let id = CallbackId::new();
/// let callbacks = [(id, "first"), (CallbackId::new(), "second")];
/// assert_eq!(callbacks.iter().filter(|(of, _)| *of == id).count(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallbackId(u64);

impl CallbackId {
    /// An id that nobody has yet.
    ///
    /// ```
    /// # use heist_core::callback_id::CallbackId;
    /// assert_ne!(CallbackId::new(), CallbackId::new());
    /// ```
    #[allow(clippy::new_without_default, reason = "two defaults would differ")]
    pub fn new() -> Self {
        /// Bookkeeping: only its being different counts.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
