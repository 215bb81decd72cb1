//! Sample 001-3: the two waits of 001-2 as two tasks, two seconds together.
//!
//! The original, made runnable: `python/s001_03_as_two_tasks.py`.
//!
//! What differs from the Python text: the time of day is that of UTC; awaiting a task gives a `Result`, where Python would
//! raise.

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
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let task1 = heist::create_task(say_after(1, "hello"));

    let task2 = heist::create_task(say_after(2, "world"));

    println!("started at {}", strftime_x());

    // Wait until both tasks are completed (should take
    // around 2 seconds.)
    task1.await?;
    task2.await?;

    println!("finished at {}", strftime_x());
    Ok(())
}
