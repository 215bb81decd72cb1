//! Sample 001-19: a semaphore that is released too often.
//!
//! What differs from the Python text: it has no program. Python's `ValueError` is a `ReleasedTooManyTimesError`, which says
//! the same in the same words as the original's.

#![forbid(unsafe_code)]

#[heist::main]
pub(crate) async fn main() {
    let sem = heist::BoundedSemaphore::new(1);
    sem.acquire().await.forget();
    match sem.release() {
        Ok(()) => println!("released"),
        Err(error) => println!("{error}"),
    }
    match sem.release() {
        Ok(()) => println!("released"),
        Err(heist::ReleasedTooManyTimesError { .. }) => println!("released too many times"),
    }
}
