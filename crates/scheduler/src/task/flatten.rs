//! A task whose failure is that of what it awaits.

use std::future::Future;
use std::panic::resume_unwind;

use super::error::TaskError;

/// Ends as the task has ended whose outcome `future` gives: with the value, cancelled, or with the panic.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, flatten, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let inner = create_task(std::future::pending::<()>());
/// inner.cancel();
/// let outer = create_task(flatten(inner.into_future()));
/// assert!(outer.await.unwrap_err().is_cancelled());
/// # }).unwrap();
/// ```
pub async fn flatten<T>(future: impl Future<Output = Result<T, TaskError>>) -> T {
    let error = match future.await {
        Ok(value) => return value,
        Err(error) => error,
    };
    let error = match error.into_cancelled() {
        Ok(cancelled) => cancelled.resume().await,
        Err(error) => error,
    };
    match error.into_panic() {
        // Without a second message: the panic hook has told of it.
        Ok(payload) => resume_unwind(payload),
        Err(error) => resume_unwind(Box::new(error.to_string())),
    }
}
