//! Sample 002-9: a gather of two gathers.
//!
//! The original, made runnable: `python/s002_09_nested_gathers.py`.
//!
//! What differs from the Python text: the cancel that is a comment there is one here, too; a gather in a gather gives a
//! `Result` each.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

#[path = "../support/time.rs"]
mod time;
use time::time;

// A coroutine.
async fn get_html(_url: &str) -> &'static str {
    println!("start get url");
    heist::sleep(Duration::from_secs(2)).await; // waits for two seconds
    println!("end get url");
    "hello world"
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let start_time = time();
    let event_loop = heist::get_event_loop();
    let group1 = (0..2).map(|_| get_html("http://www.baidu.com"));
    let group2 = (0..2).map(|_| get_html("http://www.baidu.com"));
    let group1 = heist::gather(group1);
    let group2 = heist::gather(group2);
    // group1.cancel(); cancels the tasks
    event_loop.run_until_complete(heist::gather!(group1, group2))??;
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
