//! Sample 002-10: Ctrl-C, and what is left then.
//!
//! The original, made runnable: `python/s002_10_ctrl_c.py`.
//!
//! What differs from the Python text: `run_until_complete` is given a task, so that the wait, which is one of the four that are
//! cancelled, is still there after Ctrl-C: what is given by value goes with the run. In Python it is an error since 3.11
//! (`wait` takes no bare coroutines any more).

#![forbid(unsafe_code)]

use std::time::Duration;

use heist::RunError;

async fn get_html(time: u64) {
    println!("start get html");
    heist::sleep(Duration::from_secs(time)).await;
    println!("end get html");
}

pub(crate) fn main() -> Result<(), RunError> {
    let task1 = get_html(2);
    let task2 = get_html(3);
    let task3 = get_html(3);

    let tasks = [task1, task2, task3];

    let event_loop = heist::get_event_loop();
    let waits = event_loop.create_task(heist::wait(tasks).into_future());

    match event_loop.run_until_complete(waits) {
        Ok(_) => {}
        Err(RunError::Interrupted) => {
            let all_tasks = event_loop.all_tasks();
            for task in all_tasks {
                println!("task cancel");
                task.cancel();
            }
            event_loop.stop();
            event_loop.run_forever()?;
        }
        Err(error) => return Err(error),
    }
    event_loop.close()?;
    Ok(())
}
