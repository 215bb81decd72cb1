//! [`TaskBuilder`]: what is chosen about a task before it starts.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::vars::Context;

use super::Task;
use super::body::Body;
use super::header::Kind;
use crate::scheduler::{no_loop, with_worker};
use crate::worker::{Worker, fail_unqueued};

/// Begins to make a task of a future: asyncio's `create_task` with its keyword arguments.
///
/// ```
/// # use heist_scheduler as heist;
/// # use heist_core::{Clock, driver::NoDriver};
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
/// # scheduler.block_on(async {
/// let task = heist::task(async { 1 }).name("first").eager(true).spawn();
/// assert!(task.done(), "it had nothing to wait for");
/// assert_eq!(&*task.name(), "first");
/// # }).unwrap();
/// ```
pub fn task<F: Future>(future: F) -> TaskBuilder<F> {
    TaskBuilder { future, options: TaskOptions::default() }
}

/// What can be chosen about a task; what a task factory is shown and may change.
///
/// ```
/// # use heist_scheduler::TaskOptions;
/// let mut options = TaskOptions::default();
/// options.name = Some("reader".into());
/// options.eager = Some(true);
/// assert!(options.context.is_none(), "a copy of the creator's");
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TaskOptions {
    /// The name; `Task-` and the id where there is none.
    pub name: Option<Arc<str>>,
    /// The context variables; a copy of the creator's where there are none.
    pub context: Option<Context>,
    /// Whether the task runs at its creation until it first suspends; the loop's choice where there is none.
    pub eager: Option<bool>,
}

impl TaskOptions {
    /// Whether nothing was chosen.
    pub(crate) fn is_default(&self) -> bool {
        self.name.is_none() && self.context.is_none() && self.eager.is_none()
    }
}

impl fmt::Debug for TaskOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskOptions")
            .field("name", &self.name)
            .field("eager", &self.eager)
            .finish_non_exhaustive()
    }
}

/// A hook that sees every task of a loop before it is made; asyncio's task factory.
///
/// ```
/// # use heist_scheduler::{Config, Handle, LocalScheduler, TaskFactory, TaskOptions, spawn as create_task};
/// # use std::sync::Arc;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// let factory: TaskFactory = Arc::new(|options: &mut TaskOptions| options.name = Some("made here".into()));
/// handle.set_task_factory(Some(factory));
/// assert_eq!(&*create_task(async {}).name(), "made here");
/// # }).unwrap();
/// ```
pub type TaskFactory = Arc<dyn Fn(&mut TaskOptions) + Send + Sync>;

/// A task that is not made yet; see [`task`].
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, TaskBuilder, task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let builder: TaskBuilder<_> = task(async { 7 }).name("seven");
/// assert_eq!(builder.spawn().await.unwrap(), 7);
/// # }).unwrap();
/// ```
#[must_use = "a task is made by `spawn`"]
pub struct TaskBuilder<F> {
    future: F,
    options: TaskOptions,
}

impl<F> fmt::Debug for TaskBuilder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<F: Future> TaskBuilder<F> {
    /// Gives the task a name.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = task(async {}).name("reader").spawn();
    /// assert_eq!(&*task.name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Has the task run in these context variables themselves, not in a copy: what it sets, others who use them see.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, task};
    /// # use heist_core::vars::{ContextVar, copy_context};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let context = copy_context();
    /// let task = task(async { drop(USER.set("ada")) }).context(&context).spawn();
    /// task.await.unwrap();
    /// assert_eq!(context.get(&USER), Some("ada"));
    /// # }).unwrap();
    /// ```
    pub fn context(mut self, context: &Context) -> Self {
        self.options.context = Some(context.clone());
        self
    }

    /// Has the task run at its creation, on this thread, until it first suspends. One that never does has ended when
    /// [`spawn`](Self::spawn) returns.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = task(async { 7 }).eager(true).spawn();
    /// assert_eq!(*task.result().unwrap(), 7); // with no await between
    /// # }).unwrap();
    /// ```
    pub fn eager(mut self, eager: bool) -> Self {
        self.options.eager = Some(eager);
        self
    }

    /// Creates the task on the running loop.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = task(async { 7 }).spawn();
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a running loop.
    #[track_caller]
    pub fn spawn(self) -> Task<F::Output>
    where
        F: Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        match with_worker(|worker| spawn_with(worker, self.future, location, self.options)) {
            Some(task) => task,
            None => no_loop("task(..).spawn"),
        }
    }

    /// Creates the task of a future that is not Send on the running current-thread loop.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::rc::Rc;
    ///
    /// let count = Rc::new(7);
    /// let task = task(async move { *count }).spawn_local();
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a running current-thread loop.
    #[track_caller]
    pub fn spawn_local(self) -> Task<F::Output>
    where
        F: 'static,
    {
        let location = Location::caller();
        let task = with_worker(|worker| {
            assert!(worker.shared().local, "spawn_local needs a current-thread loop");
            spawn_with(worker, self.future, location, self.options)
        });
        match task {
            Some(task) => task,
            None => no_loop("task(..).spawn_local"),
        }
    }
}

/// What a loop does with every task that is made.
#[derive(Default)]
pub(crate) struct TaskDefaults {
    eager: bool,
    /// Bookkeeping for the quick look: whether anything of this differs from the default.
    special: AtomicBool,
    factory: Mutex<Option<TaskFactory>>,
}

impl fmt::Debug for TaskDefaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefaults").field("eager", &self.eager).finish_non_exhaustive()
    }
}

impl TaskDefaults {
    pub(crate) fn new(eager: bool) -> Self {
        Self { eager, special: AtomicBool::new(eager), factory: Mutex::new(None) }
    }

    #[inline]
    pub(crate) fn are_special(&self) -> bool {
        self.special.load(Ordering::Relaxed)
    }

    /// Sets the factory; `None` for none.
    pub(crate) fn set_factory(&self, factory: Option<TaskFactory>) {
        let mut slot = self.factory.lock();
        self.special.store(self.eager || factory.is_some(), Ordering::Relaxed);
        let before = std::mem::replace(&mut *slot, factory);
        drop(slot);
        drop(before);
    }

    pub(crate) fn factory(&self) -> Option<TaskFactory> {
        self.factory.lock().clone()
    }

    /// Shows the factory what is about to be made; gives what it panicked with.
    #[inline]
    pub(crate) fn apply(&self, options: &mut TaskOptions) -> Option<Box<dyn Any + Send>> {
        if self.are_special() { self.apply_factory(options) } else { None }
    }

    #[cold]
    fn apply_factory(&self, options: &mut TaskOptions) -> Option<Box<dyn Any + Send>> {
        let given = options.name.clone();
        let failed =
            self.factory().and_then(|factory| catch_unwind(AssertUnwindSafe(|| factory(options))).err());
        // A factory that ignores names does not take them away.
        options.name = options.name.take().or(given);
        failed
    }
}

/// Creates a task with options, by way of the loop's factory. The future must be Send unless the loop is local.
#[cold]
#[inline(never)]
pub(crate) fn spawn_with<F: Body + 'static>(
    worker: &Worker,
    future: F,
    location: &'static Location<'static>,
    mut options: TaskOptions,
) -> Task<F::Output> {
    let defaults = &worker.shared().task_defaults;
    let failed = defaults.apply(&mut options);
    let task = worker.make_task(Kind::Task, future, location, options.context);
    if let Some(name) = options.name {
        task.set_name(name);
    }
    crate::trace::task_created(task.raw());
    match failed {
        Some(payload) => fail_unqueued(task.raw(), payload),
        None if options.eager.unwrap_or(defaults.eager) => worker.start_eagerly(task.raw()),
        None => worker.queue_new(Kind::Task, task.raw()),
    }
    task
}
