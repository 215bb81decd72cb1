//! Sample 001-2: two waits, one after the other, three seconds together.
//!
//! The original, made runnable: `python/s001_02_one_after_the_other.py`.
//!
//! What differs from the Python text: the time of day is that of UTC.

#![forbid(unsafe_code)]

use std::time::Duration;

#[path = "../support/clock.rs"]
mod clock;
use clock::strftime_x;

async fn say_after(delay: u64, what: &str) {
    heist::sleep(Duration::from_secs(delay)).await;
    println!("{what}");
}

#[heist::main]
pub(crate) async fn main() {
    println!("started at {}", strftime_x());

    say_after(1, "hello").await;
    say_after(2, "world").await;

    println!("finished at {}", strftime_x());
}
