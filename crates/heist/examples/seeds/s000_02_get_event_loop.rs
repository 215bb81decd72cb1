//! Sample 000-2: getting an event loop, and running a task on it.
//!
//! The original, made runnable: `python/s000_02_get_event_loop.py`.
//!
//! What differs from the Python text: it is two lines of a program, with a task that it does not show and the method's name
//! misspelt (`run_unitl_complete`); here is a task, which prints a line.

#![forbid(unsafe_code)]

async fn work() {
    println!("work");
}

pub(crate) fn main() -> Result<(), heist::RunError> {
    // Get an event loop.
    let event_loop = heist::get_event_loop();

    // Put a task into its list of tasks.
    event_loop.run_until_complete(work())
}
