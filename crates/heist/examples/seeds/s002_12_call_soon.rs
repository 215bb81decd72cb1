//! Sample 002-12: a callback, as soon as may be.
//!
//! The original, made runnable: `python/s002_12_call_soon.py`.
//!
//! What differs from the Python text: what schedules and what runs gives a `Result`, where Python would raise. Like the original it runs on until
//! Ctrl-C.

#![forbid(unsafe_code)]

use std::error::Error;

fn my_callback() {
    println!("Callback executed");
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = heist::get_event_loop();
    event_loop.call_soon(my_callback)?;
    event_loop.run_forever()?;
    Ok(())
}
