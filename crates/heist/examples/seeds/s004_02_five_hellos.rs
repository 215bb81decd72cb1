//! Sample 004-2: five hellos at a time.
//!
//! The original, made runnable: `python/s004_02_five_hellos.py`.
//!
//! What differs from the Python text: the loop is made in `run` and not for the whole module. In Python it is an error since
//! 3.11 (`wait` takes no bare coroutines any more).

#![forbid(unsafe_code)]

use std::time::Duration;

#[path = "../support/time.rs"]
mod time;
use time::time;

// An async function.
async fn hello() {
    println!("Hello World:{}", time());
    heist::sleep(Duration::from_secs(1)).await;
    println!("Hello wow World:{}", time());
}

fn run() -> Result<(), heist::RunError> {
    let event_loop = heist::get_event_loop();
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(hello());
    }
    event_loop.run_until_complete(heist::wait(tasks))?;
    Ok(())
}

pub(crate) fn main() -> Result<(), heist::RunError> {
    run()
}
