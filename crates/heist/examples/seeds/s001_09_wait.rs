//! Sample 001-9: waiting for tasks until one of three conditions holds.
//!
//! The original, made runnable: `python/s001_09_wait.py`.
//!
//! What differs from the Python text: it is one line, `done, pending = await asyncio.wait(aws)`, and a list of the conditions.
//! Here are three tasks, the second of which fails, and each condition with what it gives.

#![forbid(unsafe_code)]

use std::time::Duration;

use heist::Task;

type Outcome = Result<(), &'static str>;

async fn sleeper(seconds: u64) -> Outcome {
    heist::sleep(Duration::from_secs(seconds)).await;
    if seconds == 2 { Err("two") } else { Ok(()) }
}

fn aws() -> [Task<Outcome>; 3] {
    [1, 2, 3].map(|seconds| heist::create_task(sleeper(seconds)))
}

fn show(condition: &str, (done, pending): (Vec<Task<Outcome>>, Vec<Task<Outcome>>)) {
    println!("{condition}: {} done, {} pending", done.len(), pending.len());
}

#[heist::main]
pub(crate) async fn main() {
    show("FIRST_COMPLETED", heist::wait(aws()).return_when(heist::FIRST_COMPLETED).await);
    show("FIRST_EXCEPTION", heist::wait(aws()).return_when(heist::FIRST_EXCEPTION).await);
    show("ALL_COMPLETED", heist::wait(aws()).await);
}
