//! What the system knows of a thread: whether it runs, waits for a core, or blocks.

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    /// The number by which the system knows this thread.
    pub(crate) fn current() -> u32 {
        rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
    }

    /// For how long a thread of this process has run on a core so far, `None` where it has ended.
    pub(crate) fn ran(thread: u32) -> Option<Duration> {
        /// The lowest three bits of a clock that counts the time of one thread on the cores; the others are the complement of
        /// the thread's number. (The kernel's `CPUCLOCK_PERTHREAD_MASK` and `CPUCLOCK_SCHED`.)
        const OF_THREAD: libc::clockid_t = 6;
        let clock = (!libc::clockid_t::try_from(thread).ok()? << 3) | OF_THREAD;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes to `time` and to nothing else.
        let refused = unsafe { libc::clock_gettime(clock, &raw mut time) };
        let (seconds, rest) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
        (refused == 0).then(|| Duration::from_secs(seconds) + Duration::from_nanos(rest))
    }

    /// Whether a thread of this process blocks in the kernel, and is neither running nor waiting for a core.
    pub(crate) fn blocks(thread: u32) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")) else {
            return false;
        };
        // The state follows the name, which is in brackets and may hold anything.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('S' | 'D'))
    }
}

/// Elsewhere nothing is known: only time tells.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    pub(crate) fn current() -> u32 {
        0
    }

    pub(crate) fn ran(_thread: u32) -> Option<Duration> {
        None
    }

    pub(crate) fn blocks(_thread: u32) -> bool {
        false
    }
}

pub(crate) use system::{blocks, current, ran};
