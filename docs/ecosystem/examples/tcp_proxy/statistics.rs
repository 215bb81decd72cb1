//! What all connections have done, counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pump::End;

/// The counts. They are read one by one, so a line of them is of about one moment.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    accepted: AtomicU64,
    open: AtomicU64,
    unreachable: AtomicU64,
    idle: AtomicU64,
    broken: AtomicU64,
    /// Bytes from clients.
    pub(crate) to_server: AtomicU64,
    /// Bytes from servers.
    pub(crate) to_client: AtomicU64,
}

/// A connection, counted as open while this is there: also one that is cancelled.
pub(crate) struct Open<'a> {
    statistics: &'a Statistics,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.statistics.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Statistics {
    /// A client came.
    pub(crate) fn open(&self) -> Open<'_> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open { statistics: self }
    }

    /// How many are open.
    pub(crate) fn now(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Its server was not there.
    pub(crate) fn unreachable(&self) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    /// It ended.
    pub(crate) fn ended(&self, end: &End) {
        let count = match end {
            End::Both => return,
            End::Idle(_) => &self.idle,
            End::Broken(..) => &self.broken,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} clients ({} now), {} without a server, {} too silent, {} broken; {} bytes to the server, {} to clients",
            count(&self.accepted),
            count(&self.open),
            count(&self.unreachable),
            count(&self.idle),
            count(&self.broken),
            count(&self.to_server),
            count(&self.to_client)
        )
    }
}
