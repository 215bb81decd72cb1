//! What functions like `wait_for` take: a future, or a task.

use std::future::{Future, IntoFuture};

/// Something to await: a future, which runs only while it is awaited, or a task, which runs by itself.
///
/// Every future is one. A type that stands for something that runs by itself is no future but makes one, and says here how
/// far it is.
///
/// ```
/// # use heist_core as heist;
/// use heist::Awaitable;
///
/// let future = async { 1 };
/// assert!(future.is_bare() && !future.is_done());
/// ```
pub trait Awaitable: IntoFuture {
    /// Whether it has ended: then awaiting it gives its value at once.
    fn is_done(&self) -> bool;

    /// Whether it is a plain future, of which nothing has run before it is polled.
    fn is_bare(&self) -> bool;
}

impl<F: Future> Awaitable for F {
    fn is_done(&self) -> bool {
        false
    }

    fn is_bare(&self) -> bool {
        true
    }
}
