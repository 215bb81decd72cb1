//! Sample 002-14: a callback at a time of the loop's clock.
//!
//! The original, made runnable: `python/s002_14_call_at.py`.
//!
//! What differs from the Python text: what schedules and what runs gives a `Result`, where Python would raise. Like the original it runs on until
//! Ctrl-C.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

fn my_callback() {
    println!("Callback executed at specific time");
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = heist::get_event_loop();
    let scheduled_time = event_loop.time() + Duration::from_secs(10); // ten seconds from now
    event_loop.call_at(scheduled_time, my_callback)?;
    event_loop.run_forever()?;
    Ok(())
}
