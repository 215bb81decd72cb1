//! Sample 001-17: waiting on a condition.
//!
//! The original, made runnable: `python/s001_17_condition.py`.
//!
//! What differs from the Python text: it is a fragment; here is also who notifies. The lock of a condition is its own
//! value, whose guard `wait` takes and gives back.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<(), heist::MixedLocksError>;

async fn waiter(cond: Arc<heist::Condition>, lock: Arc<heist::Lock<()>>) -> Outcome {
    let guard = lock.lock().await;
    println!("waiting");
    let _guard = cond.wait(guard).await?;
    println!("notified, and has the lock again");
    Ok(())
}

#[heist::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (cond, lock) = (Arc::new(heist::Condition::new()), Arc::new(heist::Lock::new(())));
    let task = heist::create_task(waiter(cond.clone(), lock.clone()));

    // ... later
    heist::sleep(Duration::from_secs(1)).await;
    let guard = lock.lock().await;
    cond.notify(&guard, 1)?;
    println!("notifies");
    drop(guard);
    task.await??;
    Ok(())
}
