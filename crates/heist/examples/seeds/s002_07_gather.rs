//! Sample 002-7: a gather of one second and two.
//!
//! The original, made runnable: `python/s002_07_gather.py`.
//!
//! What differs from the Python text: `gather!` gives a `Result`, where Python would raise, and its results are a tuple.

#![forbid(unsafe_code)]

use std::time::Duration;

#[path = "../support/repr.rs"]
mod repr;
use repr::repr;

async fn foo() -> &'static str {
    heist::sleep(Duration::from_secs(1)).await;
    "foo"
}

async fn bar() -> &'static str {
    heist::sleep(Duration::from_secs(2)).await;
    "bar"
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let results = heist::gather!(foo(), bar()).await?;
    println!("[{}, {}]", repr(results.0), repr(results.1)); // prints ['foo', 'bar']
    Ok(())
}
