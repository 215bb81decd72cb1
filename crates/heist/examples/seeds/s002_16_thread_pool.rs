//! Sample 002-16: three blocking calls on a pool of threads.
//!
//! The original, made runnable: `python/s002_16_thread_pool.py`.
//!
//! What differs from the Python text: a function and its argument are a closure. Python's pool has as many threads as it
//! chooses; this one's number is given.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use heist::ThreadPoolExecutor;

#[path = "../support/time.rs"]
mod time;
use time::time;

// A plain function, which blocks.
fn get_html(url: &str) {
    println!("获取url: {url}");
    thread::sleep(Duration::from_secs(3));
    println!("get_html end ");
}

pub(crate) fn main() -> Result<(), heist::RunError> {
    let start_time = time();
    let event_loop = heist::get_event_loop();
    let executor = ThreadPoolExecutor::new(8);
    let tasks = (0..3).map(|_| event_loop.run_in_executor(&executor, || get_html("http://www.baidu.com")));
    event_loop.run_until_complete(heist::wait(tasks))?;
    println!("cost time :{}", time() - start_time);
    Ok(())
}
