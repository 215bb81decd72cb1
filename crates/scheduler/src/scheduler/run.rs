//! A run: the calling thread becomes worker 0, and the main future is polled on its stack.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use heist_core::sync::atomic::Ordering;
use pin_project_lite::pin_project;

use super::outcome::RunError;
use super::spawn::with_worker;
use crate::shared::{CLOSED, PAUSED, RUNNING, Shared};
use crate::task::state::{Access, LOCAL, NEW_DETACHED};
use crate::task::{CancelledError, Kind, Raw, TaskError};
use crate::watchdog;
use crate::worker::{Polled, Worker, create};

/// Worker 0 while this thread has it; rests again on drop.
pub(super) struct Resting<'a> {
    shared: &'a Arc<Shared>,
    worker: Option<Box<Worker>>,
}

impl<'a> Resting<'a> {
    pub(super) fn take(shared: &'a Arc<Shared>) -> Result<Self, RunError> {
        let worker = shared.resting[0].lock().take();
        match worker {
            Some(worker) => Ok(Self { shared, worker: Some(worker) }),
            None if shared.phase() == CLOSED => Err(RunError::Closed),
            None => Err(RunError::Busy),
        }
    }

    pub(super) fn worker(&self) -> &Worker {
        self.worker.as_deref().expect("taken by `retire` alone, which ends the guard")
    }

    /// The loop is closed: the worker ends for good.
    pub(super) fn retire(mut self) {
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
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, RunError, refuse_nested};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// assert!(matches!(refuse_nested(), Err(RunError::Nested { .. })));
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// [`RunError::Nested`] where this thread is inside a running loop.
#[track_caller]
pub fn refuse_nested() -> Result<(), RunError> {
    refuse_nested_at(Location::caller())
}

pub(super) fn refuse_nested_at(refused: &'static Location<'static>) -> Result<(), RunError> {
    match with_worker(|worker| *worker.shared().run_at.lock()) {
        None => Ok(()),
        Some(running) => Err(RunError::Nested { running: running.unwrap_or(refused), refused }),
    }
}

/// A run of the loop on this thread, from the moment when worker 0 is taken to the one when it rests again.
pub(super) struct Running<'a> {
    resting: Resting<'a>,
}

impl<'a> Running<'a> {
    /// Takes worker 0 and has the other workers' threads there. The run's phase is yet to begin.
    pub(super) fn take(
        shared: &'a Arc<Shared>,
        location: &'static Location<'static>,
    ) -> Result<Self, RunError> {
        refuse_nested_at(location)?;
        let resting = Resting::take(shared)?;
        if shared.phase() == CLOSED {
            return Err(RunError::Closed);
        }
        start_threads(shared)?;
        *shared.run_at.lock() = Some(location);
        Ok(Self { resting })
    }

    pub(super) fn worker(&self) -> &Worker {
        self.resting.worker()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let shared = self.resting.shared;
        let worker = self.worker();
        // SAFETY: the guard ends with this function, before the worker is put back.
        let _entered = unsafe { worker.enter() };
        worker.end_run();
        // One that came too late for this run is none of the next.
        shared.stop.store(false, Ordering::Relaxed);
        *shared.run_at.lock() = None;
        shared.set_phase(PAUSED);
        // Nothing runs between runs: a worker inside a poll pauses when that returns, which is not waited for for long.
        shared.wait_paused(Duration::from_millis(20));
    }
}

/// What an interrupt does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnInterrupt {
    /// The main future is cancelled, and may clean up: asyncio's `Runner`.
    Cancel,
    /// The run ends, and everything stays as it is: asyncio's `run_until_complete`.
    Leave,
}

pub(super) fn run<F: Future>(
    shared: &Arc<Shared>,
    future: F,
    on_interrupt: OnInterrupt,
    location: &'static Location<'static>,
) -> Result<F::Output, RunError> {
    let running = Running::take(shared, location)?;
    let worker = running.worker();
    let (ended, interrupted) =
        shared.config.wrappers.around(|| run_main(worker, future, on_interrupt, location))?;
    drop(running);
    match ended {
        MainEnd::Value(value) => Ok(value),
        MainEnd::Panicked(payload) => resume_unwind(payload),
        MainEnd::Cancelled(_) | MainEnd::Left if interrupted => Err(RunError::Interrupted),
        MainEnd::Left => Err(shared.failure.lock().take().map_or(RunError::Stopped, RunError::Panicked)),
        MainEnd::Cancelled(error) => Err(RunError::Cancelled(error)),
    }
}

/// Runs the loop as `worker` until its main future has ended, or the run has; gives how, and whether that was for an
/// interrupt.
fn run_main<F: Future>(
    worker: &Worker,
    future: F,
    on_interrupt: OnInterrupt,
    location: &'static Location<'static>,
) -> (MainEnd<F::Output>, bool) {
    let shared = worker.shared();
    // SAFETY: the guard ends with this function, before the worker is put back.
    let _entered = unsafe { worker.enter() };
    let main = begin_main(worker, Kind::Main, location);
    if on_interrupt == OnInterrupt::Leave {
        worker.leave.on_interrupt();
    }
    if shared.local {
        worker.schedule(main);
    } else {
        shared.wake_main();
    }
    shared.set_phase(RUNNING);

    let mut main_future = pin!(MainFuture { future: Some(future), ended: None });
    let over = std::cell::Cell::new(false);
    turns(worker, || over.get(), |worker| over.set(worker.poll_main(main, &mut main_future.as_mut())));
    if over.get() {
        worker.begin_last_pass();
        pass(worker);
    } else {
        worker.forget_main();
        main_future.as_mut().end(MainEnd::Left);
    }
    let ended = main_future.as_mut().take_ended(main);
    // As in asyncio: who else has cancelled it stands for the cancellation.
    let interrupted = worker.was_interrupted() && (!over.get() || main.uncancel() == 0);

    end_main(main, shared.local);
    (ended, interrupted)
}

/// Runs the loop until it is stopped.
pub(super) fn run_forever(
    shared: &Arc<Shared>,
    location: &'static Location<'static>,
) -> Result<(), RunError> {
    let running = Running::take(shared, location)?;
    let worker = running.worker();
    shared.config.wrappers.around(|| run_without_main(worker, location))?
}

fn run_without_main(worker: &Worker, location: &'static Location<'static>) -> Result<(), RunError> {
    let shared = worker.shared();
    // SAFETY: the guard ends with this function, before the worker is put back.
    let _entered = unsafe { worker.enter() };
    // Nobody's task: it is in no list, and nobody may cancel it.
    let main = begin_main(worker, Kind::Callback, location);
    worker.leave.on_interrupt();
    shared.set_phase(RUNNING);
    turns(worker, || false, |_| {});
    end_main(main, shared.local);
    let failure = shared.failure.lock().take();
    match failure {
        _ if worker.was_interrupted() => Err(RunError::Interrupted),
        Some(failure) => Err(RunError::Panicked(failure)),
        None => Ok(()),
    }
}

/// The cell that stands for what this run awaits.
fn begin_main(worker: &Worker, kind: Kind, location: &'static Location<'static>) -> Raw {
    let shared = worker.shared();
    let word = NEW_DETACHED | if shared.local { LOCAL } else { 0 };
    let main = create(worker.heap(), shared, kind, std::future::ready(()), word, 0, location);
    crate::trace::task_created(main);
    worker.begin_run(main.0.as_ptr());
    if kind == Kind::Main {
        shared.injector.enter().count_created();
    }
    *shared.failure.lock() = None;
    main
}

/// Turns of worker 0 until its run is over, or somebody ends it.
fn turns(worker: &Worker, over: impl Fn() -> bool, mut main: impl FnMut(&Worker)) {
    if worker.shared().stop.load(Ordering::Relaxed) {
        worker.begin_pass(1);
    }
    while !over() && !worker.leaves() {
        worker.turns_until(&mut main, || worker.must_not_sleep());
    }
}

/// The rest of a pass that has begun.
pub(super) fn pass(worker: &Worker) {
    while !worker.leaves() {
        worker.turn_until(|_| {}, || worker.must_not_sleep());
    }
}

/// How the main future ended.
enum MainEnd<T> {
    Value(T),
    Panicked(Box<dyn Any + Send>),
    Cancelled(CancelledError),
    /// The run ended before it.
    Left,
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
