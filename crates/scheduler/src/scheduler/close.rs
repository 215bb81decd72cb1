//! The end of a loop: its tasks are cancelled and driven to their end, its threads joined.

use std::collections::HashSet;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handle::Handle;
use super::outcome::{RunError, ShutdownReport};
use super::run::Resting;
use crate::shared::{CLOSED, CLOSING, Shared};
use crate::task::{Kind, Raw, TaskRef};
use crate::trace;
use crate::worker::Worker;

/// How long a scheduler that was not closed waits for its tasks when it is dropped.
const DROP_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn close_on_drop(shared: &Arc<Shared>) {
    match close(shared, DROP_LIMIT, DROP_LIMIT, Location::caller()) {
        Ok(report) if !report.is_clean() => trace::warn(&report),
        Ok(_) => {}
        Err(error) => {
            trace::warn(&format_args!("an event loop was dropped and could not be closed: {error}"));
        }
    }
}

pub(super) fn close(
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
    *shared.run_at.lock() = Some(location);
    let (mut report, blocking_end) =
        shared.config.wrappers.around_all(|| end_work(resting.worker(), end, blocking_limit));
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

/// Ends tasks until `end`, and then closures on the blocking pool within their limit; gives what is left of them, and when
/// that limit ends.
fn end_work(
    worker: &Worker,
    end: Option<Instant>,
    blocking_limit: Duration,
) -> (ShutdownReport, Option<Instant>) {
    let shared = worker.shared();
    // SAFETY: the guard ends with this function, before the worker retires.
    let _entered = unsafe { worker.enter() };
    worker.begin_run(std::ptr::null_mut());
    shared.set_phase(CLOSING);
    let handle = Handle::of(shared);
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
        for _ in 0..16 {
            worker.turns_until(|_| {}, || true);
        }
        // A sleep of a closing loop is a short one, and lets virtual time go on.
        worker.turn(|_| {});
    }

    let blocking_end = Instant::now().checked_add(blocking_limit);
    report.blocking_threads = shared.pool.close(blocking_limit);
    end_tasks(shared, worker);
    (report, blocking_end)
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
    shared.injector.close().into_iter().for_each(Raw::end_late);
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
