//! Sample 001-16: a task that waits for an event.
//!
//! The original, made runnable: `python/s001_16_event.py`.
//!
//! What differs from the Python text: an event that tasks share is in an `Arc`; awaiting a task gives a `Result`, where
//! Python would raise.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

async fn waiter(event: Arc<heist::Event>) {
    println!("waiting for it ...");
    event.wait().await;
    println!("... got it!");
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    // Create an Event object.
    let event = Arc::new(heist::Event::new());

    // Spawn a Task to wait until 'event' is set.
    let waiter_task = heist::create_task(waiter(event.clone()));

    // Sleep for 1 second and set the event.
    heist::sleep(Duration::from_secs(1)).await;
    event.set();

    // Wait until the waiter task is finished.
    waiter_task.await
}
