//! Sample 002-13: a callback in five seconds.
//!
//! The original, made runnable: `python/s002_13_call_later.py`.
//!
//! What differs from the Python text: what schedules and what runs gives a `Result`, where Python would raise. Like the original it runs on until
//! Ctrl-C.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

fn my_callback() {
    println!("Callback executed after 5 seconds");
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = heist::get_event_loop();
    event_loop.call_later(Duration::from_secs(5), my_callback)?;
    event_loop.run_forever()?;
    Ok(())
}
