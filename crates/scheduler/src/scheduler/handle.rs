//! [`Handle`]: what any thread may have of a loop.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use heist_core::Clock;
use heist_core::vars::{self, Captured};

use super::spawn::with_worker;
use crate::blocking_future;
use crate::shared::{CLOSED, Shared};
use crate::task::{Body, Kind, Task, TaskFactory, TaskOptions, spawn_with};
use crate::worker::{create_foreign, create_foreign_with};

/// The part of a scheduler that any thread may have: to create tasks, to look at them.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Handle};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let handle = Handle::current().expect("inside a loop");
/// let thread = std::thread::spawn(move || handle.create_task(async { 42 }));
/// assert_eq!(thread.join().unwrap().await.unwrap(), 42);
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.shared).finish()
    }
}

impl Handle {
    /// The handle of the loop that this thread is running.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// assert!(Handle::current().is_some());
    /// let elsewhere = std::thread::spawn(|| Handle::current().is_some());
    /// assert!(!elsewhere.join().unwrap());
    /// # }).unwrap();
    /// ```
    pub fn current() -> Option<Self> {
        with_worker(|worker| Self { shared: worker.shared().clone() })
    }

    /// The handle of the loop with this shared block.
    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone() }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Creates a task. From a thread of the loop this is [`spawn`](crate::spawn); from another it goes through the injector. On a
    /// loop that is closing or closed the future is dropped, and the task ends cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let task = handle.create_task(async { 42 });
    /// assert_eq!(task.await.unwrap(), 42);
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn create_task<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.create(future, Location::caller(), None)
    }

    /// As [`create_task`](Self::create_task), in the very context that is given instead of a copy of the current one:
    /// what the task sets there, all others that have it see. asyncio: `create_task(..., context=context)`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # use heist_core::vars::{ContextVar, copy_context};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let context = copy_context();
    /// handle.create_task_in(&context, async { drop(USER.set("ada")) }).await.unwrap();
    /// assert_eq!(context.get(&USER), Some("ada"));
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn create_task_in<F>(&self, context: &vars::Context, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.create(future, Location::caller(), Some(context.clone()))
    }

    /// Creates a task for a [`Body`], with options. It is eager only where this thread runs the loop.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, TaskOptions};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let mut options = TaskOptions::default();
    /// options.name = Some("reader".into());
    /// let task = handle.create_body(async { 42 }, options, std::panic::Location::caller());
    /// assert_eq!(&*task.name(), "reader");
    /// assert_eq!(task.await.unwrap(), 42);
    /// # }).unwrap();
    /// ```
    pub fn create_body<B>(
        &self,
        body: B,
        options: TaskOptions,
        location: &'static Location<'static>,
    ) -> Task<B::Output>
    where
        B: Body + Send + 'static,
        B::Output: Send + 'static,
    {
        if options.is_default() {
            return self.create(body, location, None);
        }
        let mut given = Some((body, options));
        let here = with_worker(|worker| {
            let same = Arc::ptr_eq(worker.shared(), &self.shared);
            let (body, options) = same.then(|| given.take()).flatten()?;
            Some(spawn_with(worker, body, location, options))
        });
        match (here.flatten(), given) {
            (Some(task), _) => task,
            (None, Some((body, options))) => {
                create_foreign_with(&self.shared, Kind::Task, body, location, options)
            }
            (None, None) => unreachable!("the body is taken only to make a task of it"),
        }
    }

    fn create<F>(
        &self,
        future: F,
        location: &'static Location<'static>,
        vars: Option<vars::Context>,
    ) -> Task<F::Output>
    where
        F: Body + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut given = Some((future, vars));
        let here = with_worker(|worker| {
            let same = Arc::ptr_eq(worker.shared(), &self.shared);
            let taken = same.then(|| given.take()).flatten();
            taken.map(|(future, vars)| worker.spawn_in(Kind::Task, future, location, vars))
        });
        match (here.flatten(), given) {
            (Some(task), _) => task,
            (None, Some((future, vars))) => {
                let options = TaskOptions { context: vars, ..TaskOptions::default() };
                create_foreign_with(&self.shared, Kind::Task, future, location, options)
            }
            (None, None) => unreachable!("the future is taken only to make a task of it"),
        }
    }

    /// Sets the hook that sees every task of the loop before it is made; `None` takes it away. asyncio:
    /// `loop.set_task_factory`.
    ///
    /// A factory that panics makes the task end with that panic, before it has begun.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, spawn as create_task};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// handle.set_task_factory(Some(Arc::new(|options| options.eager = Some(true))));
    /// assert!(create_task(async {}).done());
    /// handle.set_task_factory(None);
    /// assert!(!create_task(async {}).done());
    /// # }).unwrap();
    /// ```
    pub fn set_task_factory(&self, factory: Option<TaskFactory>) {
        self.shared.task_defaults.set_factory(factory);
    }

    /// The hook that [`set_task_factory`](Self::set_task_factory) has set.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(handle.get_task_factory().is_none());
    /// handle.set_task_factory(Some(Arc::new(|options| options.eager = Some(true))));
    /// assert!(handle.get_task_factory().is_some());
    /// ```
    pub fn get_task_factory(&self) -> Option<TaskFactory> {
        self.shared.task_defaults.factory()
    }

    /// Has the end of a clean-up run as a task that a closing loop accepts, does not cancel, and waits for.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let clean_up = Box::pin(async move { sender.send(7).unwrap() });
    /// handle.create_cleanup(clean_up, std::panic::Location::caller()).ok().expect("the loop is open");
    /// yield_now().await;
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The clean-up itself, when the loop is closed.
    pub fn create_cleanup(
        &self,
        clean_up: Pin<Box<dyn Future<Output = ()> + Send>>,
        location: &'static Location<'static>,
    ) -> Result<(), Pin<Box<dyn Future<Output = ()> + Send>>> {
        if self.shared.phase() == CLOSED {
            return Err(clean_up);
        }
        let mut clean_up = Some(clean_up);
        let here = with_worker(|worker| {
            let same = Arc::ptr_eq(worker.shared(), &self.shared);
            let clean_up = same.then(|| clean_up.take()).flatten()?;
            Some(worker.spawn_in(Kind::Cleanup, clean_up, location, None))
        });
        let task = match (here.flatten(), clean_up) {
            (Some(task), _) => task,
            (None, Some(clean_up)) => create_foreign(&self.shared, Kind::Cleanup, clean_up, location),
            (None, None) => unreachable!("the clean-up is taken only to make a task of it"),
        };
        task.set_name(format!("clean-up of {location}"));
        Ok(())
    }

    /// Runs a closure on a thread of the blocking pool, in a copy of the current context variables; asyncio's `to_thread`.
    ///
    /// The closure is not interrupted once it has begun: cancelling the task before that keeps it from beginning.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let this = std::thread::current().id();
    /// let other = handle.to_thread(|| std::thread::current().id()).await.unwrap();
    /// assert_ne!(this, other);
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn to_thread<F, R>(&self, closure: F) -> Task<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let captured = Captured::current();
        let job = blocking_future::once(move || captured.run(closure));
        create_foreign(&self.shared, Kind::Blocking, job, Location::caller())
    }

    /// The I/O half of the loop's driver, for the crate that made it to downcast; `None` where the loop has no I/O.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(handle.io().is_none(), "this loop's driver has no I/O");
    /// ```
    pub fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.shared.driver.io()
    }

    /// The loop's clock.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(handle.clock().is_virtual());
    /// assert_eq!(handle.clock().now(), 0);
    /// ```
    pub fn clock(&self) -> &Arc<Clock> {
        &self.shared.clock
    }

    /// The loop's time: since it was made, monotonic. asyncio: `loop.time`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert_eq!(handle.time(), Duration::ZERO);
    /// handle.clock().advance_to(3_000_000_000);
    /// assert_eq!(handle.time(), Duration::from_secs(3));
    /// ```
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.now())
    }

    /// How many workers run tasks, apart from spare ones.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert_eq!(handle.workers(), 1);
    /// ```
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Whether the loop is closed.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(!handle.is_closed());
    /// scheduler.close(Duration::from_secs(1), Duration::from_secs(1)).unwrap();
    /// assert!(handle.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.phase() == CLOSED
    }

    /// Whether two handles are of one loop.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let again = scheduler.handle();
    /// assert!(handle.same_loop(&again));
    /// ```
    pub fn same_loop(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}
