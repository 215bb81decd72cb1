//! Sample 001-5: a gather that collects an error.
//!
//! The original, made runnable: `python/s001_05_return_exceptions.py`.
//!
//! What differs from the Python text: the error is an `Err`, which ends no `gather`: what `return_exceptions=True` asks for
//! is what happens. (A panic does end it, unless `.return_exceptions()` is asked for.) The original's first line has a
//! typo, `simport`.

#![forbid(unsafe_code)]

use std::time::Duration;

#[derive(Debug)]
struct Exception;

async fn coro1() -> Result<u64, Exception> {
    Err(Exception)
}

async fn coro_n(num: u64) -> Result<u64, Exception> {
    println!("coro {num}");
    heist::sleep(Duration::from_secs(num)).await;
    Ok(num)
}

fn repr(result: Result<u64, Exception>) -> String {
    result.map_or_else(|error| format!("{error:?}()"), |num| num.to_string())
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let (one, two, three) = heist::gather!(coro1(), coro_n(2), coro_n(3)).await?;
    println!("[{}, {}, {}]", repr(one), repr(two), repr(three));
    Ok(())
}

// Expected output:
// coro 2
// coro 3
// [Exception(), 2, 3]
