//! What tests of task groups share.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use heist::{GroupError, Handle, catch_cancelled, current_task, sleep};

pub const LONG: Duration = Duration::from_secs(3600);
pub const SECOND: Duration = Duration::from_secs(1);

pub type BoxError = Box<dyn Error + Send + Sync>;
pub type Text = &'static str;
pub type BoxFuture = Pin<Box<dyn Future<Output = Result<(), Text>> + Send>>;

pub fn now() -> Duration {
    Handle::current().unwrap().time()
}

pub async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

pub async fn fail_after(delay: Duration, error: Text) -> Result<(), Text> {
    sleep(delay).await;
    Err(error)
}

/// Sleeps for long, and fails with that when it is cancelled.
pub async fn fail_when_cancelled(error: Text) -> Result<(), Text> {
    catch_cancelled(sleep(LONG)).await.map_err(|_| error)
}

/// Counts how often it was cancelled.
pub async fn count_cancels(count: Arc<AtomicU32>) -> Result<(), Text> {
    let error = catch_cancelled(sleep(LONG)).await.unwrap_err();
    count.fetch_add(1, SeqCst);
    error.resume().await
}

pub fn texts<T>(ended: Result<T, GroupError<Text>>) -> Vec<Text> {
    let Err(error) = ended else { panic!("the group has not failed") };
    error.into_iter().map(|failure| failure.into_error().unwrap()).collect()
}

/// Texts in the order of the alphabet, where the order depends on the workers.
pub fn sorted<T>(ended: Result<T, GroupError<Text>>) -> Vec<Text> {
    let mut texts = texts(ended);
    texts.sort_unstable();
    texts
}

pub fn level() -> u32 {
    current_task().unwrap().cancelling()
}
