//! Making the cells of tasks: on a worker, and on a thread that is none.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;

use heist_core::{context, vars};

use super::Worker;
use crate::heap::{Heap, Shape};
use crate::scheduler::with_worker;
use crate::shared::{CLOSED, CLOSING, Shared};
use crate::task::remote;
use crate::task::state::{self, Access, LOCAL};
use crate::task::{self, Body, Header, Kind, Raw, Task, TaskError, TaskOptions, spawn_with};
use crate::trace;

impl Worker {
    /// Creates a task here and queues it.
    #[inline]
    pub(crate) fn spawn<F>(&self, future: F, location: &'static Location<'static>) -> Task<F::Output>
    where
        F: Body + 'static,
    {
        self.spawn_in(Kind::Task, future, location, None)
    }

    /// As [`spawn`](Self::spawn), a task or a clean-up, in the context that is given, where one is.
    #[inline(always)]
    pub(crate) fn spawn_in<F>(
        &self,
        kind: Kind,
        future: F,
        location: &'static Location<'static>,
        vars: Option<vars::Context>,
    ) -> Task<F::Output>
    where
        F: Body + 'static,
    {
        if kind == Kind::Task && self.shared.task_defaults.are_special() {
            return spawn_with(
                self,
                future,
                location,
                TaskOptions { context: vars, ..TaskOptions::default() },
            );
        }
        let task = self.make_task(kind, future, location, vars);
        trace::task_created(task.raw());
        self.queue_new(kind, task.raw());
        task
    }

    /// Makes a task here and leaves it out of any queue.
    #[inline(always)]
    pub(crate) fn make_task<F>(
        &self,
        kind: Kind,
        future: F,
        location: &'static Location<'static>,
        vars: Option<vars::Context>,
    ) -> Task<F::Output>
    where
        F: Body + 'static,
    {
        let local = if self.local { LOCAL } else { 0 };
        self.slot().tally.task_created();
        let raw = create_in(&self.heap, &self.shared, kind, future, state::NEW | local, 0, location, vars);
        // SAFETY: `NEW` counts the handle's reference and flag; the cell was made for this future.
        unsafe { Task::from_raw(raw) }
    }

    /// Whether a task of this kind comes too late.
    #[inline]
    pub(crate) fn is_too_late(&self, kind: Kind) -> bool {
        self.shared.phase() >= if kind == Kind::Cleanup { CLOSED } else { CLOSING }
    }

    /// Queues a task that was just made here, or ends it where the loop takes no more.
    #[inline(always)]
    pub(crate) fn queue_new(&self, kind: Kind, task: Raw) {
        if self.is_too_late(kind) {
            refuse(task);
        } else if self.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
        } else {
            self.push_back(task);
        }
    }

    /// Polls a task that was just made here, inside the poll of the one that made it.
    pub(crate) fn start_eagerly(&self, task: Raw) {
        if self.is_too_late(task.header().vtable.kind) {
            return refuse(task);
        }
        self.context.apart(|| self.poll(task));
    }
}

/// Ends a task whose making failed: whoever awaits it gets the panic.
pub(crate) fn fail_unqueued(task: Raw, payload: Box<dyn Any + Send>) {
    let access = if task.header().word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
    // SAFETY: as in `refuse`.
    unsafe { task.end_with(access, TaskError::panicked(payload)) };
}

/// Ends a task that came too late: its future is dropped, and whoever awaits it gets a cancellation.
pub(crate) fn refuse(task: Raw) {
    let access = if task.header().word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
    // SAFETY: the task was just created and is in no queue: the caller alone has it. Its handle is not yet out, so the
    // registry's is not the last reference.
    unsafe { task.end(access, "the event loop is closing") };
}

/// Makes a cell for `future` in `heap`, with a copy of the current context variables.
#[inline]
pub(crate) fn create<F: Body + 'static>(
    heap: &Heap,
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    word: u64,
    notes: u64,
    location: &'static Location<'static>,
) -> Raw {
    create_in(heap, shared, kind, future, word, notes, location, None)
}

/// As [`create`], with the context that is given, where one is. Always inlined: a call would pass more than it does.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all of them are of the cell that is made")]
pub(crate) fn create_in<F: Body + 'static>(
    heap: &Heap,
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    word: u64,
    notes: u64,
    location: &'static Location<'static>,
    vars: Option<vars::Context>,
) -> Raw {
    let (cell, page) = heap.allocate(const { &Shape::of::<task::Cell<F>>() }, shared);
    let (parent, has_vars) = context::with(|context| {
        let Some(context) = context else { return (0, vars::thread_may_have_any()) };
        // SAFETY: what is being polled is kept alive by its poll; a context's current task is one of ours.
        match unsafe { context.current().cast::<Header>().as_ref() } {
            // Not `||`: one branch, later.
            Some(task) => (task.id, !context.entered_vars().is_null() | task.may_have_vars()),
            None => (0, true),
        }
    });
    // SAFETY: the cell is free and large enough for this future.
    unsafe { task::Cell::put(cell, future) };
    // SAFETY: as above; the word is published last.
    unsafe {
        Header::fill(cell, task::Cell::<F>::table(kind), page.as_ptr(), heap.next_id(), parent, location);
    }
    let raw = Raw(cell);
    match vars {
        Some(vars) => raw.set_vars(vars),
        None if has_vars && matches!(kind, Kind::Task | Kind::Cleanup | Kind::Main) => inherit_vars(raw),
        None => {}
    }
    raw.header().remote.reset(notes);
    raw.header().word.publish(word);
    raw
}

/// Gives a task that is being made a copy of the current context variables, if there are any.
#[cold]
#[inline(never)]
fn inherit_vars(raw: Raw) {
    if let Some(vars) = vars::inherit() {
        raw.set_vars(vars);
    }
}

/// Creates an internal task and queues it, wherever this thread is. Also on a loop that is closing, until its lists close:
/// then its future is dropped.
pub(crate) fn create_internal<F>(shared: &Arc<Shared>, future: F, location: &'static Location<'static>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut future = Some(future);
    let kind = Kind::Callback;
    with_worker(|worker| {
        if !Arc::ptr_eq(worker.shared(), shared) {
            return;
        }
        let Some(future) = future.take() else { return };
        let local = if shared.local { LOCAL } else { 0 };
        let word = state::NEW_DETACHED | local;
        let raw = create(worker.heap(), shared, kind, future, word, 0, location);
        trace::task_created(raw);
        worker.put_internal(raw);
    });
    let Some(future) = future else { return };
    let (word, notes) = if shared.local {
        (state::NEW_DETACHED | LOCAL | state::IDLE, remote::INBOX | remote::WOKEN)
    } else {
        (state::NEW_DETACHED, 0)
    };
    let raw = shared.with_foreign_heap(|heap| {
        let raw = create(heap, shared, kind, future, word, notes, location);
        if shared.phase() == CLOSED {
            // As in `create_foreign_with`.
            heap.close(shared);
        }
        raw
    });
    trace::task_created(raw);
    shared.inject(raw);
}

/// Makes a cell for a task that this thread, no worker of the loop, hands to it.
pub(crate) fn create_foreign<F>(
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    location: &'static Location<'static>,
) -> Task<F::Output>
where
    F: Body + Send + 'static,
    F::Output: Send + 'static,
{
    create_foreign_with(shared, kind, future, location, TaskOptions::default())
}

/// As [`create_foreign`], with options. A foreign thread polls nothing, so the task is never eager.
pub(crate) fn create_foreign_with<F>(
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    location: &'static Location<'static>,
    mut options: TaskOptions,
) -> Task<F::Output>
where
    F: Body + Send + 'static,
    F::Output: Send + 'static,
{
    let last = if kind == Kind::Cleanup { CLOSED } else { CLOSING };
    let late = kind != Kind::Blocking && shared.phase() >= last;
    let failed = if kind == Kind::Task { shared.task_defaults.apply(&mut options) } else { None };
    let TaskOptions { name, context: vars, .. } = options;
    // A local task begins idle, with a wake noted: the owner queues it when it merges. Its words are right from the
    // first moment, for walkers of the registry find it at once.
    let queued = kind != Kind::Blocking && !late && failed.is_none();
    let (word, notes) = if shared.local && queued {
        (state::NEW | LOCAL | state::IDLE, remote::INBOX | remote::WOKEN)
    } else {
        (state::NEW, 0)
    };
    // Nobody's code may run inside the entrance.
    let at_once = queued && name.is_none() && !trace::IS_ON;
    let (raw, pushed) = {
        let mut inside = shared.injector.enter();
        inside.count_created();
        let raw = create_in(inside.heap(), shared, kind, future, word, notes, location, vars);
        if shared.phase() == CLOSED {
            // The heap was closed for good before: close the page that it has just made.
            inside.heap().close(shared);
        }
        (raw, at_once && inside.push(raw))
    };
    // SAFETY: `NEW` counts the handle's reference and flag; the cell was made for this future.
    let task = unsafe { Task::from_raw(raw) };
    if pushed {
        shared.notify_of_injected();
        return task;
    }
    if let Some(name) = name {
        task.set_name(name);
    }
    trace::task_created(raw);
    if let Some(payload) = failed {
        fail_unqueued(raw, payload);
        return task;
    }
    match kind {
        Kind::Blocking => shared.pool.submit(raw, shared),
        _ if late => refuse(raw),
        _ => shared.inject(raw),
    }
    task
}
