//! An event loop as pyo3-async-runtimes wants it: [`Runtime`].

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic;

use crate::{ContextVar, Handle, Task, TaskError};

/// Which of Python's loops, and which of its contexts, the current task came from: inherited by what it starts.
static LOCALS: ContextVar<TaskLocals> = ContextVar::new("python");

/// The loop, for the functions of `pyo3_async_runtimes::generic` that the [module](super) has none of its own for. They drop
/// where those cancel.
///
/// ```no_run
/// # use pyo3::prelude::*;
/// # fn example(py: Python<'_>) -> PyResult<()> {
/// let event_loop = pyo3_async_runtimes::generic::get_current_loop::<heist::pyo3::Runtime>(py)?;
/// println!("{event_loop:?}");
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Its functions panic when no loop runs here and none can be started, which [`event_loop`](super::event_loop) tells of before.
#[derive(Debug, Clone, Copy)]
pub struct Runtime;

fn handle() -> Handle {
    super::event_loop().expect("an event loop can be started")
}

impl generic::Runtime for Runtime {
    type JoinError = JoinError;
    type JoinHandle = Joining;

    fn spawn<F>(future: F) -> Joining
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Joining::new(handle().create_task(future))
    }

    fn spawn_blocking<F>(closure: F) -> Joining
    where
        F: FnOnce() + Send + 'static,
    {
        Joining::new(handle().to_thread(closure))
    }
}

impl generic::ContextExt for Runtime {
    fn scope<F, R>(locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        let context = crate::copy_context();
        context.run(|| LOCALS.set(locals));
        Box::pin(async move { context.scope(future).await })
    }

    fn get_task_locals() -> Option<TaskLocals> {
        LOCALS.get()
    }
}

pin_project! {
    /// The end of something that was started; ready with how it ended. Dropping it lets it run on.
    ///
    /// ```no_run
    /// # async fn example() {
    /// use pyo3_async_runtimes::generic::Runtime;
    ///
    /// heist::pyo3::Runtime::spawn(async { println!("hello") }).await.unwrap();
    /// # }
    /// ```
    pub struct Joining {
        #[pin]
        task: <Task<()> as IntoFuture>::IntoFuture,
    }
}

impl Joining {
    fn new(task: Task<()>) -> Self {
        Self { task: task.into_future() }
    }
}

impl Future for Joining {
    type Output = Result<(), JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().task.poll(cx).map_err(JoinError)
    }
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").finish_non_exhaustive()
    }
}

/// How something ended that gave nothing: by a panic, or cancelled.
///
/// ```no_run
/// # async fn example() {
/// use pyo3_async_runtimes::generic::{JoinError, Runtime};
///
/// let error = heist::pyo3::Runtime::spawn(async { panic!("as it is asked to") }).await.unwrap_err();
/// assert!(error.is_panic());
/// # }
/// ```
#[derive(Debug)]
pub struct JoinError(TaskError);

impl generic::JoinError for JoinError {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }

    fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.0.into_panic().unwrap_or_else(|error| Box::new(error.to_string()))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JoinError {}
