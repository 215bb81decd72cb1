//! What differs between operating systems, behind one set of names.
//!
//! A platform offers a `Selector` (the kernel's queue and the wait on it), `Events` (the room for what a wait returns),
//! an `Arming` per record (what the queue has been told about that source) and two constants:
//!
//! * `EDGES`: whether a source that is registered stays armed, so that a wait need not tell the queue.
//! * `HANGUP`: whether a closed peer is reported with the edge that carries its last bytes. Only then may a short read
//!   stand for "drained".
//!
//! | module | systems | mode |
//! |---|---|---|
//! | `linux` | Linux | edge: registered once, never re-armed; the wait is one system call |
//! | `portable` | whatever else `polling` runs on | one-shot: each wait arms the source again |
//!
//! With `--cfg polling_test_poll_backend` the portable module runs on Linux, on polling's `poll` backend.

#[cfg(all(target_os = "linux", not(polling_test_poll_backend)))]
mod linux;
#[cfg(all(target_os = "linux", not(polling_test_poll_backend)))]
pub(crate) use linux::{Arming, EDGES, Events, HANGUP, Selector};

#[cfg(any(not(target_os = "linux"), polling_test_poll_backend))]
mod portable;
#[cfg(any(not(target_os = "linux"), polling_test_poll_backend))]
pub(crate) use portable::{Arming, EDGES, Events, HANGUP, Selector};

/// One event, in the reactor's words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) key: crate::record::Key,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has closed or failed.
    pub(crate) hung: bool,
}
