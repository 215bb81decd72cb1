//! One worker: takes tasks, polls them, looks after time and I/O, and sleeps when there is nothing to do.
//!
//! The order of work of one turn:
//!
//! 1. every [`LOOK_POLLS`] polls, or about [`crate::Config::look_interval`], *look*: fire due timers, take in readiness, take a share of
//!    what was injected, and wake a helper if the backlog has earned one;
//! 2. on worker 0 of a run, `block_on`'s future if it was woken;
//! 3. the task in the LIFO slot, at most [`LIFO_STREAK`] times in a row: it was woken by the task before it, and what
//!    they share is still in the cache;
//! 4. the worker's own queue, in order; then what was over there; then the injector;
//! 5. other workers' queues, if few enough search;
//! 6. sleep: in the driver if tasks wait for I/O and nobody else is there, else on the worker's own parker.
//!
//! This file has the queues, the polling and the look; `sleep` how a worker sleeps, `run` the two ways of running one,
//! `create` how cells are made.
//!
//! Wake-ups are *earned*. Waking a helper costs some 5 us on each side, and every task that it takes comes to a cold
//! cache, so it is done for a backlog from which [`HELP_WORTH`] is gained, never for a task that its own worker reaches at
//! once. Queued work may therefore coexist with sleepers, as long as the worker that has it moves on; when a worker stands
//! still inside one poll, the watchdog ([`crate::watchdog`]) brings help. What comes from other threads is in nobody's
//! queue and always wakes a sleeper, unless a searcher will find it.
//!
//! The races, and why they are closed: `docs/design/sleep-wake.md`.

mod create;
mod deliver;
mod run;
mod sleep;

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use heist_core::clock::{NEVER, nanos};
use heist_core::context::{self, Context};
use heist_core::sync::atomic::Ordering;
use heist_core::sync::hint;
use heist_core::vars;

use crate::debug;
use crate::heap::Heap;
use crate::inject::{Chain, Injector};
use crate::queue::{CAPACITY, Local, Steal};
use crate::scheduler::Handle;
use crate::shared::{CLOSED, CLOSING, Shared, Slot, task_at};
use crate::stop::Leave;
use crate::task::state::{self, Access, CANCELLED, End, FAILED, LOCAL};
use crate::task::{self, Body, Header, Kind, Raw, Task, TaskOptions, spawn_with};
use crate::trace;

pub(crate) use create::{
    create, create_foreign, create_foreign_with, create_in, create_internal, fail_unqueued, refuse,
};
pub(crate) use deliver::Polled;

/// The most polls between two looks at timers and I/O. The number is tokio's and Go's; odd, so that it does not fall
/// into step with a program's own batches.
pub(crate) const LOOK_POLLS: u32 = 61;

/// Where polls are so short that [`LOOK_POLLS`] of them take less than this, in nanoseconds, there may be up to four times
/// as many: a look costs some 100 ns, and with readiness to take in a system call.
const SHORTEST_LOOK: u64 = 10_000;

/// How often the LIFO slot goes before the queue.
const LIFO_STREAK: u8 = 3;

/// The backlog, in nanoseconds of expected gain ([`gain`]), for which a helper is woken. A wake-up costs about 5 us on
/// each side; below some twenty times that it does not pay.
const HELP_WORTH: u64 = 100_000;

/// The backlog for which a worker that is awake and has nothing else to do takes from another: the wake-up is paid.
const STEAL_WORTH: u64 = 25_000;

/// What it costs, in nanoseconds, to run a task on another core than the one that has it in its cache. Tasks that are
/// shorter gain nothing from help, however many they are: with 1000 ping-pong pairs of 90 ns a poll a helper makes the
/// batch three times slower.
const MOVE_COST: u64 = 200;

/// What is gained, in nanoseconds, when `tasks` tasks with polls of `poll_time` run elsewhere.
#[inline]
fn gain(tasks: usize, poll_time: u64) -> u64 {
    (tasks as u64).saturating_mul(poll_time.saturating_sub(MOVE_COST))
}

/// How often a worker that other threads feed looks at the injector before it sleeps: about 2 us, less than the wake-up
/// that it saves. With tasks from a thread that is a little slower than the worker, 100 ns a task become 45.
const LINGER: usize = 100;

/// How many tasks that are over go to the shared list at a time.
const FLUSH: usize = 32;

/// The most tasks taken from the injector at a time: half a deque.
const TAKE: usize = CAPACITY / 2;

/// One worker of a loop. Its thread has `context` as its current context while it runs.
#[repr(C)]
pub(crate) struct Worker {
    /// First, so that a pointer to it is a pointer to the worker.
    context: Context,
    shared: Arc<Shared>,
    index: usize,
    /// This worker's own slot: before every poll, a way around the list of all.
    slot: NonNull<Slot>,
    queue: Local,
    /// The queue of a current-thread loop: strictly first in, first out.
    fifo: UnsafeCell<VecDeque<Raw>>,
    /// A task that ran and wants to run again while the queue is empty. Between its poll and what this worker does next
    /// only: nobody waits for it longer than for a task in the queue.
    again: Cell<*mut Header>,
    /// Tasks that the deque has no room for.
    over: UnsafeCell<Chain>,
    heap: Heap,
    lifo_streak: Cell<u8>,
    polls: Cell<u64>,
    /// Polls until the next look.
    until_look: Cell<u32>,
    /// In nanoseconds.
    look_interval: u64,
    looked_at: Cell<u64>,
    polls_at_look: Cell<u64>,
    /// The moving average of a poll's time, in nanoseconds.
    poll_time: Cell<u64>,
    searching: Cell<bool>,
    /// Whether the injector had something since the worker last slept, or lingered in vain.
    fed: Cell<bool>,
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
}

impl Worker {
    pub(crate) fn new(index: usize, queue: Local, shared: &Arc<Shared>) -> Self {
        Self {
            context: context_of(index, shared),
            shared: shared.clone(),
            index,
            slot: NonNull::from(shared.slot(index)),
            queue,
            fifo: UnsafeCell::new(VecDeque::new()),
            again: Cell::new(ptr::null_mut()),
            over: UnsafeCell::new(Chain::new()),
            heap: Heap::new(index),
            lifo_streak: Cell::new(0),
            polls: Cell::new(0),
            until_look: Cell::new(LOOK_POLLS),
            look_interval: nanos(shared.config.look_interval),
            looked_at: Cell::new(0),
            polls_at_look: Cell::new(0),
            poll_time: Cell::new(1000),
            searching: Cell::new(false),
            fed: Cell::new(false),
            gone: Cell::new(false),
            main_turn: Cell::new(0),
            main: Cell::new(ptr::null_mut()),
            interrupted: Cell::new(false),
            leave: Leave::default(),
            nap: Cell::new(None),
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

    #[inline]
    fn over(&self) -> *mut Chain {
        self.over.get()
    }

    fn over_len(&self) -> usize {
        // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
        unsafe { (*self.over()).len() }
    }

    /// Has the next turn begin with a look.
    pub(crate) fn look_soon(&self) {
        self.until_look.set(0);
    }

    // ---- tasks come in -------------------------------------------------------------------------------------------

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
        let local = if self.shared.local { LOCAL } else { 0 };
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
        } else if self.shared.local {
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
        // The poll around goes on, and may take long or start more: what wants to run again is to be found by others.
        self.flush_again();
    }

    /// Queues an internal task that was just created here: in order, behind what is there.
    pub(crate) fn put_internal(&self, task: Raw) {
        if self.shared.local {
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
        } else {
            self.push_back(task);
        }
    }

    /// Queues a task that was woken on this thread.
    #[inline]
    pub(crate) fn schedule(&self, task: Raw) {
        if self.shared.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
            return;
        }
        if self.context.wakes_in_order() {
            self.push_back(task);
            return;
        }
        let slot = &self.slot().lifo;
        // Only this thread puts something in, so a plain look tells an empty slot. Release and AcqRel pair with the
        // watchdog's swap, which hands the task on.
        // (Under loom always by the swap: it keeps no one order of stores and swaps, and would lose the store.)
        if slot.load(Ordering::Relaxed).is_null() && !cfg!(heist_loom) {
            slot.store(task.0.as_ptr(), Ordering::Release);
        } else if let Some(before) = task_at(slot.swap(task.0.as_ptr(), Ordering::AcqRel)) {
            self.push_back(before);
        }
    }

    /// Puts a task at the back of this worker's queue.
    #[inline]
    fn push_back(&self, task: Raw) {
        if self.over_len() == 0 && self.queue.len() < CAPACITY {
            self.queue.push(task);
        } else {
            self.push_over(task);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_over(&self, task: Raw) {
        // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
        let over = unsafe { &mut *self.over() };
        over.push(task);
        if over.len() >= FLUSH {
            self.shared.put_over(std::mem::replace(over, Chain::new()));
        }
    }

    // ---- tasks go out --------------------------------------------------------------------------------------------

    /// What to do next, of what is at hand.
    #[inline]
    pub(crate) fn next(&self) -> Option<Next> {
        if self.shared.local {
            return self.next_in_order();
        }
        if let Some(task) = task_at(self.again.replace(ptr::null_mut())) {
            if !self.goes_before_the_queue() {
                self.lifo_streak.set(0);
                return Some(Next::Task(task));
            }
            self.push_back(task);
        }
        if self.index == 0 && self.main_may_be_due() && self.main_may_go_first() && self.main_is_due() {
            self.lifo_streak.set(self.lifo_streak.get().saturating_add(1));
            return Some(Next::Main);
        }
        let lifo = &self.slot().lifo;
        if !lifo.load(Ordering::Relaxed).is_null() {
            // AcqRel pairs with the watchdog's swap: one of us gets the task.
            if let Some(task) = task_at(lifo.swap(ptr::null_mut(), Ordering::AcqRel)) {
                if self.lifo_streak.get() < LIFO_STREAK {
                    self.lifo_streak.set(self.lifo_streak.get() + 1);
                    return Some(Next::Task(task));
                }
                self.push_back(task);
            }
        }
        self.lifo_streak.set(0);
        if let Some(task) = self.queue.pop() {
            return Some(Next::Task(task));
        }
        // What is over in the shared list came before what is in the own one.
        if let Some(task) = self.take(&self.shared.over, false) {
            return Some(Next::Task(task));
        }
        // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
        if let Some(task) = unsafe { (*self.over()).pop() } {
            return Some(Next::Task(task));
        }
        self.take(&self.shared.injector, false).map(Next::Task)
    }

    /// Whether something may go before the tasks in the queue.
    #[inline]
    fn goes_before_the_queue(&self) -> bool {
        !self.slot().lifo.load(Ordering::Relaxed).is_null() || self.index == 0 && self.main_may_be_due()
    }

    /// Whether `block_on`'s future was woken, or has a turn.
    #[inline]
    fn main_may_be_due(&self) -> bool {
        self.main_turn.get() > 0 || self.shared.main_woken.load(Ordering::Relaxed)
    }

    /// As [`next`](Self::next), on a current-thread loop: one queue, first in, first out, `block_on`'s future in it.
    fn next_in_order(&self) -> Option<Next> {
        if self.shared.injector.len() > 0 && (self.fifo_is_empty() || self.until_look.get() % 8 == 0) {
            self.merge_injected();
        }
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        let fifo = unsafe { &mut *self.fifo.get() };
        let task = fifo.pop_front();
        self.leave.took_one_of(fifo.len());
        match task {
            Some(task) if task.0.as_ptr() == self.main.get() => Some(Next::Main),
            task => task.map(Next::Task),
        }
    }

    /// How many polls this worker has before it.
    pub(crate) fn ready(&self) -> usize {
        if self.shared.local {
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            return unsafe { (*self.fifo.get()).len() };
        }
        let lists = self.shared.injector.len() + self.shared.over.len() + self.over_len();
        self.queue.len() + lists + usize::from(!self.slot().lifo.load(Ordering::Relaxed).is_null())
    }

    fn fifo_is_empty(&self) -> bool {
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        unsafe { (*self.fifo.get()).is_empty() }
    }

    /// As [`merge_injected`](Self::merge_injected), for the price of a load where there is nothing.
    #[inline]
    fn merge_if_any(&self) {
        if self.shared.injector.len() > 0 {
            self.merge_injected();
        }
    }

    /// Merges, on a current-thread loop, what other threads noted about its tasks, and queues what they created.
    pub(crate) fn merge_injected(&self) {
        let mut chain = self.shared.injector.take(usize::MAX, true);
        self.fed.set(true);
        while let Some(task) = chain.pop() {
            task.merge();
        }
    }

    /// Whether `block_on`'s future may go before the queue again: like the LIFO slot, a few times in a row.
    #[inline]
    fn main_may_go_first(&self) -> bool {
        self.lifo_streak.get() < LIFO_STREAK || !self.has_own_work()
    }

    /// Whether `block_on`'s future is to be polled now; takes the wake.
    #[inline]
    fn main_is_due(&self) -> bool {
        let turn = self.main_turn.get();
        if turn > 0 {
            // It yielded: those who were ready then come first, unless all of them are done.
            if turn > 1 && self.has_own_work() {
                self.main_turn.set(turn - 1);
                return false;
            }
            self.main_turn.set(0);
            return true;
        }
        let woken = &self.shared.main_woken;
        // Acquire pairs with the Release store in `wake_main`.
        woken.load(Ordering::Relaxed) && woken.swap(false, Ordering::AcqRel)
    }

    fn has_own_work(&self) -> bool {
        self.queue.len() > 0 || self.over_len() > 0 || !self.slot().lifo.load(Ordering::Relaxed).is_null()
    }

    /// Takes a share of a shared list: returns one task and queues the rest.
    #[inline]
    fn take(&self, list: &Injector, patient: bool) -> Option<Raw> {
        match list.len() {
            0 => None,
            len => self.take_some(list, len, patient),
        }
    }

    #[inline(never)]
    fn take_some(&self, list: &Injector, len: usize, patient: bool) -> Option<Raw> {
        let room = CAPACITY - self.queue.len();
        let share = (len / self.shared.workers + 1).min(TAKE).min(room + 1);
        let mut chain = list.take(share, patient);
        if std::ptr::eq(list, &raw const self.shared.injector) {
            self.fed.set(true);
        }
        let first = chain.pop();
        while let Some(task) = chain.pop() {
            self.queue.push(task);
        }
        first
    }

    /// Whether there is nothing to search: nobody else is awake, and nothing lies about. Who never counts as searching is
    /// relied on by nobody, and looks again when others see that it sleeps.
    #[inline]
    fn sees_nothing(&self) -> bool {
        self.shared.injector.len() == 0
            && self.shared.over.len() == 0
            && self.shared.idle.find_awake(self.index, 0, Some).is_none()
    }

    /// Stays awake for a moment for another thread that brings tasks one by one: a sleep and a wake-up cost more than the
    /// moment, on both sides. `true` when there is something.
    pub(super) fn lingers(&self) -> bool {
        if !self.fed.replace(false) || cfg!(heist_loom) {
            return false;
        }
        for _ in 0..LINGER {
            if self.shared.injector.len() > 0 {
                return true;
            }
            hint::spin_loop();
        }
        false
    }

    /// Looks for a task in the other workers' queues.
    fn search(&self) -> Option<Raw> {
        if !self.searching.get() && (self.sees_nothing() || !self.shared.idle.start_searching()) {
            return None;
        }
        self.searching.set(true);
        for _ in 0..2 {
            let mut again = false;
            let start = self.context.random_below(self.shared.slots.len());
            let stolen = self.shared.idle.find_awake(self.index, start, |victim| {
                if !self.is_worth_stealing(victim) {
                    return None;
                }
                match self.shared.slot(victim).stealer.steal_into(&self.queue) {
                    Steal::Task(task) => {
                        self.slot().tally.stolen();
                        return Some(task);
                    }
                    Steal::Empty => {}
                    Steal::Retry => again = true,
                }
                None
            });
            if stolen.is_some() {
                return stolen;
            }
            if let Some(task) = self.take(&self.shared.injector, true) {
                return Some(task);
            }
            if self.is_over_worth_taking() {
                if let Some(task) = self.take(&self.shared.over, true) {
                    return Some(task);
                }
            }
            if !again {
                break;
            }
        }
        None
    }

    /// Whether a victim's backlog is worth moving, or the victim cannot run it.
    #[inline]
    fn is_worth_stealing(&self, victim: usize) -> bool {
        let slot = self.shared.slot(victim);
        match slot.stealer.len() {
            0 => false,
            len => {
                gain(len, slot.poll_time.load(Ordering::Relaxed).into()) >= STEAL_WORTH
                    || slot.stuck.load(Ordering::Relaxed)
            }
        }
    }

    /// Whether what is over in the other workers' queues is worth moving, or one of them cannot come for it.
    fn is_over_worth_taking(&self) -> bool {
        let shared = &*self.shared;
        match shared.over.len() {
            0 => false,
            len => {
                gain(len, shared.over_poll_time()) >= STEAL_WORTH
                    || shared.stuck.load(Ordering::Relaxed) > 0
                    || shared.runs_alone(self.index)
            }
        }
    }

    /// Work was found: stops searching, and the last searcher passes the duty to wake on.
    #[inline(always)]
    fn found_work(&self) {
        if self.searching.get() {
            self.end_search();
        }
    }

    #[inline(never)]
    fn end_search(&self) {
        self.searching.set(false);
        if self.shared.idle.stop_searching() {
            // Publishers that saw a searcher did nothing: this is their wake, if it is still needed.
            if self.shared.injector.len() > 0 || self.shared.stuck.load(Ordering::Relaxed) > 0 {
                self.shared.notify();
            } else {
                self.wake_helper();
            }
        }
    }

    /// Wakes a helper if the backlog has earned one.
    #[inline]
    fn wake_helper(&self) {
        let shared = &*self.shared;
        let backlog = self.queue.len() + self.over_len() + shared.over.len() + shared.injector.len();
        if gain(backlog, self.poll_time.get()) >= HELP_WORTH && shared.idle.any() {
            self.flush_over();
            shared.notify();
        }
    }

    fn flush_over(&self) {
        // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
        let over = unsafe { &mut *self.over() };
        if !over.is_empty() {
            self.shared.put_over(std::mem::replace(over, Chain::new()));
        }
    }

    // ---- polling -------------------------------------------------------------------------------------------------

    /// Polls one task.
    #[inline]
    pub(crate) fn poll(&self, task: Raw) {
        let header = task.header();
        let access = if self.shared.local { Access::Owner } else { Access::Shared };
        self.count_poll(header.id);
        let mut start = header.word.start(access);
        let watched = self.shared.debug.begin();
        let (polled, again) =
            deliver::poll(&self.context, task, access, &mut start, &mut deliver::InCell(task));
        self.shared.debug.end(watched, || debug::name_of(task));
        if let Poll::Ready(outcome) = polled {
            if header.vtable.kind != Kind::Callback {
                self.slot().tally.task_ended();
            }
            if outcome & (FAILED | CANCELLED) == FAILED {
                self.shared.task_panicked(task);
            }
            // SAFETY: this worker polled the task and does not touch it afterwards.
            unsafe { task.complete(access, outcome) };
            if self.shared.phase() >= CLOSING {
                self.shared.task_ended_while_closing();
            }
        } else if again || header.word.end(access, start) == End::Again {
            self.requeue(task);
        }
    }

    /// Queues a task again that ran and wants to run again: behind all others.
    fn requeue(&self, task: Raw) {
        if self.shared.local {
            // What other threads brought before goes before.
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
        } else if self.queue.len() == 0 && self.over_len() == 0 {
            // Alone in line, and the next to be taken: not worth a way through the deque.
            debug_assert!(self.again.get().is_null(), "one poll at a time ends here, see `start_eagerly`");
            self.again.set(task.0.as_ptr());
        } else {
            self.push_back(task);
        }
    }

    /// Puts a task that is alone in line where others find it, if there is one.
    #[inline]
    fn flush_again(&self) {
        if let Some(task) = task_at(self.again.replace(ptr::null_mut())) {
            self.push_back(task);
        }
    }

    #[inline]
    fn count_poll(&self, id: u64) {
        let polls = self.polls.get().wrapping_add(1);
        self.polls.set(polls);
        let slot = self.slot();
        // Relaxed: the watchdog only compares counts, and a report of a stuck task may name the one before.
        slot.polls.store(polls, Ordering::Relaxed);
        slot.current_id.store(id, std::sync::atomic::Ordering::Relaxed);
        self.until_look.set(self.until_look.get().wrapping_sub(1));
    }

    // ---- time and I/O --------------------------------------------------------------------------------------------

    /// Fires what is due, takes in readiness and a share of the injector, and adapts how often to look.
    #[inline(never)]
    pub(crate) fn look(&self) {
        self.flush_again();
        let now = self.shared.clock.now();
        let polls = self.polls.get().wrapping_sub(self.polls_at_look.get());
        if polls > 0 && self.looked_at.get() != NEVER {
            let average = now.saturating_sub(self.looked_at.get()) / polls;
            // A moving average over about four looks.
            let average = (self.poll_time.get() * 3 + average) / 4;
            self.poll_time.set(average);
            self.slot().poll_time.store(average.try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        self.restart_look(now);
        let slot = self.slot();
        if slot.look.load(Ordering::Relaxed) {
            self.heed();
        }
        slot.looks.store(slot.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        if self.shared.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            slot.tally.is_ready(unsafe { (*self.fifo.get()).len() });
        }
        let io = self.shared.driver.io_waiting();
        self.drive(|| self.shared.driver.turn(self.index, now, io));
        self.fire_timed(now);
        if self.shared.local {
            return;
        }
        // Whoever injects must not wait for this worker's own queue to run dry.
        if let Some(task) = self.take(&self.shared.injector, false) {
            self.push_back(task);
        }
        self.flush_over();
        self.wake_helper();
    }

    /// Calls the driver: what it wakes is queued in order. It wakes anybody's wakers; one that panics has been reported
    /// by the panic hook and must not end the worker.
    #[inline]
    fn drive(&self, call: impl FnOnce()) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.context.in_order(call)));
    }

    /// Has the callbacks called that are due, which are worker 0's to look after.
    #[inline]
    fn fire_timed(&self, now: u64) {
        if self.index == 0 {
            self.shared.fire_timed(now);
        }
    }

    /// A stretch of polls begins at `now`; [`NEVER`] where that is not known, and the stretch is not measured.
    fn restart_look(&self, now: u64) {
        self.looked_at.set(now);
        self.polls_at_look.set(self.polls.get());
        let poll_time = self.poll_time.get().max(1);
        let most = (SHORTEST_LOOK / poll_time).clamp(u64::from(LOOK_POLLS), 4 * u64::from(LOOK_POLLS));
        self.until_look.set((self.look_interval / poll_time).clamp(1, most) as u32);
    }
}
