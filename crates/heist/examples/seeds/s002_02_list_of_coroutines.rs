//! Sample 002-2: two coroutines as a list.
//!
//! The original, made runnable: `python/s002_02_list_of_coroutines.py`.
//!
//! What differs from the Python text: nothing in its form. In Python it is an error since 3.11 (`wait` takes no bare
//! coroutines any more); here the futures become tasks once the loop runs.

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
    // ----------------2. given a list---------------
    let event_loop = heist::get_event_loop();
    let tasks = (0..2).map(|_| get_html("http://www.baidu.com"));
    event_loop.run_until_complete(heist::wait(tasks))?;
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
