//! How late the system may end a timed wait.
//!
//! Linux lets the timed waits of a thread end up to its *timer slack* late, 50 us unless somebody says otherwise, so that it can
//! end several at once. A worker has its timers end at once by itself, in one wheel, and gains nothing from that. So before
//! its first wait for a timer it has the thread's slack taken away, and gives it back when the thread ceases to be its: a run
//! without timers makes no system call for it. Threads that tasks start meanwhile inherit what their creator has.

#[cfg(all(target_os = "linux", not(heist_loom), not(miri)))]
use std::{cell::Cell, num::NonZeroU64};

/// What the thread of a worker had before.
#[derive(Debug, Default)]
pub(crate) struct Slack {
    /// In nanoseconds; `None` while it is the thread's own.
    #[cfg(all(target_os = "linux", not(heist_loom), not(miri)))]
    before: Cell<Option<u64>>,
}

#[cfg(all(target_os = "linux", not(heist_loom), not(miri)))]
impl Slack {
    /// Has the timed waits of this thread end on time. Two system calls, the first time.
    #[inline]
    pub(crate) fn take_away(&self) {
        if self.before.get().is_none() {
            self.take_away_now();
        }
    }

    #[cold]
    fn take_away_now(&self) {
        // Where the system refuses, waits end later, which is no error: as on a system without such a setting.
        let before = rustix::thread::current_timer_slack().unwrap_or(0);
        self.before.set(Some(before));
        let _ = rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN));
    }

    /// Gives this thread back what it had. A system call, if it was taken away.
    pub(crate) fn give_back(&self) {
        if let Some(before) = self.before.take() {
            // 0, where it was not to be read, stands for the default.
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(before));
        }
    }
}

#[cfg(not(all(target_os = "linux", not(heist_loom), not(miri))))]
impl Slack {
    #[inline]
    pub(crate) fn take_away(&self) {}

    pub(crate) fn give_back(&self) {}
}
