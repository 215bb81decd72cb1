//! The descriptors of this process: how many there are, and how many more there may be. Both are the whole process's, so tests that
//! look at them run in a copy.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the system calls "too many open files".
pub const EMFILE: i32 = 24;

/// The system's code of an error, however much has been said around it.
pub fn code(error: &(dyn Error + 'static)) -> Option<i32> {
    let own = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    own.or_else(|| error.source().and_then(code))
}

/// How many descriptors this process has.
pub fn descriptors() -> usize {
    // The listing itself takes one, every time.
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The numbers of the descriptors of this process.
fn numbers() -> Vec<u64> {
    let listed = std::fs::read_dir("/proc/self/fd").unwrap();
    let listed: Vec<_> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The listing's own is closed by now.
    let there = listed.into_iter().filter(|number| PathBuf::from("/proc/self/fd").join(number).is_symlink());
    there.map(|number| number.parse().unwrap()).collect()
}

/// So many more descriptors than now may be had until it is dropped.
#[must_use = "the limit is lifted when it is dropped"]
pub struct Only(Rlimit);

impl Only {
    /// Descriptors are given lowest first, so what is free below the limit counts.
    pub fn more(more: usize) -> Self {
        let (before, taken) = (getrlimit(Resource::Nofile), numbers());
        let current = (0..).filter(|number| !taken.contains(number)).nth(more);
        setrlimit(Resource::Nofile, Rlimit { current, maximum: before.maximum }).unwrap();
        Self(before)
    }
}

impl Drop for Only {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

/// Takes all descriptors that this process may have, and says how many these are.
pub fn allow_most() -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    maximum.unwrap_or(1 << 20)
}
