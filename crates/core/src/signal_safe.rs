//! What a signal handler may call: the [`SignalSafe`] trait.

/// Something that may be called from a signal handler, in the middle of anything else that the thread does.
///
/// The reactor's handler calls it, and those who want to hear of signals implement it, without knowing one another.
///
/// # Safety
///
/// [`signal`](Self::signal) must be async-signal-safe: atomic operations and system calls only. It must not allocate, free,
/// lock, panic, or touch thread-local memory that has a destructor.
pub unsafe trait SignalSafe: Send + Sync {
    /// A signal has come.
    fn signal(&self);
}
