//! One worker: takes tasks, polls them, looks after time and I/O, and sleeps when there is nothing to do.
//!
//! The order of work of one turn:
//!
//! 1. every [`LOOK_POLLS`] polls, or about [`LOOK_TIME`], *look*: fire due timers, take in readiness, take a share of
//!    what was injected, and wake a helper if the backlog has earned one;
//! 2. on worker 0 of a run, `block_on`'s future if it was woken;
//! 3. the task in the LIFO slot, at most [`LIFO_STREAK`] times in a row: it was woken by the task before it, and what
//!    they share is still in the cache;
//! 4. the worker's own queue, in order; then what was over there; then the injector;
//! 5. other workers' queues, if few enough search;
//! 6. sleep: in the driver if tasks wait for I/O and nobody else is there, else on the worker's own parker.
//!
//! Wake-ups are *earned*. Waking a helper costs some 5 us on each side, and every task that it takes comes to a cold
//! cache, so it is done for a backlog from which [`HELP_WORTH`] is gained, never for a task that its own worker reaches at
//! once. Queued work may therefore coexist with sleepers, as long as the worker that has it moves on; when a worker stands
//! still inside one poll, the watchdog ([`crate::watchdog`]) brings help. What comes from other threads is in nobody's
//! queue and always wakes a sleeper, unless a searcher will find it.
//!
//! The races, and why they are closed: `docs/design/sleep-wake.md`.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use heist_core::clock::NEVER;
use heist_core::context::{self, Context};
use heist_core::sync::atomic::{Ordering, fence};
use heist_core::sync::thread;

use crate::heap::{Heap, Shape};
use crate::inject::{Chain, Injector};
use crate::queue::{CAPACITY, Local, Steal};
use crate::shared::{CLOSED, CLOSING, PAUSED, Shared, Slot, task_at};
use crate::task::remote;
use crate::task::state::{self, Access, End, LOCAL};
use crate::task::{self, CancelledError, Header, Kind, Raw, Task, TaskError};
use crate::trace;

/// The most polls between two looks at timers and I/O. The number is tokio's and Go's; odd, so that it does not fall
/// into step with a program's own batches.
pub(crate) const LOOK_POLLS: u32 = 61;

/// About how long a worker polls tasks between two looks, in nanoseconds.
const LOOK_TIME: u64 = 200_000;

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

/// How many tasks that are over go to the shared list at a time.
const FLUSH: usize = 32;

/// The most tasks taken from the injector at a time: half a deque.
const TAKE: usize = CAPACITY / 2;

/// The longest sleep of a worker while its loop is being closed.
const CLOSING_NAP: Duration = Duration::from_millis(5);

/// One worker of a loop. Its thread has `context` as its current context while it runs.
#[repr(C)]
pub(crate) struct Worker {
    /// First, so that a pointer to it is a pointer to the worker.
    context: Context,
    shared: Arc<Shared>,
    index: usize,
    queue: Local,
    /// The queue of a current-thread loop: strictly first in, first out.
    fifo: UnsafeCell<VecDeque<Raw>>,
    /// Tasks that the deque has no room for.
    over: UnsafeCell<Chain>,
    heap: Heap,
    lifo_streak: Cell<u8>,
    polls: Cell<u32>,
    /// Polls until the next look.
    until_look: Cell<u32>,
    looked_at: Cell<u64>,
    polls_at_look: Cell<u32>,
    /// The moving average of a poll's time, in nanoseconds.
    poll_time: Cell<u64>,
    searching: Cell<bool>,
    /// Whether this spare worker is to end its thread.
    gone: Cell<bool>,
    /// Polls until `block_on`'s future, which yielded, is polled again; 0 when it did not yield.
    main_turn: Cell<usize>,
    /// The header of `block_on`'s future during a run, on worker 0.
    main: Cell<*mut Header>,
}

// SAFETY: a worker is plain memory and pointers to tasks, which are made for any thread; it is moved only while it rests.
// The tasks of a current-thread loop never leave their thread: such a loop's worker is only used through a handle that is
// not Send.
unsafe impl Send for Worker {}

/// What the worker does next.
pub(crate) enum Next {
    Task(Raw),
    /// `block_on`'s future is to be polled.
    Main,
}

impl Worker {
    pub(crate) fn new(index: usize, queue: Local, shared: &Arc<Shared>) -> Self {
        Self {
            context: Context::new(index, shared.id(), shared.clock.clone(), shared.driver.clone()),
            shared: shared.clone(),
            index,
            queue,
            fifo: UnsafeCell::new(VecDeque::new()),
            over: UnsafeCell::new(Chain::new()),
            heap: Heap::new(index),
            lifo_streak: Cell::new(0),
            polls: Cell::new(0),
            until_look: Cell::new(LOOK_POLLS),
            looked_at: Cell::new(0),
            polls_at_look: Cell::new(0),
            poll_time: Cell::new(1000),
            searching: Cell::new(false),
            gone: Cell::new(false),
            main_turn: Cell::new(0),
            main: Cell::new(ptr::null_mut()),
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
    fn slot(&self) -> &Slot {
        self.shared.slot(self.index)
    }

    #[inline]
    fn over(&self) -> *mut Chain {
        self.over.get()
    }

    fn over_len(&self) -> usize {
        // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
        unsafe { (*self.over()).len() }
    }

    // ---- tasks come in -------------------------------------------------------------------------------------------

    /// Creates a task here and queues it.
    #[inline]
    pub(crate) fn spawn<F>(&self, future: F, location: &'static Location<'static>) -> Task<F::Output>
    where
        F: Future + 'static,
    {
        let local = if self.shared.local { LOCAL } else { 0 };
        let raw = create(&self.heap, &self.shared, Kind::Task, future, state::NEW | local, 0, location);
        if self.shared.phase() >= CLOSING {
            refuse(raw);
        } else if self.shared.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(raw) };
        } else {
            self.push_back(raw);
        }
        // SAFETY: `NEW` counts the handle's reference and flag; the cell was made for this future.
        unsafe { Task::from_raw(raw) }
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
        if self.index == 0 && self.main_may_go_first() && self.main_is_due() {
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

    /// As [`next`](Self::next), on a current-thread loop: one queue, first in, first out, `block_on`'s future in it.
    fn next_in_order(&self) -> Option<Next> {
        if self.shared.injector.len() > 0 && (self.fifo_is_empty() || self.until_look.get() % 8 == 0) {
            self.merge_injected();
        }
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        let task = unsafe { (*self.fifo.get()).pop_front() };
        match task {
            Some(task) if task.0.as_ptr() == self.main.get() => Some(Next::Main),
            task => task.map(Next::Task),
        }
    }

    fn fifo_is_empty(&self) -> bool {
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        unsafe { (*self.fifo.get()).is_empty() }
    }

    /// Merges, on a current-thread loop, what other threads noted about its tasks, and queues what they created.
    pub(crate) fn merge_injected(&self) {
        let mut chain = self.shared.injector.take(usize::MAX, true);
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
        let first = chain.pop();
        while let Some(task) = chain.pop() {
            self.queue.push(task);
        }
        first
    }

    /// Looks for a task in the other workers' queues.
    fn search(&self) -> Option<Raw> {
        if !self.searching.get() && !self.shared.idle.start_searching() {
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
                    Steal::Task(task) => return Some(task),
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
    #[inline]
    fn found_work(&self) {
        if self.searching.replace(false) && self.shared.idle.stop_searching() {
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
        let start = header.word.start(access);
        self.context.set_current(task.0.as_ptr().cast_const().cast());
        let polled = if start & state::CANCEL == 0 {
            let waker = task::borrowed(task);
            let mut cx = TaskContext::from_waker(&waker);
            // SAFETY: this worker took the task from a queue, so it alone polls it, and it is not complete.
            unsafe { (header.vtable.poll)(task.0, &mut cx) }
        } else {
            // SAFETY: as above.
            unsafe { (header.vtable.fail)(task.0, cancellation(task)) };
            Poll::Ready(())
        };
        self.context.set_current(ptr::null());
        let yielded = self.context.take_yielded();
        if polled.is_ready() {
            // SAFETY: this worker polled the task and does not touch it afterwards.
            unsafe { task.complete(access) };
            if self.shared.phase() >= CLOSING {
                self.shared.task_ended_while_closing();
            }
        } else if yielded || header.word.end(access, start) == End::Again {
            self.requeue(task);
        }
    }

    /// Queues a task again that ran and wants to run again: behind all others.
    fn requeue(&self, task: Raw) {
        if self.shared.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
        } else {
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
    fn look(&self) {
        let now = self.shared.clock.now();
        let polls = self.polls.get().wrapping_sub(self.polls_at_look.get());
        if polls > 0 && self.looked_at.get() != NEVER {
            let average = now.saturating_sub(self.looked_at.get()) / u64::from(polls);
            // A moving average over about four looks.
            let average = (self.poll_time.get() * 3 + average) / 4;
            self.poll_time.set(average);
            self.slot().poll_time.store(average.try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        self.restart_look(now);
        let slot = self.slot();
        slot.look.store(false, Ordering::Relaxed);
        slot.looks.store(slot.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let io = self.shared.driver.io_waiting();
        self.drive(|| self.shared.driver.turn(self.index, now, io));
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

    /// A stretch of polls begins at `now`; [`NEVER`] where that is not known, and the stretch is not measured.
    fn restart_look(&self, now: u64) {
        self.looked_at.set(now);
        self.polls_at_look.set(self.polls.get());
        let polls = LOOK_TIME / self.poll_time.get().max(1);
        self.until_look.set((polls as u32).clamp(1, LOOK_POLLS));
    }

    // ---- sleeping ------------------------------------------------------------------------------------------------

    /// Sleeps until there may be something to do. `last` ends the sleep when it becomes true; it is asked after others
    /// can see that this worker sleeps.
    fn sleep(&self, mut last: impl FnMut() -> bool) {
        let shared = &*self.shared;
        shared.idle.prepare_to_sleep(self.index, self.searching.replace(false));
        if self.sees_work() || last() {
            self.wake_up();
            return;
        }
        if self.is_surplus() {
            self.wake_up();
            // Only from here: others could see it sleep, and nobody chose it, so nobody counts on it.
            self.gone.set(!self.searching.get());
            return;
        }
        if shared.clock.is_virtual() {
            self.sleep_or_jump();
        } else {
            self.wait(shared.driver.next_deadline(self.index));
            self.wake_up();
        }
        if shared.driver.next_deadline(self.index) == NEVER {
            // No timer, no need to know the time.
            self.restart_look(NEVER);
        } else {
            let now = shared.clock.now();
            self.drive(|| shared.driver.turn(self.index, now, false));
            self.restart_look(now);
        }
        let slot = self.slot();
        slot.looks.store(slot.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.wake_helper();
    }

    /// Waits in the driver or on the parker until `deadline`.
    fn wait(&self, mut deadline: u64) {
        let shared = &*self.shared;
        let parker = &self.slot().parker;
        if shared.phase() >= CLOSING {
            // Whoever closes the loop has a limit to keep.
            if shared.clock.is_virtual() {
                return parker.park(Some(CLOSING_NAP));
            }
            deadline = deadline.min(shared.clock.deadline_in(CLOSING_NAP));
        }
        if shared.driver.claim(self.index) {
            if parker.begin_driver() {
                self.drive(|| shared.driver.park(self.index, deadline));
                parker.end_driver();
            }
            shared.driver.release(self.index);
        } else if deadline == NEVER {
            parker.park(None);
        } else {
            let now = shared.clock.now();
            if deadline > now {
                parker.park(Some(Duration::from_nanos(deadline - now)));
            }
        }
    }

    /// This worker no longer sleeps; if somebody chose it, it searches on their behalf.
    fn wake_up(&self) {
        if !self.shared.idle.stop_sleeping(self.index) {
            self.searching.set(true);
        }
        self.shared.watchdog.worker_awake();
    }

    /// Whether there is anything that a worker about to sleep must not sleep over.
    fn sees_work(&self) -> bool {
        let shared = &*self.shared;
        if shared.injector.len() > 0 || shared.phase() == PAUSED || shared.phase() == CLOSED {
            return true;
        }
        if self.is_over_worth_taking() {
            return true;
        }
        if self.index == 0 && shared.main_woken.load(Ordering::Acquire) {
            return true;
        }
        let worth = |victim| self.is_worth_stealing(victim).then_some(());
        shared.idle.find_awake(self.index, 0, worth).is_some()
    }

    /// Sleeps under virtual time, and wakes up. The last worker to sleep lets time jump to the next deadline of any
    /// worker.
    fn sleep_or_jump(&self) {
        let shared = &*self.shared;
        {
            let _jump = shared.jump.lock();
            if shared.all_quiet() {
                self.drive(|| shared.driver.turn(self.index, shared.clock.now(), true));
                if self.has_anything() || !shared.all_quiet() || self.jump() {
                    // Before the lock goes: whoever takes it next must see that this worker has something to do.
                    return self.wake_up();
                }
            }
        }
        // Whoever ends the reason for waiting (a push, a wake, the last hold) unparks a sleeper.
        self.wait(NEVER);
        self.wake_up();
    }

    /// Moves time to the next deadline and fires what is due, on behalf of all workers; `false` when nothing is armed.
    fn jump(&self) -> bool {
        let shared = &*self.shared;
        let slots = 0..shared.slots.len();
        let next = slots.clone().map(|worker| shared.driver.next_deadline(worker)).min().unwrap_or(NEVER);
        if next == NEVER {
            return false;
        }
        shared.clock.advance_to(next);
        for worker in slots {
            if shared.driver.next_deadline(worker) <= next {
                self.drive(|| {
                    if worker == self.index {
                        shared.driver.turn(worker, next, false);
                    } else {
                        shared.driver.rescue(worker, next);
                    }
                });
            }
        }
        true
    }

    fn has_anything(&self) -> bool {
        self.has_own_work() || !self.fifo_is_empty() || self.main_turn.get() > 0
    }

    // ---- the two ways of running -----------------------------------------------------------------------------------

    /// Runs this worker on the current thread until the loop is closed; for all workers but 0.
    pub(crate) fn run_thread(self: Box<Self>, shared: &Arc<Shared>) {
        self.gone.set(false);
        {
            // SAFETY: the guard ends with this block, before the worker moves.
            let _entered = unsafe { self.enter() };
            self.set_active(true);
            trace::worker(self.index, true);
            loop {
                match shared.phase() {
                    CLOSED => break,
                    PAUSED => {
                        self.hand_over();
                        self.set_active(false);
                        shared.pause();
                        self.set_active(true);
                        continue;
                    }
                    _ => {}
                }
                self.turn(|_| unreachable!("only worker 0 has a main future"));
                if self.gone.get() {
                    self.leave_driver();
                    break;
                }
            }
            self.hand_over();
            self.set_active(false);
            trace::worker(self.index, false);
        }
        if shared.phase() == CLOSED {
            self.retire();
        } else {
            let index = self.index;
            *shared.resting[index].lock() = Some(self);
        }
    }

    /// Whether this is a spare that is no longer needed: nobody is stuck, and it has nothing of its own.
    fn is_surplus(&self) -> bool {
        self.index >= self.shared.workers
            && self.shared.stuck.load(Ordering::Relaxed) == 0
            && self.shared.driver.next_deadline(self.index) == NEVER
    }

    /// A spare goes for good. Whoever found the driver claimed by it sleeps on a parker, and no one would claim it
    /// again: so one sleeper is woken, to wait in the driver.
    fn leave_driver(&self) {
        // Pairs with the fence in `prepare_to_sleep`: a worker whose idle bit is not seen here has yet to try the claim,
        // which this one has given back.
        fence(Ordering::SeqCst);
        if self.shared.driver.io_waiting() {
            self.shared.poke();
        }
    }

    fn set_active(&self, active: bool) {
        if active && !self.shared.local {
            self.slot().thread.store(crate::watchdog::current_thread(), Ordering::Relaxed);
        }
        self.slot().active.store(active, Ordering::Release);
        self.shared.idle.set_active(self.index, active);
        if active {
            self.shared.watchdog.worker_awake();
        }
    }

    pub(crate) fn begin_run(&self, main: *mut Header) {
        self.set_active(true);
        self.main.set(main);
        self.main_turn.set(0);
        self.restart_look(self.shared.clock.now());
    }

    pub(crate) fn end_run(&self) {
        self.main.set(ptr::null_mut());
        self.hand_over();
        self.set_active(false);
    }

    /// Leaves nothing behind that only this worker could run: slot and queues go to the injector.
    pub(crate) fn hand_over(&self) {
        if self.searching.replace(false) {
            self.shared.idle.stop_searching();
        }
        if self.shared.local {
            return;
        }
        // Once the loop is closed, what goes to the injector ends on the spot, and may wake more: until nothing is left.
        loop {
            let mut chain = Chain::new();
            if let Some(task) = task_at(self.slot().lifo.swap(ptr::null_mut(), Ordering::AcqRel)) {
                chain.push(task);
            }
            while let Some(task) = self.queue.pop() {
                chain.push(task);
            }
            // SAFETY: only this worker's thread uses the list, and no reference to it is kept.
            chain.append(std::mem::replace(unsafe { &mut *self.over() }, Chain::new()));
            if chain.is_empty() {
                break;
            }
            self.shared.inject_chain(chain);
        }
    }

    /// Closes a current-thread loop: ends all its tasks, here, for their futures need not be Send, and hands the cells
    /// that others still hold over to them.
    pub(crate) fn close_local(&self) {
        loop {
            self.merge_injected();
            let mut held = Vec::new();
            self.shared.each_task(|task| held.push(task));
            for &task in &held {
                let word = task.header().word.load();
                if word & LOCAL != 0 && word & state::COMPLETE == 0 {
                    // SAFETY: this thread owns the loop and is inside no poll; the walk's reference keeps the cell.
                    unsafe { task.end(Access::Owner, "the event loop is closed") };
                }
            }
            // What was queued has ended.
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).clear() };
            // What a drop has just created has ended too, as refused; what others create comes by the injector.
            let (local, others): (Vec<_>, Vec<_>) =
                held.into_iter().partition(|task| task.header().word.load() & LOCAL != 0);
            others.into_iter().for_each(Raw::release);
            if local.is_empty() && self.shared.injector_close_if_empty() {
                return;
            }
            for task in local {
                task.begin_sharing();
                while !task.finish_sharing() {
                    // A note is on its way: it is in the inbox, or the thread that wrote it is about to push it.
                    self.merge_injected();
                    thread::yield_now();
                }
            }
        }
    }

    /// One turn: look if it is time, then one poll, or search, or sleep.
    #[inline]
    pub(crate) fn turn(&self, main: impl FnOnce(&Self)) {
        self.turn_until(main, || false);
    }

    /// As [`turn`](Self::turn), without sleeping once `last` is true.
    #[inline]
    pub(crate) fn turn_until(&self, main: impl FnOnce(&Self), last: impl FnMut() -> bool) {
        // The count may wrap below zero while polls of `block_on`'s future go by: compare as signed.
        if self.until_look.get() as i32 <= 0 || self.slot().look.load(Ordering::Relaxed) {
            self.look();
        }
        match self.next() {
            Some(Next::Task(task)) => {
                self.found_work();
                self.poll(task);
            }
            Some(Next::Main) => {
                self.found_work();
                self.count_poll(0);
                main(self);
            }
            None if self.shared.local => self.sleep(last),
            None => match self.search() {
                Some(task) => {
                    self.found_work();
                    self.poll(task);
                }
                None => self.sleep(last),
            },
        }
    }

    /// Polls `block_on`'s future once, by `poll`; `true` when it is to be polled no more.
    pub(crate) fn poll_main(&self, main: Raw, poll: impl FnOnce(&mut TaskContext<'_>) -> bool) -> bool {
        let header = main.header();
        let access = if self.shared.local { Access::Owner } else { Access::Shared };
        let start = header.word.start(access);
        if start & state::CANCEL != 0 {
            return true;
        }
        self.context.set_current(main.0.as_ptr().cast_const().cast());
        let waker = task::borrowed(main);
        let ended = poll(&mut TaskContext::from_waker(&waker));
        self.context.set_current(ptr::null());
        let yielded = self.context.take_yielded();
        if !ended && (yielded || header.word.end(access, start) == End::Again) {
            if self.shared.local {
                self.requeue(main);
            } else {
                self.put_main_in_order();
            }
        }
        ended
    }

    /// Has `block_on`'s future polled once those who are ready now have been.
    pub(crate) fn put_main_in_order(&self) {
        if self.main_turn.get() == 0 {
            let ready = self.queue.len() + self.over_len() + self.shared.over.len();
            // One for each poll to come, and one because zero says that it has no turn.
            self.main_turn.set(ready + 2);
        }
    }

    /// Waits a moment for the last tasks of a closing loop.
    pub(crate) fn nap(&self) {
        self.slot().parker.park(Some(CLOSING_NAP));
    }

    /// The loop is closed: what is still queued here ends, and the heap closes.
    pub(crate) fn retire(self: Box<Self>) {
        self.heap.close(&self.shared);
    }
}

impl Shared {
    /// Whether no worker runs anything and nothing is on its way: time may jump. The caller sleeps.
    fn all_quiet(&self) -> bool {
        // Who sleeps is read last: a worker clears its bit before it takes the wake of `block_on`'s future, a task or a
        // hold, so what was taken between the two looks shows here.
        self.injector.len() == 0
            && self.over.len() == 0
            && !self.main_woken.load(Ordering::Acquire)
            && self.clock.holds() == 0
            && self
                .slots
                .iter()
                .all(|slot| slot.stealer.is_empty() && slot.lifo.load(Ordering::Acquire).is_null())
            && self.idle.all_sleep()
    }
}

/// The error of a task that was cancelled.
fn cancellation(task: Raw) -> TaskError {
    let message = task.cold_if_any().and_then(|cold| cold.cancel_message.lock().take());
    TaskError::cancelled(CancelledError::new(message.as_deref()))
}

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
    let late = kind == Kind::Task && shared.phase() >= CLOSING;
    // A local task begins idle, with a wake noted: the owner queues it when it merges. Its words are right from the
    // first moment, for walkers of the registry find it at once.
    let (word, notes) = if shared.local && kind == Kind::Task && !late {
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
