//! Sample 002-8: waiting for one second and two, and printing each result.
//!
//! The original, made runnable: `python/s002_08_wait.py`.
//!
//! What differs from the Python text: what is waited for is a list of one type, which tasks are that give the same;
//! the done list is in the order of the tasks, where Python's is a set. (In Python it is an error since 3.11: `wait` takes
//! no bare coroutines any more.)

#![forbid(unsafe_code)]

use std::time::Duration;

async fn foo() -> &'static str {
    heist::sleep(Duration::from_secs(1)).await;
    "foo"
}

async fn bar() -> &'static str {
    heist::sleep(Duration::from_secs(2)).await;
    "bar"
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let tasks = [heist::create_task(foo()), heist::create_task(bar())];
    let (done, _pending) = heist::wait(tasks).await;
    for task in done {
        println!("{}", task.await?); // prints 'foo' and 'bar'
    }
    Ok(())
}
