//! Sample 001-6: a gather that ends with the first error.
//!
//! The original, made runnable: `python/s001_06_first_exception.py`.
//!
//! What differs from the Python text: the error is an `Err`, and the gather is the one that an `Err` ends, `try_gather`. It
//! takes things of one type, which tasks are that give the same. The program ends with the error, and the status 1, as
//! Python's does with its traceback; the tasks that sleep are cancelled by the end of the run.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::time::Duration;

#[derive(Debug)]
struct Exception;

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exception")
    }
}

impl Error for Exception {}

async fn coro1() -> Result<u64, Exception> {
    Err(Exception)
}

async fn coro_n(num: u64) -> Result<u64, Exception> {
    println!("coro {num}");
    heist::sleep(Duration::from_secs(num)).await;
    Ok(num)
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let coroutines =
        [heist::create_task(coro1()), heist::create_task(coro_n(2)), heist::create_task(coro_n(3))];
    let results = heist::try_gather(coroutines).await?;
    println!("{results:?}");
    Ok(())
}
