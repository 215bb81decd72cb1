//! An event that a hundred tasks wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::operation::Operation;
use crate::primitives::{Event, Events};
use crate::workloads::join_all;

/// One waiter woken by `set`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventOp;

/// Tasks that wait.
const WAITERS: u64 = 100;

/// What one round needs: all wait for `begin`, and who passes it last sets `end`.
struct Round<E> {
    begin: E,
    passed: AtomicU64,
    end: E,
}

impl<P: Events> Operation<P> for EventOp {
    fn batch(self) -> u64 {
        WAITERS * 50
    }

    async fn run(self, n: u64) {
        rounds::<P>(n / WAITERS).await;
    }
}

async fn rounds<P: Events>(count: u64) {
    let round = |_| Round { begin: P::Event::new(), passed: AtomicU64::new(0), end: P::Event::new() };
    let rounds: Arc<[_]> = (0..count).map(round).collect();
    let starting = Arc::clone(&rounds);
    let starter = P::spawn(async move {
        for round in &*starting {
            // The others go back to waiting before this task runs.
            P::yield_now().await;
            round.begin.set();
            round.end.wait().await;
        }
        count
    });
    let passed = join_all::<P, _>(WAITERS, |_| {
        let rounds = Arc::clone(&rounds);
        async move {
            for round in &*rounds {
                round.begin.wait().await;
                // AcqRel: the last one has seen all others.
                if round.passed.fetch_add(1, Ordering::AcqRel) == WAITERS - 1 {
                    round.end.set();
                }
            }
            count
        }
    })
    .await;
    assert_eq!(passed + P::join(starter).await, count * (WAITERS + 1), "a waiter was not woken");
}
