//! Answering a cancellation: `try`, `except CancelledError` and `finally`, for futures.

use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;

use heist_core::CancelledError;
use heist_core::scope::{Raise, Scope};
use heist_core::services::{self, ExceptionContext};
use heist_scheduler::Handle;

/// Runs `future` and catches its cancellation; Python's `try: ... except CancelledError`.
///
/// A request to the task ends `future` (it is dropped where it is suspended, once what it awaits and the scopes inside it
/// have answered), and gives `Err`. What follows may clean up with awaits, and then [`resume`](CancelledError::resume), or
/// answer with a value, or call [`uncancel`](crate::Task::uncancel) on its task and go on. An error that is dropped is a
/// cancellation swallowed.
///
/// ```
/// use std::future::pending;
///
/// async fn work() -> u32 {
///     match heist::catch_cancelled(pending::<u32>()).await {
///         Ok(value) => value,
///         Err(error) => {
///             println!("cleaning up: {error}");
///             error.resume().await
///         }
///     }
/// }
///
/// heist::run(async {
///     let task = heist::create_task(work());
///     heist::yield_now().await;
///     task.cancel();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
///
/// # Errors
///
/// The [`CancelledError`] of the request.
///
/// # Cancel safety
///
/// Dropping the future drops what is inside; nothing is caught.
pub fn catch_cancelled<F: IntoFuture>(future: F) -> CatchCancelled<F::IntoFuture> {
    Scope::new(future.into_future())
}

/// The future of [`catch_cancelled`].
pub type CatchCancelled<F> = Scope<F>;

/// Ends what is around as cancelled: the nearest [`catch_cancelled`] (or other scope), or else the task. Python's
/// `raise CancelledError`.
///
/// ```
/// heist::run(async {
///     let task = heist::create_task(async { heist::raise_cancelled().await });
///     let ended: Result<(), heist::TaskError> = task.await;
///     assert!(ended.unwrap_err().is_cancelled());
/// });
/// ```
pub async fn raise_cancelled() -> ! {
    match Raise::new(CancelledError::default()).await {}
}

/// Where a [`try_finally`] is.
enum Stage<R, C> {
    Body(R, C),
    CleaningUp(Pin<Box<dyn Future<Output = ()> + Send>>),
    Done,
}

/// A resource and its clean-up, which is begun by `clean` or by the drop.
struct Finally<R, C, Fut>
where
    C: FnOnce(R) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    stage: Stage<R, C>,
    /// The loop, where a half-run clean-up goes on.
    handle: Option<Handle>,
    location: &'static Location<'static>,
}

impl<R, C, Fut> Finally<R, C, Fut>
where
    C: FnOnce(R) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn resource(&mut self) -> &mut R {
        match &mut self.stage {
            Stage::Body(resource, _) => resource,
            _ => unreachable!("the body borrows the resource before the clean-up takes it"),
        }
    }

    fn begin(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Body(resource, clean_up) => Stage::CleaningUp(Box::pin(clean_up(resource))),
            other => other,
        };
    }

    async fn clean(&mut self) {
        self.begin();
        if let Stage::CleaningUp(clean_up) = &mut self.stage {
            clean_up.await;
        }
        self.stage = Stage::Done;
    }
}

impl<R, C, Fut> Drop for Finally<R, C, Fut>
where
    C: FnOnce(R) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn drop(&mut self) {
        self.begin();
        let Stage::CleaningUp(clean_up) = std::mem::replace(&mut self.stage, Stage::Done) else { return };
        let refused = match &self.handle {
            Some(handle) => handle.create_cleanup(clean_up, self.location).is_err(),
            None => true,
        };
        if refused {
            let told = ExceptionContext::new(
                "the clean-up of a try_finally did not run to its end: there is no event loop to run it",
            )
            .with_source(self.location);
            match &self.handle {
                Some(handle) => handle.call_exception_handler(&told),
                None => services::report(None, &told),
            }
        }
    }
}

/// Runs `body` with a resource, and then `clean_up`, whatever happens; Python's `try: ... finally`.
///
/// The clean-up runs exactly once, to its end: after a value, an error, a panic or a cancellation of the body, and also when
/// the future is dropped half-way: then it goes on in a task of its own, which the loop waits for when it closes. A
/// cancellation goes on after it. It owns the resource; `body` borrows it.
///
/// ```
/// struct Connection;
/// impl Connection {
///     async fn query(&mut self) -> u32 { 7 }
///     async fn close(self) { println!("closed"); }
/// }
///
/// heist::run(async {
///     let answer = heist::try_finally(Connection, async |c| c.query().await, |c| c.close()).await;
///     assert_eq!(answer, 7);
/// });
/// ```
///
/// # Panics
///
/// With the panic of `body`, once the clean-up has begun in a task of its own.
///
/// # Cancel safety
///
/// A future that is dropped before its first poll drops the resource, and no clean-up runs: nothing was begun. Dropped
/// outside of any loop, or after its loop was closed, the clean-up is reported and dropped.
#[track_caller]
pub fn try_finally<R, T, B, C, Fut>(resource: R, body: B, clean_up: C) -> impl Future<Output = T>
where
    B: AsyncFnOnce(&mut R) -> T,
    C: FnOnce(R) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let location = Location::caller();
    async move {
        let mut finally =
            Finally { stage: Stage::Body(resource, clean_up), handle: Handle::current(), location };
        let ended = Scope::new(body(finally.resource())).await;
        // A request that comes now drops this future, and the clean-up goes on in a task of its own.
        finally.clean().await;
        match ended {
            Ok(value) => value,
            Err(error) => error.resume().await,
        }
    }
}
