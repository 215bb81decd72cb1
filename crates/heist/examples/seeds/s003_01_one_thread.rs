//! Sample 003-1: twenty blocking calls on a pool of one thread: one after the other.
//!
//! The original, made runnable: `python/s003_01_one_thread.py`.
//!
//! What differs from the Python text: it is a fragment without the function, `get_url`, and prints nothing; here the function
//! says when it starts and ends, so that one sees that there is one at a time.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use heist::ThreadPoolExecutor;

fn get_url(url: &str) {
    println!("start {url}");
    thread::sleep(Duration::from_millis(20));
    println!("end {url}");
}

pub(crate) fn main() -> Result<(), heist::RunError> {
    let event_loop = heist::get_event_loop();
    let executor = ThreadPoolExecutor::new(1);
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let url = "http://baidu.com";
        let task = event_loop.run_in_executor(&executor, move || get_url(url)); // a future
        tasks.push(task);
    }
    event_loop.run_until_complete(heist::wait(tasks))?;
    Ok(())
}
