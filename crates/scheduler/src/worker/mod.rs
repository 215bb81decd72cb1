//! One worker: takes tasks, polls them, looks after time and I/O, and sleeps when there is nothing to do.
//!
//! The order of work of one turn:
//!
//! 1. every [`LOOK_POLLS`] polls, or about [`crate::Config::look_interval`], *look*: fire due timers, take in readiness, take a share of
//!    what was injected, and wake a helper if the backlog has earned one;
//! 2. on worker 0 of a run, `block_on`'s future if it was woken;
//! 3. the task in the LIFO slot, at most `LIFO_STREAK` times in a row: it was woken by the task before it, and what
//!    they share is still in the cache;
//! 4. the worker's own queue, in order; then the injector;
//! 5. other workers' queues, if few enough search;
//! 6. sleep: in the driver if tasks wait for I/O and nobody else is there, else on the worker's own parker; where its sleeps were
//!    brief of late, it first waits awake.
//!
//! `run` has the turns and the two ways of making them, `look`, `ready`, `search`, `poll`, `wait` and `sleep` their parts, `create` how
//! cells are made.
//!
//! Wake-ups are *earned*. Waking a helper costs some 5 us on each side, and every task that it takes comes to a cold
//! cache, so it is done for a backlog from which `HELP_WORTH` is gained, never for a task that its own worker reaches at
//! once. Queued work may therefore coexist with sleepers, as long as the worker that has it moves on; when a worker stands
//! still inside one poll, the watchdog ([`crate::watchdog`]) brings help. What comes from other threads is in nobody's
//! queue and always wakes a sleeper, unless a searcher will find it.
//!
//! The races, and why they are closed: `docs/design/sleep-wake.md`.

mod create;
mod deliver;
mod look;
mod poll;
mod ready;
mod run;
mod search;
mod sleep;
mod wait;

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use heist_core::clock::nanos;
use heist_core::context::{self, Context};
use heist_core::patience::{Patience, Waits};

use crate::heap::Heap;
use crate::queue::Local;
use crate::scheduler::Handle;
use crate::shared::{Shared, Slot};
use crate::slack::Slack;
use crate::stop::Leave;
use crate::task::state::Access;
use crate::task::{self, Header, Raw};

pub(crate) use create::{create, create_foreign, create_foreign_with, create_internal, fail_unqueued};
pub(crate) use deliver::Polled;

/// The most polls between two looks at timers and I/O. The number is tokio's and Go's; odd, so that it does not fall
/// into step with a program's own batches.
pub(crate) const LOOK_POLLS: u32 = 61;

/// What a poll is taken to last before any has been measured, in nanoseconds.
const FIRST_POLL_TIME: u64 = 1000;

/// One worker of a loop. Its thread has `context` as its current context while it runs.
#[repr(C)]
pub(crate) struct Worker {
    /// First, so that a pointer to it is a pointer to the worker.
    context: Context,
    shared: Arc<Shared>,
    /// As [`Shared::local`].
    local: bool,
    index: usize,
    /// This worker's own slot: before every poll, a way around the list of all.
    slot: NonNull<Slot>,
    queue: Local,
    /// The queue of a current-thread loop: strictly first in, first out.
    fifo: UnsafeCell<VecDeque<Raw>>,
    heap: Heap,
    lifo_streak: Cell<u8>,
    /// In nanoseconds.
    look_interval: u64,
    /// How many polls there are to be from one look to the next, at the present average.
    polls_to_look: Cell<u64>,
    looked_at: Cell<u64>,
    polls_at_look: Cell<u64>,
    /// The moving average of a poll's time, in nanoseconds.
    poll_time: Cell<u64>,
    searching: Cell<bool>,
    /// Whether the injector had something since the worker last slept, or lingered in vain.
    fed: Cell<bool>,
    /// When the worker last took all that was injected, by the loop's stopwatch, unless it has looked again since.
    drained_at: Cell<Option<u64>>,
    patience: Patience,
    waits: Waits,
    /// For letting the pool's threads go ahead.
    lead: Patience,
    /// The reading of the watchdog's stopwatch from which on a stamp puts off the alarm.
    alarm_at: Cell<u64>,
    /// Whether this spare worker is to end its thread.
    gone: Cell<bool>,
    /// Polls until `block_on`'s future, which yielded, is polled again; 0 when it did not yield.
    main_turn: Cell<usize>,
    /// The header of `block_on`'s future during a run, on worker 0.
    main: Cell<*mut Header>,
    /// Whether a signal handler had the main future of this run cancelled.
    interrupted: Cell<bool>,
    /// How this run ends before its future; see [`crate::stop`].
    pub(crate) leave: Leave,
    /// How long a sleep may take, in a pass that is driven by hand.
    pub(crate) nap: Cell<Option<Duration>>,
    slack: Slack,
}

// SAFETY: a worker is plain memory and pointers to tasks, which are made for any thread; it is moved only while it rests.
// The tasks of a current-thread loop never leave their thread: such a loop's worker is only used through a handle that is
// not Send.
unsafe impl Send for Worker {}

/// The context of a worker, with what the crates above the ground floor may ask of it.
fn context_of(index: usize, shared: &Arc<Shared>) -> Context {
    let context = Context::new(index, shared.id(), shared.clock.clone(), shared.driver.clone())
        .with_trees(task::tree_of, task::requests_of)
        .with_services(Arc::new(Handle::of(shared)));
    // SAFETY: what this crate makes current is the header of one of its tasks, kept alive by the poll.
    let context = unsafe { context.with_task_vars(task::task_vars) };
    // SAFETY: as above; a header's front is not written while it is somebody's.
    unsafe { context.with_task_identity(Header::IDENTITY) }
}

/// What the worker does next.
pub(crate) enum Next {
    Task(Raw),
    /// `block_on`'s future is to be polled.
    Main,
    /// Time and I/O are to be looked at.
    Look,
}

impl Worker {
    pub(crate) fn new(index: usize, queue: Local, shared: &Arc<Shared>) -> Self {
        Self {
            context: context_of(index, shared),
            shared: shared.clone(),
            local: shared.local,
            index,
            slot: NonNull::from(shared.slot(index)),
            queue,
            fifo: UnsafeCell::new(VecDeque::new()),
            heap: Heap::new(index),
            lifo_streak: Cell::new(0),
            look_interval: nanos(shared.config.look_interval),
            polls_to_look: Cell::new(look::polls_between(
                nanos(shared.config.look_interval),
                FIRST_POLL_TIME,
            )),
            looked_at: Cell::new(0),
            polls_at_look: Cell::new(0),
            poll_time: Cell::new(FIRST_POLL_TIME),
            searching: Cell::new(false),
            fed: Cell::new(false),
            drained_at: Cell::new(None),
            patience: Patience::of(search::MOST_SLEEPS_AT_ONCE),
            waits: Waits::new(),
            lead: Patience::of(wait::MOST_SLEEPS_WITHOUT_LEAD),
            alarm_at: Cell::new(0),
            gone: Cell::new(false),
            main_turn: Cell::new(0),
            main: Cell::new(ptr::null_mut()),
            interrupted: Cell::new(false),
            leave: Leave::default(),
            nap: Cell::new(None),
            slack: Slack::default(),
        }
    }

    /// The worker whose context this is.
    ///
    /// # Safety
    ///
    /// `context` must be the `context` of a worker: one that was entered by this crate.
    #[inline]
    pub(crate) unsafe fn from_context(context: &Context) -> &Worker {
        // SAFETY: the context is the first field of a `repr(C)` worker, and this crate enters no other. Its pointer was
        // made from the whole worker.
        unsafe { &*ptr::from_ref(context).cast::<Worker>() }
    }

    /// Makes this thread the worker until the guard is dropped.
    ///
    /// # Safety
    ///
    /// The guard must be dropped on this thread, before the worker, in the reverse order of other guards.
    pub(crate) unsafe fn enter(&self) -> context::Entered {
        // SAFETY: passed on from the caller; the pointer covers the whole worker, of which the context is the front.
        unsafe { context::enter(ptr::from_ref(self).cast()) }
    }

    #[inline]
    pub(crate) fn heap(&self) -> &Heap {
        &self.heap
    }

    #[inline]
    pub(crate) fn heap_index(&self) -> usize {
        self.index
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How this worker may touch the words of the tasks that it polls.
    #[inline]
    fn access(&self) -> Access {
        if self.local { Access::Owner } else { Access::Shared }
    }

    #[inline]
    pub(crate) fn slot(&self) -> &Slot {
        // SAFETY: the slots are boxed in `shared`, which this worker keeps, and stay where they are.
        unsafe { self.slot.as_ref() }
    }

    /// The header of `block_on`'s future, during a run.
    pub(crate) fn main(&self) -> *mut Header {
        self.main.get()
    }

    pub(crate) fn set_interrupted(&self, interrupted: bool) {
        self.interrupted.set(interrupted);
    }

    /// Whether a signal handler had the main future of this run cancelled.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.get()
    }
}
