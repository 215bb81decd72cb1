//! Sample 000-3: two named tasks, waited for together.
//!
//! The original, made runnable: `python/s000_03_named_tasks.py`.
//!
//! What differs from the Python text: the note shows the done set, which its program does not print; this one prints it,
//! with the place where each task was created, which is what a task knows here. The note's `result=8` is not what its
//! program returns; `'return'` is.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn nested() -> &'static str {
    println!("1");
    heist::sleep(Duration::from_secs(2)).await;
    println!("2");
    "return"
}

#[heist::main]
pub(crate) async fn main() -> Result<(), heist::TaskError> {
    let task_list =
        [heist::create_task(nested()).with_name("n1"), heist::create_task(nested()).with_name("n2")];
    // done: the tasks that have ended; pending: those that had not when the timeout passed.
    let (done, _pending) = heist::wait(task_list).timeout(None).return_when(heist::ALL_COMPLETED).await;

    let mut shown = Vec::new();
    for task in done {
        let (name, location) = (task.name(), task.location());
        let result = task.await?;
        shown.push(format!(
            "<Task finished name='{name}' coro=<nested() done, created at {location}> result='{result}'>"
        ));
    }
    println!("{{{}}}", shown.join(", "));
    Ok(())
}
