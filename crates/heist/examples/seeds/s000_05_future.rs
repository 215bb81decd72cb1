//! Sample 000-5: a future that another task fills.
//!
//! The original, made runnable: `python/s000_05_future.py`.
//!
//! What differs from the Python text: asyncio's Future is `heist::future::Future`, made by `create_future`; setting a
//! result and awaiting give `Result`s, where Python would raise. The original prints nothing; this shows that `'1'` came.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use heist::future::Future;

async fn after(fut: Future<&'static str>) -> Result<(), heist::InvalidStateError> {
    heist::sleep(Duration::from_secs(2)).await;
    fut.set_result("1")
}

#[heist::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let fut = heist::create_future();
    // The task that gives `fut` its result.
    heist::create_task(after(fut.clone())).await??;
    // It has one now; otherwise this would wait until it had.
    let data = fut.await?;
    assert_eq!(data, "1");
    Ok(())
}
