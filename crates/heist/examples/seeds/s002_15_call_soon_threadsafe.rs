//! Sample 002-15: a callback from another thread.
//!
//! The original, made runnable: `python/s002_15_call_soon_threadsafe.py`.
//!
//! What differs from the Python text: what schedules and what runs gives a `Result`, where Python would raise; the thread
//! gets the part of the loop that threads may have, its handle. Like the original it runs on until Ctrl-C.

#![forbid(unsafe_code)]

use std::error::Error;
use std::thread;

fn my_callback() {
    println!("Callback executed from another thread");
}

fn thread_function(event_loop: &heist::Handle) -> Result<(), heist::LoopClosedError> {
    event_loop.call_soon_threadsafe(my_callback)?;
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = heist::get_event_loop();
    let handle = event_loop.handle();
    let thread = thread::spawn(move || thread_function(&handle));
    event_loop.run_forever()?;
    thread.join().expect("the thread panicked")?;
    Ok(())
}
