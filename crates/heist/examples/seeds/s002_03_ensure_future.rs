//! Sample 002-3: a result, by `ensure_future`.
//!
//! The original, made runnable: `python/s002_03_ensure_future.py`.
//!
//! What differs from the Python text: `ensure_future` makes its task in a loop, so it stands in one: `run_until_complete` is given
//! an async block. There it is commented out.

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
    // ----------------3. with a result---------------
    let event_loop = heist::get_event_loop();
    let mut get_feature =
        event_loop.run_until_complete(async { heist::ensure_future(get_html("http://www.baidu.com")) })?;
    event_loop.run_until_complete(&mut get_feature)?;
    println!("{}", get_feature.result()?);
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
