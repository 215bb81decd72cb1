//! What a task runs: a future, or a [`Body`] that knows how a task fails.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::TaskError;

/// What a task runs. Every future is one, whose task fails by a panic or a cancellation alone.
///
/// Others are for those who create tasks on behalf of somebody (task groups): they say for themselves that the task failed,
/// and may have a [`Watcher`].
pub trait Body {
    /// The value of the task.
    type Output;
    /// What the cell keeps beside the future: a [`Watcher`], who is told of the end; a [`Label`], which says the name; or
    /// `()`, which costs nothing.
    type Watch: Watch;

    /// Goes on; `Err` ends the task without a value.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Output, TaskError>>;

    /// What is to be kept beside the future. Asked once, when the task is made.
    fn watch(&mut self) -> Self::Watch;

    /// The name of the type of what runs, which for an async function says which.
    fn type_name() -> &'static str {
        std::any::type_name::<Self>()
    }
}

impl<F: Future> Body for F {
    type Output = F::Output;
    type Watch = ();

    #[inline]
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, TaskError>> {
        self.poll(cx).map(Ok)
    }

    #[inline]
    fn watch(&mut self) {}
}

/// What [`Body::Watch`] may be.
pub trait Watch: sealed::Sealed {
    #[doc(hidden)]
    const ANY: bool;

    #[doc(hidden)]
    const NAMES: bool = false;

    #[doc(hidden)]
    fn watcher(&mut self) -> Option<Watcher> {
        None
    }

    #[doc(hidden)]
    fn name(&self) -> Option<Arc<str>> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::Watcher {}
    impl<N> Sealed for super::Label<N> {}
}

impl Watch for () {
    const ANY: bool = false;
}

impl Watch for Watcher {
    const ANY: bool = true;

    fn watcher(&mut self) -> Option<Watcher> {
        self.target.take().map(|target| Self { target: Some(target), key: self.key })
    }
}

/// Says what a task is called, for those who ask: most names are never asked for, and need not be made.
pub trait NamesTask: Send + Sync {
    /// The name; where there is none, the task has the usual one.
    fn task_name(&self) -> Option<Arc<str>>;
}

/// Has a task named by what it keeps, as long as nobody gives it another name. Lives as long as the task's cell.
#[derive(Debug)]
pub struct Label<N>(pub N);

impl<N: NamesTask> Watch for Label<N> {
    const ANY: bool = false;
    const NAMES: bool = true;

    fn name(&self) -> Option<Arc<str>> {
        self.0.task_name()
    }
}

/// Who is told when tasks end.
pub trait Watching: Send + Sync {
    /// The task with that key has ended: it is [`done`](super::Task::done), its value can be read, its future is gone. Called
    /// once for each task, on the thread where it ended.
    fn ended(&self, key: usize);
}

/// Has somebody told of the end of a task.
pub struct Watcher {
    target: Option<Arc<dyn Watching>>,
    key: usize,
}

impl Watcher {
    /// Tells `target`, with this key.
    pub fn new(target: Arc<dyn Watching>, key: usize) -> Self {
        Self { target: Some(target), key }
    }

    pub(super) fn tell(self) {
        if let Some(target) = self.target {
            target.ended(self.key);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("key", &self.key).finish_non_exhaustive()
    }
}
