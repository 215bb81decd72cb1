//! How many connections the limit of open files allows.

/// Descriptors of one worker: both ends of its connection are in this process.
#[cfg(unix)]
const EACH: u64 = 2;
/// Descriptors of everything else: standard streams, the event loop, the listening socket, and some to spare.
#[cfg(unix)]
const OTHERS: u64 = 32;

/// Raises the soft limit of open files as far as `workers` need it and the hard limit allows; how many of them fit.
#[cfg(unix)]
pub(crate) fn fitting_workers(workers: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let needed = workers * EACH + OTHERS;
    let mut limit = getrlimit(Resource::Nofile);
    // `None` is no limit.
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        let before = limit.current.replace(raised);
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = before;
        }
    }
    match limit.current {
        Some(current) if current < needed => (current.saturating_sub(OTHERS) / EACH).clamp(1, workers),
        _ => workers,
    }
}

#[cfg(not(unix))]
pub(crate) fn fitting_workers(workers: u64) -> u64 {
    workers
}
