//! Sample 001-1: hello, a second, world.
//!
//! The original, made runnable: `python/s001_01_hello_world.py`.
//!
//! What differs from the Python text: the original defines `main` and leaves starting it to the reader; `#[heist::main]`
//! starts it.

#![forbid(unsafe_code)]

use std::time::Duration;

#[heist::main]
pub(crate) async fn main() {
    println!("hello");
    heist::sleep(Duration::from_secs(1)).await;
    println!("world");
}
