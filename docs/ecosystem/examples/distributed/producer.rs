//! A producer, which puts tasks into the stream, some at a time; and a look at how far they are.

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
    broker.close().await;
    Ok(())
}

pub(super) async fn report(redis: String) -> Result<(), Failure> {
    let mut broker = Broker::connect(&redis).await?;
    let connection = &mut broker.connection;
    tasks::prepare(connection).await?;
    let results = tasks::results(connection).await?.len();
    let (pending, repeated) = (tasks::pending(connection, None).await?, tasks::repeated(connection).await?);
    println!("{results} results, {pending} tasks with workers, {repeated} done again");
    broker.close().await;
    Ok(())
}
