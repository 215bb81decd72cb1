//! [`coroutine`]: debug mode tells where one of the program's own futures was never awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_core::Unawaited;
use pin_project_lite::pin_project;

/// The same future, of which debug mode tells where it is dropped without ever having been awaited; asyncio's "coroutine ...
/// was never awaited".
///
/// heist's own functions ([`sleep`](crate::sleep), [`Queue::get`](crate::Queue), [`wait_for`](crate::wait_for()) and their like)
/// need no such mark. Of an `async fn` or block the compiler says it, by the lint `unused_must_use`, where the value is not
/// used at all; this is for those that are put somewhere, a list or a field, and forgotten there.
///
/// ```
/// async fn fetch(page: u32) -> String {
///     format!("page {page}")
/// }
///
/// heist::run(async {
///     let mut pages: Vec<_> = (1..=3).map(|page| heist::coroutine(fetch(page))).collect();
///     assert_eq!(pages.remove(0).await, "page 1");
///     // In debug mode: "the future made at src/main.rs:6:44 was never awaited", twice.
///     drop(pages);
/// });
/// ```
///
/// What is cancelled, or out of time, before it began is told of by nobody.
///
/// Costs one word, a store when it is polled, and a look when it is dropped.
#[track_caller]
pub fn coroutine<F: IntoFuture>(future: F) -> Coroutine<F::IntoFuture> {
    Coroutine { future: future.into_future(), made: Unawaited::here() }
}

pin_project! {
    /// The future of [`coroutine`].
    ///
    /// ```
    /// heist::run(async {
    ///     let one: heist::Coroutine<_> = heist::coroutine(async { 1 });
    ///     assert_eq!(one.await, 1);
    /// });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Coroutine<F> {
        #[pin]
        future: F,
        made: Unawaited,
    }
}

impl<F: Future> Future for Coroutine<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.made.polled();
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for Coroutine<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").finish_non_exhaustive()
    }
}
