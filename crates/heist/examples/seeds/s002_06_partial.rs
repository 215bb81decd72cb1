//! Sample 002-6: a callback with an argument of its own.
//!
//! The original, made runnable: `python/s002_06_partial.py`.
//!
//! What differs from the Python text: `functools.partial` is a closure; the task is lent to the run (`&mut`), which leaves its
//! result in it.

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

fn callback1(url: &str, _feature: heist::TaskRef) {
    println!("url:{url}");
    println!("start callbback");
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let start_time = time();
    // ----------------4. with a callback that has an argument---------------
    let event_loop = heist::get_event_loop();
    let mut task = event_loop.create_task(get_html("http://www.baidu.com"));
    task.add_done_callback(|feature| callback1("imooc.com", feature));
    event_loop.run_until_complete(&mut task)?;
    println!("{}", task.result()?);
    let end_time = time();
    println!("共计花费时间:{}", end_time - start_time);
    Ok(())
}
