//! [`task_group`]: tasks that belong together; asyncio's `TaskGroup`.
//!
//! The **group** is what its future, its handles and its tasks share ([`state`]); its **body** is the closure, run by the
//! group's future ([`run`]); its **tasks** are its children, each in a cell of its own with a [`member`] that reports a
//! failure. A group ends when its body and all of its tasks have.
//!
//! The **early end** begins with the first failure, with a cancellation from outside, or with [`TaskGroup::cancel`]. From
//! then on the group takes no task. A task that fails wakes the group's future, which, when it is polled, cancels the other
//! tasks, and its body: by a request of the body's own scope, that goes no farther. A task that is being made meanwhile is
//! cancelled by the one who makes it.
//!
//! A task's end is counted by its cell's watcher, after the task is done: so one who goes on after the group finds every
//! task of it done.
//!
//! A task costs, beside itself: no allocation of its own, three short critical sections of the group's lock (two by the
//! maker, one at the end), and three counted references to the group and the task.

mod member;
mod run;
mod state;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::vars;
use heist_scheduler::{Handle, Task, TaskOptions};
use pin_project_lite::pin_project;

use crate::group_error::GroupError;
use member::{Member, Refused};
use run::Run;
use state::{Closed, Group};

/// Runs `body` with a [`TaskGroup`] to create tasks in, and ends when the body and all of these tasks have ended. asyncio:
/// `async with TaskGroup() as group`.
///
/// The first task that fails (with an `Err`, or by a panic) has all others cancelled, and the body too; so has an error of the
/// body. All are waited for, with their clean-up, and all errors are in the [`GroupError`]. A task that is cancelled has not
/// failed. The body may borrow from what is around; the tasks are `Send + 'static`.
///
/// ```
/// use std::io;
///
/// async fn size(path: &'static str) -> io::Result<usize> {
///     Ok(path.len())
/// }
///
/// heist::run(async {
///     let sum = heist::task_group(async |group| {
///         let first = group.create_task(size("one"));
///         let second = group.create_task(size("three"));
///         Ok(first.await.map_err(io::Error::other)? + second.await.map_err(io::Error::other)?)
///     });
///     assert_eq!(sum.await.unwrap(), 8);
/// });
/// ```
///
/// # Errors
///
/// [`GroupError`] with every failure. A cancellation from outside is passed on once all have ended; but where something
/// failed as well, the errors come first, and the cancellation at the next suspension after the group.
///
/// # Panics
///
/// The future panics outside of an event loop; and with the panic of `body`, once all tasks have ended.
///
/// # Cancel safety
///
/// Where the future is dropped, its tasks are cancelled, and end by themselves: the loop waits for them when it closes. What
/// then fails is reported to the loop's exception handler.
pub fn task_group<B, F, T, E>(body: B) -> impl Future<Output = Result<T, GroupError<E>>>
where
    // Not `AsyncFnOnce`: its future is known by the closure and the group together, which the compiler cannot prove Send for
    // an `E` with a lifetime, and be it `'static` as in `Box<dyn Error>`. Async closures are this too.
    B: FnOnce(TaskGroup<E>) -> F,
    F: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    let group = Arc::new(Group::new());
    let body = body(TaskGroup { group: group.clone() });
    Run::new(body, group)
}

/// A handle to a [`task_group`]; asyncio's `TaskGroup`. Clones are of one group; the tasks of the group, or any thread, may have
/// one and add tasks, as long as the body or some task of the group is alive.
///
/// ```
/// heist::run(async {
///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
///         for n in 0..3 {
///             let group_of_the_child = group.clone();
///             drop(group.create_task(async move {
///                 drop(group_of_the_child.create_task(async move { Ok(n) }));
///                 Ok(())
///             }));
///         }
///         Ok(())
///     })
///     .await;
///     assert!(ended.is_ok());
/// });
/// ```
pub struct TaskGroup<E> {
    group: Arc<Group<E>>,
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        Self { group: self.group.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tasks, errors, state) = self.group.describe();
        f.debug_struct("TaskGroup")
            .field("tasks", &tasks)
            .field("errors", &errors)
            .field("state", &format_args!("{state}"))
            .finish()
    }
}

impl<E: Send + 'static> TaskGroup<E> {
    /// Creates a task in the group. An `Err` of its future goes to the group; the task's own value is then a
    /// [`TaskError`](crate::TaskError) that says so. asyncio: `TaskGroup.create_task`.
    ///
    /// A group that is shutting down or has finished takes no task: the future is dropped, and the value of the task is an
    /// error that says so. [`try_create_task`](Self::try_create_task) gives the future back.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.create_task(async { Ok(42) });
    ///         Ok(task.await.unwrap())
    ///     })
    ///     .await;
    ///     assert_eq!(ended.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    pub fn create_task<F, T>(&self, future: F) -> Task<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.task(future).spawn()
    }

    /// As [`create_task`](Self::create_task), for a future that cannot fail but by a panic.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.create_infallible_task(async { 42 });
    ///         Ok(task.await.unwrap())
    ///     })
    ///     .await;
    ///     assert_eq!(ended.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    pub fn create_infallible_task<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.task(Infallible { future, _error: std::marker::PhantomData }).spawn()
    }

    /// As [`create_task`](Self::create_task), where a refusal matters.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         group.cancel();
    ///         assert!(group.try_create_task(async { Ok(42) }).is_err());
    ///         Ok(())
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`TaskGroupClosed`], with the future, when the group is shutting down or has finished.
    #[track_caller]
    pub fn try_create_task<F, T>(&self, future: F) -> Result<Task<T>, TaskGroupClosed<F>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.task(future).try_spawn()
    }

    /// A task with more to say about it before it starts: its name, its context, whether it is eager. asyncio: `create_task(..., name=...,
    /// context=...)`.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.task(async { Ok(heist::current_task().unwrap().name()) }).name("child").spawn();
    ///         Ok(task.await.unwrap())
    ///     })
    ///     .await;
    ///     assert_eq!(&*ended.unwrap(), "child");
    /// });
    /// ```
    #[track_caller]
    pub fn task<F>(&self, future: F) -> GroupTask<F, E> {
        let options = TaskOptions::default();
        GroupTask { group: self.clone(), future, options, location: Location::caller() }
    }

    /// Lets at most `limit` tasks run at once, of those created from now on; the others begin in the order of their creation,
    /// as soon as one of them has ended. 0 stands for 1, `usize::MAX` for no limit.
    ///
    /// ```
    /// heist::run(async {
    ///     let done = heist::task_group(async |group: heist::TaskGroup<()>| {
    ///         let group = group.limit(2);
    ///         for _ in 0..10 {
    ///             drop(group.create_infallible_task(heist::yield_now()));
    ///         }
    ///         Ok(())
    ///     });
    ///     done.await.unwrap();
    /// });
    /// ```
    #[must_use = "this is the same group: `let group = group.limit(n);`"]
    pub fn limit(self, limit: usize) -> Self {
        self.group.set_limit(limit.max(1));
        self
    }

    /// Ends the group early: cancels its tasks, and its body at its next suspension. That is no failure: with no other error
    /// the group gives the value of its body, or, where that was interrupted, an error
    /// [without errors](GroupError::is_cancelled). Repeated, or after the end, it does nothing. asyncio: `TaskGroup.cancel`.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         drop(group.create_infallible_task(std::future::pending::<()>()));
    ///         group.cancel();
    ///         Ok("enough")
    ///     })
    ///     .await;
    ///     assert_eq!(ended.unwrap(), "enough");
    /// });
    /// ```
    pub fn cancel(&self) {
        self.group.cancel();
    }

    /// Makes the task of a place in the group.
    fn add<F, T>(&self, task: GroupTask<F, E>, key: usize, waits: bool) -> Task<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let GroupTask { future, options, location, .. } = task;
        let member = Member::new(future, waits, self.group.clone(), key);
        let task = self.handle().create_body(member, options, location);
        self.group.put(key, task.task_ref());
        task
    }

    fn handle(&self) -> &Handle {
        match self.group.handle() {
            Some(handle) => handle,
            None => unreachable!("the group's handle first exists in its body, which is polled in a loop"),
        }
    }
}

/// A task of a [`TaskGroup`] before it starts; made by [`TaskGroup::task`].
///
/// ```
/// heist::run(async {
///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
///         let asked: heist::GroupTask<_, String> = group.task(async { Ok(42) });
///         Ok(asked.name("child").spawn().await.unwrap())
///     })
///     .await;
///     assert_eq!(ended.unwrap(), 42);
/// });
/// ```
#[must_use = "a task starts with `spawn`"]
pub struct GroupTask<F, E> {
    group: TaskGroup<E>,
    future: F,
    options: TaskOptions,
    location: &'static Location<'static>,
}

impl<F, E> fmt::Debug for GroupTask<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupTask")
            .field("group", &self.group)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<F, E> GroupTask<F, E> {
    /// Gives the task a name.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.task(async { Ok(()) }).name("child").spawn();
    ///         Ok(task.task_ref().name())
    ///     })
    ///     .await;
    ///     assert_eq!(&*ended.unwrap(), "child");
    /// });
    /// ```
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Runs the task in this very context, instead of in a copy of the current one.
    ///
    /// ```
    /// static USER: heist::ContextVar<&str> = heist::ContextVar::new("user");
    ///
    /// heist::run(async {
    ///     let context = heist::copy_context();
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.task(async { USER.set("Ada"); Ok(()) }).context(&context).spawn();
    ///         Ok(task.await.unwrap())
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    ///     assert_eq!(context.run(|| USER.get()), Some("Ada"));
    /// });
    /// ```
    pub fn context(mut self, context: &vars::Context) -> Self {
        self.options.context = Some(context.clone());
        self
    }

    /// Has the task run at its creation, on this thread, until it first suspends; where the group has a
    /// [limit](TaskGroup::limit) and the task must wait for its turn, it does so first.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         let task = group.task(async { Ok(42) }).eager(true).spawn();
    ///         Ok(task.done())
    ///     })
    ///     .await;
    ///     assert!(ended.unwrap());
    /// });
    /// ```
    pub fn eager(mut self, eager: bool) -> Self {
        self.options.eager = Some(eager);
        self
    }
}

impl<F, T, E> GroupTask<F, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Starts the task, as [`TaskGroup::create_task`].
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         Ok(group.task(async { Ok(42) }).spawn().await.unwrap())
    ///     })
    ///     .await;
    ///     assert_eq!(ended.unwrap(), 42);
    /// });
    /// ```
    pub fn spawn(self) -> Task<T> {
        let (group, location) = (self.group.clone(), self.location);
        match self.try_spawn() {
            Ok(task) => task,
            Err(refused) => {
                drop(refused);
                group.handle().create_body(Refused::new(), TaskOptions::default(), location)
            }
        }
    }

    /// Starts the task, as [`TaskGroup::try_create_task`].
    ///
    /// # Errors
    ///
    /// [`TaskGroupClosed`], with the future, when the group is shutting down or has finished.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         group.cancel();
    ///         assert!(group.task(async { Ok(42) }).try_spawn().is_err());
    ///         Ok(())
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    /// });
    /// ```
    pub fn try_spawn(self) -> Result<Task<T>, TaskGroupClosed<F>> {
        let group = self.group.clone();
        match group.group.reserve() {
            Ok((key, waits)) => Ok(group.add(self, key, waits)),
            Err(closed) => Err(TaskGroupClosed { future: self.future, closed }),
        }
    }
}

/// A task group takes no more tasks; asyncio's `RuntimeError`. It has the future that was refused.
///
/// ```
/// heist::run(async {
///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
///         group.cancel();
///         let refused: heist::TaskGroupClosed<_> = group.try_create_task(async { Ok(42) }).unwrap_err();
///         println!("{refused}");
///         Ok(())
///     })
///     .await;
///     assert!(ended.is_ok());
/// });
/// ```
pub struct TaskGroupClosed<F> {
    future: F,
    closed: Closed,
}

impl<F> TaskGroupClosed<F> {
    /// The future, of which nothing has run.
    ///
    /// ```
    /// heist::run(async {
    ///     let ended: Result<_, heist::GroupError<String>> = heist::task_group(async |group| {
    ///         group.cancel();
    ///         let refused = group.try_create_task(async { Ok(42) }).unwrap_err();
    ///         refused.into_future().await
    ///     })
    ///     .await;
    ///     assert_eq!(ended.unwrap(), 42);
    /// });
    /// ```
    pub fn into_future(self) -> F {
        self.future
    }
}

impl<F> fmt::Display for TaskGroupClosed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.closed {
            Closed::ShuttingDown => {
                "the task group is shutting down, since a task failed or it was cancelled: add no more tasks"
            }
            Closed::Finished => {
                "the task group has finished: add tasks before its body and its other tasks end"
            }
        })
    }
}

impl<F> fmt::Debug for TaskGroupClosed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskGroupClosed").field(&self.closed).finish()
    }
}

impl<F> std::error::Error for TaskGroupClosed<F> {}

pin_project! {
    /// A future that cannot fail, as one that could.
    struct Infallible<F, E> {
        #[pin]
        future: F,
        _error: std::marker::PhantomData<fn() -> E>,
    }
}

impl<F: Future, E> Future for Infallible<F, E> {
    type Output = Result<F::Output, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(Ok)
    }
}
