//! Giving way to the other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_core::context;

/// Lets every other ready task run once; asyncio's `sleep(0)`.
///
/// On a worker this clones no waker and makes no system call: the task is put behind the others when its poll ends.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task, yield_now};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(async { 42 });
/// while !task.done() {
///     yield_now().await;
/// }
/// # }).unwrap();
/// ```
///
/// # Cancel safety
///
/// Dropping it has no effect.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, YieldNow, yield_now, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let gives_way: YieldNow = yield_now();
/// let task = create_task(async {});
/// gives_way.await;
/// assert!(task.done());
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context::with(|context| match context {
            Some(context) => context.yield_now(cx.waker()),
            None => cx.waker().wake_by_ref(),
        });
        Poll::Pending
    }
}
