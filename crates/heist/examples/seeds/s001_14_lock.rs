//! Sample 001-14: four competitors for one lock.
//!
//! The original, made runnable: `python/s001_14_lock.py`.
//!
//! What differs from the Python text: a lock that tasks share is in an `Arc`, and the block of `async with` is the life of
//! its guard. The original's lines come in one order, since one thread runs everything; so does this, on a loop of that
//! kind (`current_thread`).

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

async fn lock_competitor(n: u64, lock: Arc<heist::Lock<()>>) {
    println!("competitor{n} try to get lock");

    let _guard = lock.lock().await;
    println!("competitor{n} get the lock");
    println!("competitor sleep for {n} seconds...");
    heist::sleep(Duration::from_secs(n)).await;
    println!("competitor{n} wake up!");
    println!("competitor{n} give up the lock");
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let lock = Arc::new(heist::Lock::new(()));
    heist::gather((1..5).map(|n| lock_competitor(n, lock.clone()))).await?;
    Ok(())
}
