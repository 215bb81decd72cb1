//! Sample 000-1: three counters at a time.
//!
//! The original, made runnable: `python/s000_01_three_counters.py`.
//!
//! What differs from the Python text: `gather!` gives a `Result`, where Python would raise.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn count() {
    println!("one");
    heist::sleep(Duration::from_secs(2)).await;
    println!("two");
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    heist::gather!(count(), count(), count()).await?;
    Ok(())
}
