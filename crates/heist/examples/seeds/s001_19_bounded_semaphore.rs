//! Sample 001-19: a semaphore that is released too often.
//!
//! The original, made runnable: `python/s001_19_bounded_semaphore.py`.
//!
//! What differs from the Python text: it has no program. A permit goes back when its value is dropped, so for `release` it
//! is forgotten first; Python's `ValueError` is a `ReleasedTooManyTimesError`.

#![forbid(unsafe_code)]

#[heist::main]
pub(crate) async fn main() {
    let sem = heist::BoundedSemaphore::new(1);
    sem.acquire().await.forget();
    for _ in 0..2 {
        match sem.release() {
            Ok(()) => println!("released"),
            Err(heist::ReleasedTooManyTimesError { .. }) => println!("released too many times"),
        }
    }
}
