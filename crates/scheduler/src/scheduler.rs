//! A scheduler: what is built, run and closed, and the handle that other threads have of it.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use heist_core::vars::{self, Captured};
use heist_core::{Clock, Driver, context};
use pin_project_lite::pin_project;

use crate::config::Config;
use crate::shared::{CLOSED, CLOSING, PAUSED, RUNNING, Shared};
use crate::task::state::{Access, LOCAL, NEW_DETACHED};
use crate::task::{
    Body, CancelledError, Kind, Raw, Task, TaskError, TaskFactory, TaskOptions, TaskRef, spawn_with,
};
use crate::worker::{Polled, Worker, create, create_foreign, create_foreign_in};
use crate::{blocking_future, trace, watchdog};

/// Why a run did not give a value.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// This thread is inside a running loop already; asyncio's `RuntimeError`.
    Nested {
        /// Where the loop that is running was started.
        running: &'static Location<'static>,
        /// Where the second run was asked for.
        refused: &'static Location<'static>,
    },
    /// Another thread runs this loop now.
    Busy,
    /// The loop is closed.
    Closed,
    /// The main future was cancelled by an [`Interrupter`](crate::Interrupter), and by nobody else.
    Interrupted,
    /// The main future was cancelled.
    Cancelled(CancelledError),
    /// A thread of the loop could not be started.
    Thread(std::io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Nested { running, refused } => write!(
                f,
                "run was called at {refused} inside an event loop that is running since {running}: \
                 await the future instead, or run it on another thread (to_thread)"
            ),
            RunError::Busy => f.write_str("the event loop is being run by another thread"),
            RunError::Closed => f.write_str("the event loop is closed: make a new one"),
            RunError::Interrupted => f.write_str("the run was interrupted by a signal"),
            RunError::Cancelled(error) => write!(f, "the main future was {error}"),
            RunError::Thread(error) => write!(f, "a thread of the event loop could not be started: {error}"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Cancelled(error) => Some(error),
            RunError::Thread(error) => Some(error),
            _ => None,
        }
    }
}

/// What was left when a loop was closed.
#[derive(Debug, Default)]
pub struct ShutdownReport {
    /// Tasks that had not ended when the limit passed. Those that were inside a poll still are; the others were dropped.
    pub tasks: Vec<TaskRef>,
    /// Threads of the blocking pool that were still running a closure.
    pub blocking_threads: usize,
    /// Worker threads that could not be joined, because of the tasks above.
    pub worker_threads: usize,
}

impl ShutdownReport {
    /// Whether everything ended.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.blocking_threads == 0 && self.worker_threads == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything ended");
        }
        write!(f, "still running after the shutdown limit: {} tasks", self.tasks.len())?;
        for task in &self.tasks {
            write!(f, "\n  {} (created at {})", task.name(), task.location())?;
        }
        write!(f, "\n  {} blocking closures, {} worker threads", self.blocking_threads, self.worker_threads)
    }
}

/// The part of a scheduler that any thread may have: to create tasks, to look at them.
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

    /// Creates a task. From a thread of the loop this is [`spawn`]; from another it goes through the injector. On a
    /// loop that is closing or closed the future is dropped, and the task ends cancelled.
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
    #[track_caller]
    pub fn create_task_in<F>(&self, context: &vars::Context, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.create(future, Location::caller(), Some(context.clone()))
    }

    /// Creates a task for a [`Body`], with options. It is eager only where this thread runs the loop.
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
                let TaskOptions { name, context, .. } = options;
                let task = create_foreign_in(&self.shared, Kind::Task, body, location, context);
                if let Some(name) = name {
                    task.set_name(name);
                }
                task
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
                create_foreign_in(&self.shared, Kind::Task, future, location, vars)
            }
            (None, None) => unreachable!("the future is taken only to make a task of it"),
        }
    }

    /// Sets the hook that sees every task of the loop before it is made; `None` takes it away. asyncio:
    /// `loop.set_task_factory`.
    ///
    /// A factory that panics makes the task end with that panic, before it has begun.
    pub fn set_task_factory(&self, factory: Option<TaskFactory>) {
        self.shared.task_defaults.set_factory(factory);
    }

    /// The hook that [`set_task_factory`](Self::set_task_factory) has set.
    pub fn get_task_factory(&self) -> Option<TaskFactory> {
        self.shared.task_defaults.factory()
    }

    /// Has the end of a clean-up run as a task that a closing loop accepts, does not cancel, and waits for.
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

    /// The loop's clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.shared.clock
    }

    /// The loop's time: since it was made, monotonic. asyncio: `loop.time`.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.now())
    }

    /// How many workers run tasks, apart from spare ones.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Whether the loop is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.phase() == CLOSED
    }

    /// Whether two handles are of one loop.
    pub fn same_loop(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// A loop whose workers steal work from one another.
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

impl Scheduler {
    /// Makes a scheduler. Threads are started by the first run.
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, false, clock, driver) }
    }

    /// The part that any thread may have.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// Runs the loop on this thread, as its worker 0, until `future` has ended. Other workers run beside it, and pause
    /// when it returns.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), Location::caller())
    }

    /// Cancels all tasks and drives them to their end, for at most `limit`; then ends all threads of the loop, waiting
    /// at most `blocking_limit` for closures on the blocking pool. A second call finds nothing to do.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] while a thread runs the loop, be it this one.
    #[track_caller]
    pub fn close(&self, limit: Duration, blocking_limit: Duration) -> Result<ShutdownReport, RunError> {
        close(&self.shared, limit, blocking_limit, Location::caller())
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        close_on_drop(&self.shared);
    }
}

/// A loop that runs everything on one thread, in the order in which it became ready, `!Send` futures among it.
#[derive(Debug)]
pub struct LocalScheduler {
    shared: Arc<Shared>,
    /// Not Send and not Sync: its tasks are touched with plain loads and stores.
    _here: PhantomData<*const ()>,
}

impl LocalScheduler {
    /// Makes a scheduler for the current thread.
    pub fn new(config: Config, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        Self { shared: Shared::make(config, true, clock, driver), _here: PhantomData }
    }

    /// The part that any thread may have.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// As [`Scheduler::block_on`].
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> Result<F::Output, RunError> {
        run(&self.shared, future.into_future(), Location::caller())
    }

    /// Creates a task outside of a run; it starts with the next one.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] inside a run of this loop: use [`spawn_local`] there. [`RunError::Closed`].
    #[track_caller]
    pub fn spawn_local<F: Future + 'static>(&self, future: F) -> Result<Task<F::Output>, RunError> {
        let location = Location::caller();
        let resting = Resting::take(&self.shared)?;
        let worker = resting.worker();
        // SAFETY: the guard ends with this function, before the worker is put back.
        let _entered = unsafe { worker.enter() };
        Ok(worker.spawn(future, location))
    }

    /// Calls `f` as if inside a run, without running anything: for looking at tasks between runs.
    ///
    /// # Errors
    ///
    /// [`RunError::Busy`] inside a run of this loop, [`RunError::Closed`].
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> Result<R, RunError> {
        let resting = Resting::take(&self.shared)?;
        // SAFETY: the guard ends with this function, before the worker is put back.
        let _entered = unsafe { resting.worker().enter() };
        Ok(f())
    }

    /// As [`Scheduler::close`].
    ///
    /// # Errors
    ///
    /// As [`Scheduler::close`].
    #[track_caller]
    pub fn close(&self, limit: Duration, blocking_limit: Duration) -> Result<ShutdownReport, RunError> {
        close(&self.shared, limit, blocking_limit, Location::caller())
    }
}

impl Drop for LocalScheduler {
    fn drop(&mut self) {
        close_on_drop(&self.shared);
    }
}

/// How long a scheduler that was not closed waits for its tasks when it is dropped.
const DROP_LIMIT: Duration = Duration::from_secs(60);

fn close_on_drop(shared: &Arc<Shared>) {
    match close(shared, DROP_LIMIT, DROP_LIMIT, Location::caller()) {
        Ok(report) if !report.is_clean() => trace::warn(&report),
        Ok(_) => {}
        Err(error) => {
            trace::warn(&format_args!("an event loop was dropped and could not be closed: {error}"));
        }
    }
}

/// Worker 0 while this thread has it; rests again on drop.
struct Resting<'a> {
    shared: &'a Arc<Shared>,
    worker: Option<Box<Worker>>,
}

impl<'a> Resting<'a> {
    fn take(shared: &'a Arc<Shared>) -> Result<Self, RunError> {
        let worker = shared.resting[0].lock().take();
        match worker {
            Some(worker) => Ok(Self { shared, worker: Some(worker) }),
            None if shared.phase() == CLOSED => Err(RunError::Closed),
            None => Err(RunError::Busy),
        }
    }

    fn worker(&self) -> &Worker {
        self.worker.as_deref().expect("taken by `retire` alone, which ends the guard")
    }

    /// The loop is closed: the worker ends for good.
    fn retire(mut self) {
        if let Some(worker) = self.worker.take() {
            worker.retire();
        }
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            *self.shared.resting[0].lock() = Some(worker);
        }
    }
}

/// A run inside a run is refused, with both places.
fn refuse_nested(refused: &'static Location<'static>) -> Result<(), RunError> {
    match with_worker(|worker| *worker.shared().run_at.lock()) {
        None => Ok(()),
        Some(running) => Err(RunError::Nested { running: running.unwrap_or(refused), refused }),
    }
}

fn run<F: Future>(
    shared: &Arc<Shared>,
    future: F,
    location: &'static Location<'static>,
) -> Result<F::Output, RunError> {
    refuse_nested(location)?;
    let resting = Resting::take(shared)?;
    if shared.phase() == CLOSED {
        return Err(RunError::Closed);
    }
    start_threads(shared)?;
    let worker = resting.worker();
    // SAFETY: the guard ends with this function, before the worker is put back.
    let entered = unsafe { worker.enter() };
    *shared.run_at.lock() = Some(location);
    let local = if shared.local { LOCAL } else { 0 };
    let main =
        create(worker.heap(), shared, Kind::Main, std::future::ready(()), NEW_DETACHED | local, 0, location);
    worker.begin_run(main.0.as_ptr());
    if shared.local {
        worker.schedule(main);
    } else {
        shared.wake_main();
    }
    shared.set_phase(RUNNING);

    let mut main_future = pin!(MainFuture { future: Some(future), ended: None });
    let over = std::cell::Cell::new(false);
    while !over.get() {
        worker.turn(|worker| over.set(worker.poll_main(main, &mut main_future.as_mut())));
    }
    let ended = main_future.as_mut().take_ended(main);
    // As in asyncio: who else has cancelled it stands for the cancellation.
    let interrupted = worker.was_interrupted() && main.uncancel() == 0;

    end_main(main, shared.local);
    worker.end_run();
    *shared.run_at.lock() = None;
    shared.set_phase(PAUSED);
    // Nothing runs between runs: a worker inside a poll pauses when that returns, which is not waited for for long.
    shared.wait_paused(Duration::from_millis(20));
    drop(entered);
    match ended {
        MainEnd::Value(value) => Ok(value),
        MainEnd::Panicked(payload) => {
            drop(resting);
            resume_unwind(payload)
        }
        MainEnd::Cancelled(_) if interrupted => Err(RunError::Interrupted),
        MainEnd::Cancelled(error) => Err(RunError::Cancelled(error)),
    }
}

/// How the main future ended.
enum MainEnd<T> {
    Value(T),
    Panicked(Box<dyn Any + Send>),
    Cancelled(CancelledError),
}

pin_project! {
    /// The main future on the stack of its run. It is dropped inside the run, as that of any task is: its drops may create
    /// tasks.
    struct MainFuture<F: Future> {
        #[pin]
        future: Option<F>,
        ended: Option<MainEnd<F::Output>>,
    }
}

impl<F: Future> MainFuture<F> {
    /// Drops the future; a panic of that takes the place of a value.
    fn end(self: Pin<&mut Self>, ended: MainEnd<F::Output>) {
        let mut this = self.project();
        *this.ended = Some(ended);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            *this.ended = Some(MainEnd::Panicked(payload));
        }
    }

    /// How it ended; a request that nobody delivered comes before a value.
    fn take_ended(self: Pin<&mut Self>, main: Raw) -> MainEnd<F::Output> {
        let undelivered = main.tree_if_any().and_then(|tree| tree.take_fresh());
        let ended = self.project().ended.take().expect("a run ends when its main future has");
        match (ended, undelivered) {
            (MainEnd::Value(_), Some(error)) => MainEnd::Cancelled(error),
            (ended, _) => ended,
        }
    }
}

impl<F: Future> Polled for Pin<&mut MainFuture<F>> {
    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> Poll<u64> {
        let Some(future) = self.as_mut().project().future.as_pin_mut() else {
            unreachable!("the main future was polled after it had ended");
        };
        let ended = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => MainEnd::Value(value),
            Err(payload) => MainEnd::Panicked(payload),
        };
        self.as_mut().end(ended);
        Poll::Ready(0)
    }

    fn fail(&mut self, error: CancelledError) -> u64 {
        self.as_mut().end(MainEnd::Cancelled(error));
        0
    }

    fn overrule(&mut self, error: CancelledError) -> u64 {
        let ended = self.as_mut().project().ended;
        if let Some(MainEnd::Value(_)) = ended {
            *ended = Some(MainEnd::Cancelled(error));
        }
        0
    }
}

/// Ends the cell that stood for the main future.
fn end_main(main: Raw, local: bool) {
    if let Some(tree) = main.tree_if_any() {
        let _ = tree.take_fresh();
        tree.end();
    }
    let access = if local { Access::Owner } else { Access::Shared };
    // SAFETY: the main future's cell is polled by its run alone, which is over; it is not touched afterwards.
    unsafe { main.end_with(access, TaskError::cancelled(CancelledError::new(None))) };
}

fn start_threads(shared: &Arc<Shared>) -> Result<(), RunError> {
    if shared.local || !shared.threads.lock().is_empty() {
        return Ok(());
    }
    watchdog::start(shared).map_err(RunError::Thread)?;
    for worker in 1..shared.workers {
        shared.start_worker(worker).map_err(RunError::Thread)?;
    }
    Ok(())
}

fn close(
    shared: &Arc<Shared>,
    limit: Duration,
    blocking_limit: Duration,
    location: &'static Location<'static>,
) -> Result<ShutdownReport, RunError> {
    if shared.phase() == CLOSED {
        return Ok(ShutdownReport::default());
    }
    // Also inside a run of another loop, whose worker stands still meanwhile: a loop that is made and dropped there, as by
    // a refused run, must not keep its descriptors.
    let resting = Resting::take(shared)?;
    let end = Instant::now().checked_add(limit);
    let worker = resting.worker();
    // SAFETY: the guard is dropped below, before the worker retires.
    let entered = unsafe { worker.enter() };
    *shared.run_at.lock() = Some(location);
    worker.begin_run(std::ptr::null_mut());
    shared.set_phase(CLOSING);
    let handle = Handle { shared: shared.clone() };
    let mut report = ShutdownReport::default();

    // Tasks: cancelled once, and driven to their end. One that ends may create none (they are refused) but clean-ups, which
    // are waited for and not cancelled. The loop goes on because a cancelled task may be inside its poll, or answer.
    let mut asked = HashSet::new();
    loop {
        if shared.local {
            worker.merge_injected();
        }
        let alive = alive_tasks(&handle);
        if alive.is_empty() {
            break;
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            report.tasks = alive;
            break;
        }
        for task in &alive {
            if task.raw().header().vtable.kind == Kind::Task && asked.insert(task.id()) {
                task.cancel();
            }
        }
        drop(alive);
        for _ in 0..1024 {
            worker.turn_until(|_| {}, || true);
        }
        // A sleep of a closing loop is a short one, and lets virtual time go on.
        worker.turn(|_| {});
    }

    let blocking_end = Instant::now().checked_add(blocking_limit);
    report.blocking_threads = shared.pool.close(blocking_limit);
    end_tasks(shared, worker);
    drop(entered);
    shared.set_phase(CLOSED);
    shared.driver.close();
    report.worker_threads = join_threads(shared, end.max(blocking_end));
    for slot in 1..shared.slots.len() {
        let worker = shared.resting[slot].lock().take();
        if let Some(worker) = worker {
            worker.retire();
        }
    }
    resting.retire();
    shared.with_foreign_heap(|heap| heap.close(shared));
    *shared.run_at.lock() = None;
    Ok(report)
}

/// The end of a closing loop's tasks, those within the limit having ended: what is queued or idle ends here, cells that
/// others hold become theirs, and what comes from now on is ended by whoever brings it. Only a task inside a poll is left:
/// the worker that polls it brings it when the poll returns.
pub(crate) fn end_tasks(shared: &Arc<Shared>, worker: &Worker) {
    shared.callbacks.close();
    worker.end_run();
    if shared.local {
        worker.close_local();
        return;
    }
    let mut late = shared.close_lists();
    while let Some(task) = late.pop() {
        task.end_late();
    }
    let mut left = Vec::new();
    // SAFETY: `each_task` hands over a counted reference.
    shared.each_task(|task| left.push(unsafe { TaskRef::from_raw(task) }));
    for task in left {
        // An idle one is queued by this, here, and what is queued here ends below.
        task.cancel();
    }
    worker.hand_over();
}

/// The tasks that have not ended, apart from closures on the blocking pool.
fn alive_tasks(handle: &Handle) -> Vec<TaskRef> {
    let mut alive = handle.all_tasks();
    alive.retain(|task| matches!(task.raw().header().vtable.kind, Kind::Task | Kind::Cleanup));
    alive
}

/// Joins the loop's threads, those that end in time; returns how many do not.
fn join_threads(shared: &Shared, end: Option<Instant>) -> usize {
    let threads = std::mem::take(&mut *shared.threads.lock());
    let mut stuck = 0;
    for thread in threads {
        // Nearly all end at once; one that is inside a poll is looked at until the limit.
        while !thread.is_finished() && end.is_none_or(|end| Instant::now() < end) {
            std::thread::sleep(Duration::from_micros(50));
        }
        if thread.is_finished() {
            if thread.join().is_err() {
                trace::warn(&"a worker thread panicked: this is a bug in heist");
            }
        } else {
            stuck += 1;
        }
    }
    stuck
}

/// Calls `f` with the worker that this thread is.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(&Worker) -> R) -> Option<R> {
    context::with(|context| {
        // SAFETY: this crate alone enters contexts, each the front of a worker.
        context.map(|context| f(unsafe { Worker::from_context(context) }))
    })
}

/// What to say to somebody who needs a loop and is in none.
#[cold]
#[track_caller]
pub(crate) fn no_loop(what: &str) -> ! {
    panic!("{what} was called outside of a running event loop: call it from a future that `heist::run` runs")
}

/// Creates a task on the running loop; asyncio's `create_task`.
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    match with_worker(|worker| worker.spawn(future, location)) {
        Some(task) => task,
        None => no_loop("create_task"),
    }
}

/// Creates a task on the running loop, in the very context that is given; asyncio's `create_task(..., context=context)`.
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub fn spawn_in<F>(context: &vars::Context, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    match with_worker(|worker| worker.spawn_in(Kind::Task, future, location, Some(context.clone()))) {
        Some(task) => task,
        None => no_loop("create_task"),
    }
}

/// Creates a task of a future that is not Send, on a current-thread loop.
///
/// # Panics
///
/// Outside of a running current-thread loop.
#[track_caller]
pub fn spawn_local<F: Future + 'static>(future: F) -> Task<F::Output> {
    let location = Location::caller();
    let task = with_worker(|worker| {
        if !worker.shared().local {
            panic!(
                "spawn_local was called on a loop with several workers: a future that is not Send needs a \
                 current-thread loop (`Runner::builder().current_thread()`)"
            );
        }
        worker.spawn(future, location)
    });
    match task {
        Some(task) => task,
        None => no_loop("spawn_local"),
    }
}

/// Runs a closure on a thread of the running loop's blocking pool; asyncio's `to_thread`.
///
/// # Panics
///
/// Outside of a running loop.
#[track_caller]
pub fn spawn_blocking<F, R>(closure: F) -> Task<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match Handle::current() {
        Some(handle) => handle.to_thread(closure),
        None => no_loop("to_thread"),
    }
}

/// The task that is being polled; asyncio's `current_task`.
pub fn current_task() -> Option<TaskRef> {
    context::with(|context| {
        let header = context?.current().cast_mut().cast::<crate::task::Header>();
        let raw = Raw(std::ptr::NonNull::new(header)?);
        raw.acquire();
        // SAFETY: the reference was just counted.
        Some(unsafe { TaskRef::from_raw(raw) })
    })
}
