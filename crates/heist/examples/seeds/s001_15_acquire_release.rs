//! Sample 001-15: a lock by `acquire` and `release`.
//!
//! The original, made runnable: `python/s001_15_acquire_release.py`.
//!
//! What differs from the Python text: it is a fragment; here the shared state is the line that is printed. `finally` is
//! `try_finally`, whose clean-up owns what it releases. (A guard, as in 001-14, needs none.)

#![forbid(unsafe_code)]

use std::sync::Arc;

#[heist::main]
pub(crate) async fn main() {
    let lock = Arc::new(heist::Lock::new(()));

    // ... later
    lock.acquire().await;
    heist::try_finally(
        lock.clone(),
        async |lock| {
            // access shared state
            println!("locked: {}", lock.locked());
        },
        |lock| async move {
            if let Err(error) = lock.release() {
                println!("{error}");
            }
        },
    )
    .await;
    println!("locked: {}", lock.locked());
}
