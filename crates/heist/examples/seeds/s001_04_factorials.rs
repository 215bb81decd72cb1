//! Sample 001-4: three factorials at a time.
//!
//! The original, made runnable: `python/s001_04_factorials.py`.
//!
//! What differs from the Python text: `gather!` gives a `Result`, where Python would raise. The original's lines come in
//! one order, since one thread runs everything; so does this, on a loop of that kind (`current_thread`).

#![forbid(unsafe_code)]

use std::time::Duration;

async fn factorial(name: &str, number: u64) {
    let mut f = 1;
    for i in 2..=number {
        println!("Task {name}: Compute factorial({i})...");
        heist::sleep(Duration::from_secs(1)).await;
        f *= i;
    }
    println!("Task {name}: factorial({number}) = {f}");
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    // Schedule three calls *concurrently*:
    heist::gather!(factorial("A", 2), factorial("B", 3), factorial("C", 4)).await?;
    Ok(())
}

// Expected output:
//
//     Task A: Compute factorial(2)...
//     Task B: Compute factorial(2)...
//     Task C: Compute factorial(2)...
//     Task A: factorial(2) = 2
//     Task B: Compute factorial(3)...
//     Task C: Compute factorial(3)...
//     Task B: factorial(3) = 6
//     Task C: Compute factorial(4)...
//     Task C: factorial(4) = 24
