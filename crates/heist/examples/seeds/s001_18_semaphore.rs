//! Sample 001-18: a semaphore with ten permits.
//!
//! The original, made runnable: `python/s001_18_semaphore.py`.
//!
//! What differs from the Python text: it is a fragment; here twelve tasks want a permit for a second each.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

async fn worker(n: u32, sem: Arc<heist::Semaphore>) {
    let _permit = sem.acquire().await;
    // work with shared resource
    println!("{n} works");
    heist::sleep(Duration::from_secs(1)).await;
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let sem = Arc::new(heist::Semaphore::new(10));

    // ... later
    heist::gather((1..=12).map(|n| worker(n, sem.clone()))).await?;
    Ok(())
}
