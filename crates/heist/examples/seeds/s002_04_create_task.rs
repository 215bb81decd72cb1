//! Sample 002-4: a result, by `create_task`.
//!
//! The original, made runnable: `python/s002_04_create_task.py`.
//!
//! What differs from the Python text: the task is lent to the run (`&mut`), which leaves its result in it.

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
    // ----------------4. with a result---------------
    let event_loop = heist::get_event_loop();
    let mut task = event_loop.create_task(get_html("http://www.baidu.com"));
    event_loop.run_until_complete(&mut task)?;
    println!("{}", task.result()?);
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
