//! Readiness I/O of the heist async runtime.
//!
//! A task that reads from a socket tries the system call first. Only when the kernel answers "would block" does it wait,
//! and only then does the reactor hear of the socket at all. This crate is that wait: it tells the kernel once what it
//! wants to know about a socket, keeps one atomic word per direction that says what is known, and wakes the task that
//! waits there when the kernel reports a change.
//!
//! Programs use the crate `heist`, whose `net` has sockets over it, and [`Direction`], [`IoSafe`] and [`Duplicated`] for
//! descriptors of their own.
//!
//! # Vocabulary
//!
//! * *source*: something with a file descriptor or socket, owned by an [`IoSource`];
//! * *direction*: [`Direction::Read`] or [`Direction::Write`]; each has its own word, waker and waiters;
//! * *edge*: the kernel's report that a source became ready. An edge comes once; what it said is kept in the word;
//! * *lane*: the exclusive right to wait in one direction of a source. Whoever holds it waits without a lock;
//! * *record*: where the two words of a registered source live. Records are reused, never freed while the reactor lives;
//! * *shard*: one kernel queue with its records. Eight workers share one;
//! * *claim*: the right to wait in a shard's queue; one worker holds it at a time;
//! * *harvest*: taking in what a wait returned: mark the words, wake the waiters.
//!
//! The protocol of the word, both sides' steps and the races are in `docs/design/reactor.md`.
//!
//! # What it costs
//!
//! On Linux, for a task that reads requests and writes answers over one connection: the `read`, the `write`, and its
//! share of one wait for all ready sockets. No system call arms or re-arms anything after the first wait. Two
//! atomic read-modify-writes: one to arm, one for the event. No allocation, no lock.

#![warn(clippy::undocumented_unsafe_blocks)]

#[cfg(unix)]
mod duplicated;
mod lane;
#[cfg(unix)]
mod names;
mod parking;
mod platform;
mod reactor;
mod record;
#[cfg(unix)]
mod signal;
mod source;
#[cfg(unix)]
mod watch;
mod word;

#[cfg(unix)]
pub use duplicated::Duplicated;
#[cfg(unix)]
pub use names::{FoundAddress, NameHints, look_up_address, look_up_name};
pub use reactor::Reactor;
/// What the facade makes of Ctrl-C; not for others, since a process has one such place.
#[cfg(unix)]
#[doc(hidden)]
pub use signal::{FirstSignal, end_by_signal};
#[cfg(unix)]
pub use signal::{SignalSource, is_main_thread, send_signal};
pub use source::{Companion, Half, IoSafe, IoSource, WeakCompanion};
#[cfg(unix)]
pub use watch::WatchHandle;

/// Which way the bytes flow: what a wait is for.
///
/// ```
/// use heist_reactor::Direction;
///
/// assert_ne!(Direction::Read, Direction::Write);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Until there is something to read (or to accept), the peer has closed, or an error is pending.
    Read = 0,
    /// Until there is room to write, a connection attempt has ended, or an error is pending.
    Write = 1,
}

impl Direction {
    /// The direction as a bit, for sets of directions.
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}
