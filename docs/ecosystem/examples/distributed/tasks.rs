//! What is in Redis, and why nothing is lost.
//!
//! * *The stream* [`STREAM`] has the tasks. A task is there before its producer is told so.
//! * *The group* [`GROUP`] hands each entry to one worker, and keeps it as *pending* for that worker until it is acknowledged.
//!   A worker that dies leaves its entries pending.
//! * *The results* [`RESULTS`] are a hash by the task's own number. A result goes in, and its entry is acknowledged, in one
//!   transaction: there is no moment in which one of the two is lost. Only the first result of a task goes in.
//! * *Taking over.* An entry that its worker has said nothing about for a while is claimed by another. A worker that is
//!   still at it says so in time, by claiming its own entries again. Should one have been silent for too long, and live, two
//!   do the task: the second result does not go in, but is counted ([`FINISHED`], in the same transaction).

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamId;
use redis::{RedisResult, Value};

/// The tasks.
pub(crate) const STREAM: &str = "heist:tasks";
/// The workers, together.
pub(crate) const GROUP: &str = "workers";
/// Task number to result.
const RESULTS: &str = "heist:results";
/// How often a task was done; each one once, there are as many results.
const FINISHED: &str = "heist:finished";
/// The field of an entry that has the task's number.
const NUMBER: &str = "number";

/// A task, as a worker has got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// Of the entry, for the group.
    pub(crate) entry: String,
    /// Of the task, for the results.
    pub(crate) number: u64,
}

impl Task {
    /// From an entry of the stream. `None` for one that is no task of ours.
    pub(crate) fn of(entry: &StreamId) -> Option<Self> {
        Some(Self { entry: entry.id.clone(), number: entry.get(NUMBER)? })
    }
}

/// Makes stream and group, where they are not there yet.
pub(crate) async fn prepare(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut make = redis::cmd("XGROUP");
    make.arg("CREATE").arg(STREAM).arg(GROUP).arg("0").arg("MKSTREAM");
    match make.query_async::<()>(connection).await {
        // Somebody was here before.
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        made => made,
    }
}

/// Puts tasks into the stream: all, or none.
pub(crate) async fn add(
    connection: &mut MultiplexedConnection,
    numbers: impl Iterator<Item = u64>,
) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    for number in numbers {
        pipeline.cmd("XADD").arg(STREAM).arg("*").arg(NUMBER).arg(number).ignore();
    }
    pipeline.query_async(connection).await
}

/// Enters a result and takes its task out, both or neither. Whether it is the first result of that task.
pub(crate) async fn finish(
    connection: &mut MultiplexedConnection,
    task: &Task,
    result: u64,
) -> RedisResult<bool> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.cmd("HSETNX").arg(RESULTS).arg(task.number).arg(result);
    pipeline.cmd("INCR").arg(FINISHED).ignore();
    take_out(&mut pipeline, &task.entry);
    let (is_first,) = pipeline.query_async(connection).await?;
    Ok(is_first)
}

/// Takes an entry out that is no task: it would come back for ever.
pub(crate) async fn discard(connection: &mut MultiplexedConnection, entry: &str) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    take_out(pipeline.atomic(), entry);
    pipeline.query_async(connection).await
}

/// An entry that nobody needs any more; the stream is not to grow for ever.
fn take_out(pipeline: &mut redis::Pipeline, entry: &str) {
    pipeline.cmd("XACK").arg(STREAM).arg(GROUP).arg(entry).ignore();
    pipeline.cmd("XDEL").arg(STREAM).arg(entry).ignore();
}

/// The results so far.
pub(crate) async fn results(connection: &mut MultiplexedConnection) -> RedisResult<BTreeMap<u64, u64>> {
    redis::cmd("HGETALL").arg(RESULTS).query_async(connection).await
}

/// How many entries are with a worker and not acknowledged; with all of them, where none is named.
pub(crate) async fn pending(
    connection: &mut MultiplexedConnection,
    worker: Option<&str>,
) -> RedisResult<usize> {
    let mut asked = redis::cmd("XPENDING");
    asked.arg(STREAM).arg(GROUP).arg("-").arg("+").arg(1_000_000);
    if let Some(worker) = worker {
        asked.arg(worker);
    }
    asked.query_async::<Vec<Value>>(connection).await.map(|entries| entries.len())
}

/// How many tasks were done again.
pub(crate) async fn repeated(connection: &mut MultiplexedConnection) -> RedisResult<u64> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.cmd("GET").arg(FINISHED).cmd("HLEN").arg(RESULTS);
    let (finished, results): (Option<u64>, u64) = pipeline.query_async(connection).await?;
    Ok(finished.unwrap_or(0).saturating_sub(results))
}

/// The work itself: a number stirred a thousand times. The same each time, wherever it is done.
pub(crate) fn stir(number: u64) -> u64 {
    (0..1000).fold(number, |n, round| n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(23) ^ round)
}
