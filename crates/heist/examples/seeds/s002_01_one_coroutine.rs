//! Sample 002-1: one coroutine, run on a loop.
//!
//! The original, made runnable: `python/s002_01_one_coroutine.py`.
//!
//! What differs from the Python text: nothing in its form; there it is commented out.

#![forbid(unsafe_code)]

use std::time::Duration;

#[path = "../support/time.rs"]
mod time;
use time::time;

// A coroutine.
async fn get_html(_url: &str) {
    println!("start get url");
    heist::sleep(Duration::from_secs(2)).await; // waits for two seconds
    println!("end get url");
}

pub(crate) fn main() -> Result<(), heist::RunError> {
    let start_time = time();
    // ----------------1. given a coroutine---------------
    let event_loop = heist::get_event_loop();
    event_loop.run_until_complete(get_html("http://www.baidu.com"))?;
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
