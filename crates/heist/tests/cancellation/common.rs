//! What these tests share.

use std::time::Duration;

use heist::{sleep, yield_now};

pub const LONG: Duration = Duration::from_secs(3600);

pub async fn turns(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// Lets every other task come to rest: with virtual time, a moment passes only when nothing can run.
pub async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
