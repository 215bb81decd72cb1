//! Blocking calls handed to threads.

use std::hint::black_box;

use crate::operation::Operation;
use crate::peer::Peer;
use crate::workloads::tasks::sum_below;

/// One closure on a thread for blocking calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A thousand handed over at once, then awaited.
    Bulk,
    /// One at a time.
    Alone,
}

/// Closures that are handed over at once.
const BULK: u64 = 1_000;

impl<P: Peer> Operation<P> for Op {
    fn batch(self) -> u64 {
        match self {
            Self::Bulk => BULK,
            Self::Alone => 200,
        }
    }

    async fn run(self, n: u64) {
        let at_once = match self {
            Self::Bulk => BULK.min(n),
            Self::Alone => 1,
        };
        let mut sum = 0;
        for begin in (0..n).step_by(at_once as usize) {
            let end = n.min(begin + at_once);
            let calls: Vec<_> = (begin..end).map(|i| P::to_thread(move || black_box(i))).collect();
            for call in calls {
                sum += P::join_thread(call).await;
            }
        }
        assert_eq!(sum, sum_below(n), "a call was lost");
    }
}
