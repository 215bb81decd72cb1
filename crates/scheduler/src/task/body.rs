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
///
/// ```
/// # use heist_scheduler::{Body, Config, Handle, LocalScheduler, TaskError};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// use std::{pin::Pin, task::{Context, Poll}};
///
/// struct Refuses;
///
/// impl Body for Refuses {
///     type Output = ();
///     type Watch = ();
///
///     fn poll_body(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
///         Poll::Ready(Err(TaskError::refused("not today")))
///     }
///
///     fn watch(&mut self) {}
/// }
///
/// let task = handle.create_body(Refuses, Default::default(), std::panic::Location::caller());
/// assert_eq!(task.await.unwrap_err().to_string(), "not today");
/// # }).unwrap();
/// ```
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
///
/// ```
/// use heist_scheduler::task::{Label, NamesTask, Watch, Watcher};
///
/// fn costs<W: Watch>() -> usize {
///     size_of::<W>()
/// }
///
/// assert_eq!(costs::<()>(), 0);
/// assert!(costs::<Watcher>() > 0);
/// ```
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
///
/// ```
/// use heist_scheduler::task::NamesTask;
///
/// struct Worker(u32);
///
/// impl NamesTask for Worker {
///     fn task_name(&self) -> Option<std::sync::Arc<str>> {
///         Some(format!("worker {}", self.0).into())
///     }
/// }
///
/// assert_eq!(Worker(3).task_name().as_deref(), Some("worker 3"));
/// ```
pub trait NamesTask: Send + Sync {
    /// The name; where there is none, the task has the usual one.
    fn task_name(&self) -> Option<Arc<str>>;
}

/// Has a task named by what it keeps, as long as nobody gives it another name. Lives as long as the task's cell.
///
/// ```
/// # use heist_scheduler::{Body, Config, Handle, LocalScheduler, TaskError};
/// # use std::sync::Arc;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// use heist_scheduler::task::{Label, NamesTask};
/// use std::{pin::Pin, sync::Arc, task::{Context, Poll}};
///
/// struct Named;
///
/// impl NamesTask for Named {
///     fn task_name(&self) -> Option<Arc<str>> {
///         Some("reader".into())
///     }
/// }
///
/// impl Body for Named {
///     type Output = ();
///     type Watch = Label<Named>;
///     # fn poll_body(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> { Poll::Ready(Ok(())) }
///
///     fn watch(&mut self) -> Label<Named> {
///         Label(Named)
///     }
/// }
///
/// let task = handle.create_body(Named, Default::default(), std::panic::Location::caller());
/// assert_eq!(&*task.name(), "reader");
/// # }).unwrap();
/// ```
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
///
/// ```
/// # use heist_scheduler::{Body, Config, Handle, LocalScheduler, TaskError};
/// # use std::sync::Arc;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// use heist_scheduler::task::{Watcher, Watching};
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// # use std::{pin::Pin, task::{Context, Poll}};
///
/// #[derive(Default)]
/// struct Last(AtomicUsize);
///
/// impl Watching for Last {
///     fn ended(&self, key: usize) {
///         self.0.store(key, Relaxed);
///     }
/// }
///
/// struct Watched(Arc<Last>);
///
/// impl Body for Watched {
///     type Output = ();
///     type Watch = Watcher;
///     # fn poll_body(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> { Poll::Ready(Ok(())) }
///
///     fn watch(&mut self) -> Watcher {
///         Watcher::new(self.0.clone(), 7)
///     }
/// }
///
/// let last = Arc::new(Last::default());
/// handle.create_body(Watched(last.clone()), Default::default(), std::panic::Location::caller()).await.unwrap();
/// assert_eq!(last.0.load(Relaxed), 7);
/// # }).unwrap();
/// ```
pub trait Watching: Send + Sync {
    /// The task with that key has ended: it is [`done`](super::Task::done), its value can be read, its future is gone. Called
    /// once for each task, on the thread where it ended.
    fn ended(&self, key: usize);
}

/// Has somebody told of the end of a task.
///
/// ```
/// use heist_scheduler::task::{Watcher, Watching};
///
/// struct Prints;
///
/// impl Watching for Prints {
///     fn ended(&self, key: usize) {
///         println!("task {key} has ended");
///     }
/// }
///
/// let watcher = Watcher::new(std::sync::Arc::new(Prints), 7);
/// assert_eq!(format!("{watcher:?}"), "Watcher { key: 7, .. }");
/// ```
pub struct Watcher {
    target: Option<Arc<dyn Watching>>,
    key: usize,
}

impl Watcher {
    /// Tells `target`, with this key.
    ///
    /// ```
    /// # use heist_scheduler::task::{Watcher, Watching};
    /// # struct Prints;
    /// # impl Watching for Prints {
    /// #     fn ended(&self, _key: usize) {}
    /// # }
    /// let watcher = Watcher::new(std::sync::Arc::new(Prints), 7); // one who prints what has ended
    /// assert_eq!(format!("{watcher:?}"), "Watcher { key: 7, .. }");
    /// ```
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
