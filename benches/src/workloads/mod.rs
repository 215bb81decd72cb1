//! The workloads, one area a file, each written once over [`Peer`] and the traits of `primitives`.

pub(crate) mod blocking;
pub(crate) mod channels;
pub(crate) mod events;
pub(crate) mod foreign;
pub(crate) mod locks;
pub(crate) mod memory;
pub(crate) mod pipeline;
pub(crate) mod programs;
pub(crate) mod starvation;
pub(crate) mod tasks;
pub(crate) mod threads;
pub(crate) mod timers;
pub(crate) mod wakes;

use std::future::Future;

use crate::peer::Peer;

/// Spawns `count` tasks, joins them in order, and sums what they yield.
pub(crate) async fn join_all<P, F>(count: u64, task: impl FnMut(u64) -> F + Send) -> u64
where
    P: Peer,
    F: Future<Output = u64> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(task).map(P::spawn).collect();
    let mut sum = 0;
    for task in tasks {
        sum += P::join(task).await;
    }
    sum
}
