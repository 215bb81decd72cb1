//! Sample 001-10: giving a loop a coroutine from another thread.
//!
//! The original, made runnable: `python/s001_10_threadsafe.py`.
//!
//! What differs from the Python text: it leaves the loop and the timeout to the reader; here the loop runs until the other
//! thread has what it wants, and prints it.

#![forbid(unsafe_code)]

use std::error::Error;
use std::thread;
use std::time::Duration;

fn submit(event_loop: &heist::Handle) -> Result<(), heist::ThreadFutureError> {
    // Create a coroutine
    let coro = heist::sleep(Duration::from_secs(1)).result(3);

    // Submit the coroutine to a given loop
    let future = heist::run_coroutine_threadsafe(coro, event_loop);

    // Wait for the result with an optional timeout argument
    assert_eq!(future.result_timeout(Duration::from_secs(60))?, 3);
    println!("3");
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = heist::new_event_loop()?;
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        let submitted = submit(&handle);
        handle.stop();
        submitted
    });
    event_loop.run_forever()?;
    thread.join().expect("the thread panicked")?;
    event_loop.close()?;
    Ok(())
}
