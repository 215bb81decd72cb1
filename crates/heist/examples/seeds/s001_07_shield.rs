//! Sample 001-7: a result that a cancel cannot stop.
//!
//! The original, made runnable: `python/s001_07_shield.py`.
//!
//! What differs from the Python text: it is one line, `res = await shield(something())`. Around it stands what its
//! paragraph says: who waits is cancelled, and `something` goes on.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn something() -> &'static str {
    heist::sleep(Duration::from_secs(2)).await;
    println!("something is done");
    "value"
}

async fn waits() -> Result<(), heist::TaskError> {
    let res = heist::shield(something()).await?;
    println!("{res}");
    Ok(())
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    waits().await?;

    let task = heist::create_task(waits());
    heist::sleep(Duration::from_secs(1)).await;
    task.cancel();
    match task.await {
        Err(error) if error.is_cancelled() => println!("CancelledError"),
        other => return other?,
    }
    heist::sleep(Duration::from_secs(2)).await;
    Ok(())
}
