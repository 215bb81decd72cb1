//! A closure as a future that is ready at once: what a cell of the blocking pool holds.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs its closure in its one poll.
pub(crate) struct Once<F>(Option<F>);

impl<F> Unpin for Once<F> {}

/// Wraps a closure.
pub(crate) fn once<F>(closure: F) -> Once<F> {
    Once(Some(closure))
}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<R> {
        let closure = self.0.take().expect("a closure runs in one poll");
        Poll::Ready(closure())
    }
}
