//! Sample 001-8: an hour's sleep that is given one second.
//!
//! The original, made runnable: `python/s001_08_wait_for.py`.
//!
//! What differs from the Python text: the error is matched, where Python catches it.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn eternity() {
    // Sleep for one hour
    heist::sleep(Duration::from_secs(3600)).await;
    println!("yay!");
}

#[heist::main]
pub(crate) async fn main() {
    // Wait for at most 1 second
    match heist::wait_for(eternity(), Duration::from_secs(1)).await {
        Ok(()) => {}
        Err(heist::TimeoutError { .. }) => println!("timeout!"),
    }
}
