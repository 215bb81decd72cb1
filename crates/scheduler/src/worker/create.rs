//! Making the cells of tasks: on a worker, and on a thread that is none.

use std::panic::Location;
use std::sync::Arc;

use heist_core::context;

use crate::heap::{Heap, Shape};
use crate::shared::{CLOSED, CLOSING, Shared};
use crate::task::remote;
use crate::task::state::{self, Access, LOCAL};
use crate::task::{self, Header, Kind, Raw, Task};
use crate::trace;

/// Ends a task that came too late: its future is dropped, and whoever awaits it gets a cancellation.
pub(crate) fn refuse(task: Raw) {
    let access = if task.header().word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
    // SAFETY: the task was just created and is in no queue: the caller alone has it. Its handle is not yet out, so the
    // registry's is not the last reference.
    unsafe { task.end(access, "the event loop is closing") };
}

/// Makes a cell for `future` in `heap`.
#[inline]
pub(crate) fn create<F: Future + 'static>(
    heap: &Heap,
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    word: u64,
    notes: u64,
    location: &'static Location<'static>,
) -> Raw {
    let (cell, page) = heap.allocate(const { Shape::of::<task::Cell<F>>() }, shared);
    let parent = context::with(|context| {
        // SAFETY: what is being polled is kept alive by its poll; a context's current task is one of ours.
        context
            .and_then(|context| unsafe { context.current().cast::<Header>().as_ref() })
            .map_or(0, |task| task.id)
    });
    // SAFETY: the cell is free and large enough for this future.
    unsafe { task::Cell::put(cell, future) };
    // SAFETY: as above; the word is published last.
    unsafe {
        Header::fill(cell, task::Cell::<F>::table(kind), page.as_ptr(), heap.next_id(), parent, location);
    }
    let raw = Raw(cell);
    raw.header().remote.reset(notes);
    raw.header().word.publish(word);
    trace::task_created(raw.header().id, parent, location);
    raw
}

/// Makes a cell for a task that this thread, no worker of the loop, hands to it.
pub(crate) fn create_foreign<F>(
    shared: &Arc<Shared>,
    kind: Kind,
    future: F,
    location: &'static Location<'static>,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let last = if kind == Kind::Cleanup { CLOSED } else { CLOSING };
    let late = kind != Kind::Blocking && shared.phase() >= last;
    // A local task begins idle, with a wake noted: the owner queues it when it merges. Its words are right from the
    // first moment, for walkers of the registry find it at once.
    let (word, notes) = if shared.local && kind != Kind::Blocking && !late {
        (state::NEW | LOCAL | state::IDLE, remote::INBOX | remote::WOKEN)
    } else {
        (state::NEW, 0)
    };
    let raw = shared.with_foreign_heap(|heap| {
        let raw = create(heap, shared, kind, future, word, notes, location);
        if shared.phase() == CLOSED {
            // The heap was closed for good before: close the page that it has just made.
            heap.close(shared);
        }
        raw
    });
    // SAFETY: `NEW` counts the handle's reference and flag; the cell was made for this future.
    let task = unsafe { Task::from_raw(raw) };
    match kind {
        Kind::Blocking => shared.pool.submit(raw, shared),
        _ if late => refuse(raw),
        _ => shared.inject(raw),
    }
    task
}
