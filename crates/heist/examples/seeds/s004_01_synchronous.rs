//! Sample 004-1: five hellos, one after the other, without a loop.
//!
//! The original, made runnable: `python/s004_01_synchronous.py`.
//!
//! What differs from the Python text: nothing.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

#[path = "../support/time.rs"]
mod time;
use time::time;

fn hello() {
    thread::sleep(Duration::from_secs(1));
}

fn run() {
    for _ in 0..5 {
        hello();
        println!("Hello World:{}", time());
    }
}

pub(crate) fn main() {
    run();
}
