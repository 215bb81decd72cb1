//! Locks, semaphores and locks with readers.
//!
//! Each lock guards a number that every holder counts up: at the end it must be what was counted.

use std::future::ready;
use std::hint::black_box;
use std::sync::Arc;

use crate::operation::Operation;
use crate::primitives::{Lock, Locks, RwLock, RwLocks, Semaphore, Semaphores};
use crate::workloads::join_all;

/// One operation on a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Lock and unlock; nobody else wants it.
    Uncontended,
    /// The same by eight tasks at once, nothing awaited under the lock.
    Contended,
    /// The same, and each holder yields under the lock: all others come and wait.
    AcrossAwait,
}

/// One permit, held across a yield: a hundred tasks on ten permits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SemaphoreOp;

/// One read or write, held across a yield: eight tasks; of ten operations nine read and one writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RwLockOp;

/// Tasks that contend for one lock.
const TASKS: u64 = 8;

/// Tasks that contend for the semaphore.
const MANY_TASKS: u64 = 100;

/// Permits of the semaphore.
const PERMITS: usize = 10;

impl<P: Locks> Operation<P> for Op {
    fn batch(self) -> u64 {
        match self {
            Self::Uncontended | Self::Contended => 16_000,
            Self::AcrossAwait => 8_000,
        }
    }

    async fn run(self, n: u64) {
        match self {
            Self::Uncontended => uncontended::<P>(n).await,
            Self::Contended => contended::<P>(n / TASKS, false).await,
            Self::AcrossAwait => contended::<P>(n / TASKS, true).await,
        }
    }
}

impl<P: Semaphores> Operation<P> for SemaphoreOp {
    fn batch(self) -> u64 {
        8_000
    }

    async fn run(self, n: u64) {
        semaphore::<P>(n / MANY_TASKS).await;
    }
}

impl<P: RwLocks> Operation<P> for RwLockOp {
    fn batch(self) -> u64 {
        8_000
    }

    async fn run(self, n: u64) {
        rwlock::<P>(n / TASKS).await;
    }
}

async fn uncontended<P: Locks>(n: u64) {
    let lock = P::Lock::new();
    for i in 0..n {
        assert_eq!(lock.add(ready(())).await, black_box(i), "an addition was lost");
    }
}

async fn contended<P: Locks>(each: u64, across_await: bool) {
    let lock = Arc::new(P::Lock::new());
    join_all::<P, _>(TASKS, |_| {
        let lock = Arc::clone(&lock);
        async move {
            for _ in 0..each {
                if across_await {
                    black_box(lock.add(P::yield_now()).await);
                } else {
                    black_box(lock.add(ready(())).await);
                }
            }
            each
        }
    })
    .await;
    assert_eq!(lock.add(ready(())).await, each * TASKS, "an addition was lost");
}

async fn semaphore<P: Semaphores>(each: u64) {
    let semaphore = Arc::new(P::Semaphore::new(PERMITS));
    let passed = join_all::<P, _>(MANY_TASKS, |_| {
        let semaphore = Arc::clone(&semaphore);
        async move {
            let mut passed = 0;
            while passed < each {
                semaphore.with_permit(P::yield_now()).await;
                passed = black_box(passed + 1);
            }
            passed
        }
    })
    .await;
    assert_eq!(passed, each * MANY_TASKS, "a task did not pass");
}

async fn rwlock<P: RwLocks>(each: u64) {
    let lock = Arc::new(P::RwLock::new());
    let written = join_all::<P, _>(TASKS, |_| {
        let lock = Arc::clone(&lock);
        async move {
            let mut written = 0;
            for i in 0..each {
                if i % 10 == 9 {
                    black_box(lock.write(P::yield_now()).await);
                    written += 1;
                } else {
                    black_box(lock.read(P::yield_now()).await);
                }
            }
            written
        }
    })
    .await;
    assert_eq!(lock.read(ready(())).await, written, "a write was lost");
}
