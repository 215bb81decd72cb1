//! [`run_coroutine_threadsafe`]: a thread waits for a loop's result.

use std::future::{Future, IntoFuture, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use heist_core::{CancelledError, ExceptionContext};
use heist_scheduler::{Handle, TaskError};

use super::ThreadFuture;

const CLOSED: &str = "the event loop is closed and runs nothing any more: make a new one";

/// Has the loop of `handle` run `future` as a task, and gives a future that a plain thread can wait for; asyncio's
/// `run_coroutine_threadsafe`.
///
/// Cancelling what it gives cancels the task; a task that is cancelled in the loop cancels it.
///
/// ```
/// heist::run(async {
///     let handle = heist::Handle::current().unwrap();
///     let thread = heist::to_thread(move || {
///         let future = heist::run_coroutine_threadsafe(async { 6 * 7 }, &handle);
///         future.result().unwrap()
///     });
///     assert_eq!(thread.await.unwrap(), 42);
/// });
/// ```
///
/// # Errors
///
/// What it gives fails when the loop is closed, or when `future`'s conversion into a future panics (which is reported to the
/// loop's exception handler, too).
#[track_caller]
pub fn run_coroutine_threadsafe<F>(future: F, handle: &Handle) -> ThreadFuture<F::Output>
where
    F: IntoFuture + Send + 'static,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    let result = ThreadFuture::new();
    let promise = Promise(result.clone());
    let inside = handle.clone();
    if handle.is_closed() {
        promise.complete(Err(TaskError::refused(CLOSED)));
        return result;
    }
    // A loop that is closed before it comes to the callback drops it, and the promise cancels.
    let _ = handle.call_soon_threadsafe(move || {
        if promise.0.done() {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| future.into_future())) {
            Ok(future) => begin(future, promise, &inside),
            Err(payload) => {
                let context = ExceptionContext::new("a task for another thread could not be created");
                inside.call_exception_handler(&context.with_panic(&*payload).with_source(location));
                promise.complete(Err(TaskError::panicked(payload)));
            }
        }
    });
    result
}

/// Creates the task, in the loop, and ties both ends together.
fn begin<F>(future: F, promise: Promise<F::Output>, handle: &Handle)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let result = promise.0.clone();
    let task = handle.create_task(async move {
        let promise = promise;
        let mut future = pin!(future);
        let outcome = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(TaskError::panicked(payload))),
        });
        promise.complete(outcome.await);
    });
    let task = task.task_ref();
    result.add_done_callback(move |result| {
        if result.cancelled() {
            task.cancel();
        }
    });
}

/// The right to complete a thread's future: one that is dropped unused cancels it.
pub(crate) struct Promise<T>(pub(crate) ThreadFuture<T>);

impl<T> Promise<T> {
    pub(crate) fn complete(&self, outcome: Result<T, TaskError>) {
        // Done already: it was cancelled, and nobody wants the outcome.
        let _ = self.0.complete(outcome);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let _ = self.0.complete(Err(TaskError::cancelled(CancelledError::default())));
    }
}
