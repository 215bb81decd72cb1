//! Sample 000-4: a list of tasks that is made outside of any coroutine.
//!
//! The original, made runnable: `python/s000_04_task_list.py`.
//!
//! What differs from the Python text: nothing in its form. In Python it is an error since 3.11 (`wait` takes no bare
//! coroutines any more); here the futures become tasks once the loop runs.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn nested() -> &'static str {
    println!("1");
    heist::sleep(Duration::from_secs(2)).await;
    println!("2");
    "return"
}

pub(crate) fn main() {
    let task_list = [nested(), nested()];
    let (_done, _pending) = heist::run(heist::wait(task_list));
}
