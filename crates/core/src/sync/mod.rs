//! The shim between the standard library and loom.
//!
//! All concurrent code of the workspace takes its atomics, cells, locks and threads from here. In a normal build these
//! are thin wrappers that compile to nothing; under `--cfg heist_loom` they are loom's, and the models explore every
//! interleaving of them.
//!
//! Two things differ from the standard library on purpose:
//!
//! * [`UnsafeCell`](cell::UnsafeCell) hands out its pointer to a closure, which makes each access window visible;
//! * [`Mutex`], [`RwLock`] and [`Condvar`] do not poison: a panic in a task never makes a lock of the runtime unusable.

#[cfg(not(heist_loom))]
mod std;
#[cfg(not(heist_loom))]
pub use self::std::*;

#[cfg(heist_loom)]
mod loom;
#[cfg(heist_loom)]
pub use self::loom::*;
#[cfg(heist_loom)]
pub mod model;

/// Whether a named mutation of a protocol is switched on, in a loom build by the variable `HEIST_MUTANT`.
///
/// A model that cannot fail proves nothing. At the places where a fence or a compare carries a protocol, the code asks
/// here whether it should leave that step out, and `cargo xtask loom --mutants` checks that the model then fails.
/// Constant `false` in a normal build, so nothing is left of the question.
///
/// ```
/// assert!(!heist_core::sync::mutant("core-some-step"), "never in a normal build");
/// ```
#[cfg(not(heist_loom))]
#[inline(always)]
pub const fn mutant(_name: &str) -> bool {
    false
}

/// Whether a named mutation of a protocol is switched on, by the variable `HEIST_MUTANT`.
#[cfg(heist_loom)]
pub fn mutant(name: &str) -> bool {
    static CHOSEN: ::std::sync::OnceLock<Option<String>> = ::std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| ::std::env::var("HEIST_MUTANT").ok()).as_deref() == Some(name)
}
