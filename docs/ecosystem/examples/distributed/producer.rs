//! A producer: puts tasks into the stream, some at a time.

use super::broker::Broker;
use super::{Failure, Produce, tasks};

/// So many go out together.
const BATCH: u64 = 100;

pub(super) async fn produce(options: Produce) -> Result<(), Failure> {
    let mut broker = Broker::connect(&options.redis).await?;
    tasks::prepare(&mut broker.connection).await?;
    let end = options.from.checked_add(options.count).ok_or("--from and --count go beyond all numbers")?;
    let mut next = options.from;
    while next < end {
        let batch = next..end.min(next + BATCH);
        next = batch.end;
        tasks::add(&mut broker.connection, batch).await?;
    }
    println!("{} tasks are in the stream", options.count);
    Ok(())
}
