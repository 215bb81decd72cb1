//! Sample 002-11: a coroutine that awaits another.
//!
//! The original, made runnable: `python/s002_11_nested_coroutine.py`.
//!
//! What differs from the Python text: nothing.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn nested() -> &'static str {
    println!("This is the nested coroutine");
    heist::sleep(Duration::from_secs(2)).await;
    "Nested coroutine result"
}

#[heist::main]
pub(crate) async fn main() {
    println!("Main coroutine started");

    // Awaits the nested coroutine.
    let result = nested().await;

    println!("Main coroutine received: {result}");
    println!("Main coroutine finished");
}
