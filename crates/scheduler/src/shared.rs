//! The block that all parts of one loop share, and that outlives it as long as anybody holds one of its tasks.

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use heist_core::clock::Stopwatch;
use heist_core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use heist_core::sync::{Condvar, Mutex};
use heist_core::{Clock, Driver};

use crate::blocking::Pool;
use crate::callbacks::Callbacks;
use crate::config::Config;
use crate::debug::Debug;
use crate::heap::{Heap, Registry};
use crate::idle::Idle;
use crate::inject::Injector;
use crate::metrics::{ForeignTally, Tally};
use crate::park::Parker;
use crate::queue::{Local, Stealer};
use crate::task::TaskDefaults;
use crate::task::state::Access;
use crate::task::{Header, Raw};
use crate::watchdog::Watchdog;
use crate::worker::{LOOK_POLLS, Worker};

/// Nothing runs: before the first run, and between runs.
pub(crate) const PAUSED: u8 = 0;
/// A run is under way.
pub(crate) const RUNNING: u8 = 1;
/// The loop is being closed: what is alive is driven to its end, nothing new is taken.
pub(crate) const CLOSING: u8 = 2;
/// The loop is closed.
pub(crate) const CLOSED: u8 = 3;

/// Numbers for tasks; workers take blocks of them.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Takes `count` task numbers and returns the first.
pub(crate) fn id_block(count: u64) -> u64 {
    NEXT_ID.fetch_add(count, std::sync::atomic::Ordering::Relaxed)
}

/// What the other workers, publishers and the watchdog see of one worker.
pub(crate) struct Slot {
    /// The task that runs next on this worker. Put by the worker, taken by the worker or the watchdog.
    pub(crate) lifo: AtomicPtr<Header>,
    /// Counts this worker's polls, wrapping; a worker whose count stands still is inside a poll. Written by the worker.
    pub(crate) polls: heist_core::sync::atomic::AtomicU64,
    /// Counts this worker's looks at the driver. Written by the worker.
    pub(crate) looks: AtomicU32,
    /// When this worker last looked or woke up, by the watchdog's stopwatch. Written by the worker.
    pub(crate) stamp: AtomicU64,
    /// The system's number of the thread that runs this worker, for the watchdog.
    pub(crate) thread: AtomicU32,
    /// Whether a thread runs this worker now.
    pub(crate) active: AtomicBool,
    /// `block_on`'s future must be polled: its worker's, which is worker 0, and reads it before every poll.
    pub(crate) main_woken: AtomicBool,
    /// The watchdog found the worker inside one long poll.
    pub(crate) stuck: AtomicBool,
    /// The count of polls at which the worker looks at the driver, and at what it was asked; [`ASKED`] where it is to do so
    /// before its next poll.
    pub(crate) look_at: heist_core::sync::atomic::AtomicU64,
    /// The worker's moving average of a poll's time, in nanoseconds. Written by the worker.
    pub(crate) poll_time: AtomicU32,
    /// The task being polled, for reports; never followed without the registry.
    pub(crate) current_id: AtomicU64,
    pub(crate) tally: Tally,
    pub(crate) parker: Parker,
    pub(crate) stealer: Stealer,
}

/// A [`Slot::look_at`] that says: before the next poll. The counts begin above it.
const ASKED: u64 = 0;

impl Slot {
    /// Has the worker look before its next poll. A swap, for loom keeps no one order of stores and swaps.
    ///
    /// Release pairs with the Acquire of [`put_off_look`](Self::put_off_look): the worker sees what it is asked to look at.
    pub(crate) fn ask_to_look(&self) {
        self.look_at.swap(ASKED, Ordering::Release);
    }

    /// Whether somebody has asked the worker to look.
    pub(crate) fn is_asked_to_look(&self) -> bool {
        self.look_at.load(Ordering::Relaxed) == ASKED
    }

    /// Whether the worker, which asks, is to look now. Two loads, of what nearly only the worker itself writes.
    #[inline(always)]
    pub(crate) fn is_look_due(&self) -> bool {
        self.polls.load(Ordering::Relaxed) >= self.look_at.load(Ordering::Relaxed)
    }

    /// The worker looks, and again after so many polls; whether it was asked to.
    pub(crate) fn put_off_look(&self, polls: u64) -> bool {
        let next = self.polls.load(Ordering::Relaxed) + polls;
        self.look_at.swap(next, Ordering::AcqRel) == ASKED
    }
}

/// See the module's text.
pub(crate) struct Shared {
    /// Whether this is a current-thread loop.
    pub(crate) local: bool,
    /// Workers that run all the time; the slots after them are spares.
    pub(crate) workers: usize,
    pub(crate) slots: Box<[CachePadded<Slot>]>,
    /// The workers that no thread runs now.
    pub(crate) resting: Box<[Mutex<Option<Box<Worker>>>]>,
    registries: Box<[Registry]>,
    /// What threads that are no worker bring, and what a worker leaves behind: nobody's, so it wakes a sleeper. Behind its
    /// entrance are the cells for tasks that no worker created.
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    pub(crate) clock: Arc<Clock>,
    /// For what the workers count of their time.
    pub(crate) stopwatch: Stopwatch,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) pool: Pool,
    pub(crate) callbacks: Callbacks,
    pub(crate) task_defaults: TaskDefaults,
    pub(crate) debug: Debug,
    pub(crate) foreign_tally: CachePadded<ForeignTally>,
    /// The panic that is to end the run.
    pub(crate) failure: Mutex<Option<Arc<str>>>,
    pub(crate) watchdog: Arc<Watchdog>,
    phase: AtomicU8,
    /// A signal asks for an end of the run: worker 0 passes it on to the main future. See [`crate::interrupt`].
    pub(crate) interrupted: AtomicBool,
    /// The run is to end after the pass that is under way; see [`crate::stop`].
    pub(crate) stop: AtomicBool,
    /// The callbacks that were in line when the last pass began have been called; multi-thread only.
    pub(crate) pass_called: AtomicBool,
    /// How many workers the watchdog has found stuck.
    pub(crate) stuck: AtomicUsize,
    /// Guards the wait of paused workers for the next run, and of a run's end for them.
    paused: Mutex<()>,
    pause_changed: Condvar,
    /// Held by the worker that decides about a jump of virtual time.
    pub(crate) jump: Mutex<()>,
    pub(crate) threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    pub(crate) config: Config,
    /// Where the run that is under way was started, for the message of a nested run.
    pub(crate) run_at: Mutex<Option<&'static Location<'static>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("workers", &self.workers)
            .field("local", &self.local)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn make(config: Config, local: bool, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Arc<Self> {
        let workers = if local { 1 } else { config.workers.max(1) };
        let count = workers + if local { 0 } else { config.spares };
        let mut queues = Vec::with_capacity(count);
        let slots: Box<[_]> = (0..count)
            .map(|_| {
                let (queue, stealer) = Local::new();
                queues.push(queue);
                CachePadded::new(Slot {
                    lifo: AtomicPtr::new(ptr::null_mut()),
                    polls: heist_core::sync::atomic::AtomicU64::new(0),
                    looks: AtomicU32::new(0),
                    stamp: AtomicU64::new(0),
                    thread: AtomicU32::new(0),
                    active: AtomicBool::new(false),
                    main_woken: AtomicBool::new(false),
                    stuck: AtomicBool::new(false),
                    look_at: heist_core::sync::atomic::AtomicU64::new(LOOK_POLLS.into()),
                    poll_time: AtomicU32::new(0),
                    current_id: AtomicU64::new(0),
                    tally: Tally::new(),
                    parker: Parker::new(),
                    stealer,
                })
            })
            .collect();
        let shared = Arc::new(Self {
            local,
            workers,
            slots,
            resting: (0..count).map(|_| Mutex::new(None)).collect(),
            registries: (0..=count).map(|_| Registry::default()).collect(),
            injector: Injector::new(Heap::new(count)),
            idle: Idle::new(count, workers),
            pool: Pool::new(config.max_blocking_threads, config.blocking_keep_alive),
            callbacks: Callbacks::new(),
            task_defaults: TaskDefaults::new(config.eager_tasks),
            stopwatch: Stopwatch::new(&clock),
            clock,
            driver,
            debug: Debug::new(),
            foreign_tally: CachePadded::default(),
            failure: Mutex::new(None),
            watchdog: Arc::new(Watchdog::new()),
            phase: AtomicU8::new(PAUSED),
            interrupted: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            pass_called: AtomicBool::new(true),
            stuck: AtomicUsize::new(0),
            paused: Mutex::new(()),
            pause_changed: Condvar::new(),
            jump: Mutex::new(()),
            threads: Mutex::new(Vec::new()),
            config,
            run_at: Mutex::new(None),
        });
        for (index, queue) in queues.into_iter().enumerate() {
            *shared.resting[index].lock() = Some(Box::new(Worker::new(index, queue, &shared)));
        }
        if shared.clock.is_virtual() {
            let weak = Arc::downgrade(&shared);
            shared.clock.on_release(Arc::new(move || {
                if let Some(shared) = weak.upgrade() {
                    shared.poke();
                }
            }));
        }
        shared
    }

    /// Which loop this is; unique while the block lives.
    #[inline]
    pub(crate) fn id(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    #[inline]
    pub(crate) fn phase(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn slot(&self, worker: usize) -> &Slot {
        &self.slots[worker]
    }

    /// Whether `block_on`'s future must be polled.
    #[inline]
    pub(crate) fn main_woken(&self) -> &AtomicBool {
        &self.slots[0].main_woken
    }

    pub(crate) fn registry(&self, heap: usize) -> &Registry {
        &self.registries[heap]
    }

    /// Uses the heap of those who are no worker.
    pub(crate) fn with_foreign_heap<R>(&self, f: impl FnOnce(&Heap) -> R) -> R {
        f(self.injector.enter().heap())
    }

    /// Puts in a task that no worker of this loop is about to queue itself, or a local one for its owner to merge what
    /// was noted about it, and wakes somebody for it.
    ///
    /// Never inlined: in a wake on a worker its code would only be in the way.
    #[inline(never)]
    pub(crate) fn inject(&self, task: Raw) {
        self.inject_quietly(task);
        self.notify_of_injected();
    }

    /// As [`inject`](Self::inject), without waking anybody.
    pub(crate) fn inject_quietly(&self, task: Raw) {
        let pushed = self.injector.enter().push(task);
        if !pushed {
            task.end_late();
        }
    }

    /// Closes the injector if nothing is in it.
    pub(crate) fn injector_close_if_empty(&self) -> bool {
        self.injector.close_if_empty()
    }

    /// A task of a closing loop has ended: whoever closes it looks again.
    #[cold]
    pub(crate) fn task_ended_while_closing(&self) {
        self.unpark(0);
    }

    /// After a push: wakes a sleeper, if there is one and nobody searches.
    #[inline]
    pub(crate) fn notify(&self) {
        #[cfg(all(test, heist_loom))]
        crate::models::assert_alive(self);
        if let Some(worker) = self.idle.notify(|worker| self.slots[worker].parker.is_parked()) {
            self.unpark(worker);
        }
    }

    /// As [`notify`](Self::notify), after something was injected.
    #[inline]
    pub(crate) fn notify_of_injected(&self) {
        #[cfg(all(test, heist_loom))]
        crate::models::assert_alive(self);
        if let Some(worker) = self.idle.notify_behind_lock(|worker| self.slots[worker].parker.is_parked()) {
            self.unpark(worker);
        }
    }

    /// Wakes any sleeper, whether or not others search.
    pub(crate) fn poke(&self) -> bool {
        match self.idle.poke(|worker| self.slots[worker].parker.is_parked()) {
            Some(worker) => {
                self.unpark(worker);
                true
            }
            None => false,
        }
    }

    /// Unparks one worker.
    pub(crate) fn unpark(&self, worker: usize) {
        #[cfg(all(test, heist_loom))]
        crate::models::assert_alive(self);
        if self.slots[worker].parker.unpark() {
            self.driver.unpark(worker);
        }
    }

    /// The future of `block_on` was woken.
    pub(crate) fn wake_main(&self) {
        let (here, in_order) = heist_core::context::with(|context| match context {
            Some(context) if context.loop_id() == self.id() && context.worker() == 0 => {
                (true, context.wakes_in_order())
            }
            _ => (false, false),
        });
        if in_order {
            crate::scheduler::with_worker(Worker::put_main_in_order);
            return;
        }
        // Release pairs with the Acquire swap in worker 0: it sees what the waker did.
        self.main_woken().store(true, Ordering::Release);
        if !here {
            self.unpark(0);
        }
    }

    /// When `worker` has something to do that waits for a time, at the earliest. Any thread.
    #[inline]
    pub(crate) fn next_deadline(&self, worker: usize) -> u64 {
        self.earliest(worker, self.driver.next_deadline(worker))
    }

    /// The earlier of the first of a worker's timers and, for worker 0, the first of the loop's callbacks that wait for a time.
    #[inline]
    pub(crate) fn earliest(&self, worker: usize, timers: u64) -> u64 {
        if worker == 0 { timers.min(self.callbacks.timed.next()) } else { timers }
    }

    /// Every task that is alive; on a current-thread loop also complete ones that somebody still holds.
    pub(crate) fn each_task(&self, mut visit: impl FnMut(Raw)) {
        for registry in &self.registries {
            registry.each(&mut visit);
        }
    }

    /// How many cells count a reference.
    #[cfg(all(test, heist_loom))]
    pub(crate) fn count_held(&self) -> usize {
        self.registries.iter().map(Registry::count_held).sum()
    }

    /// Enters a phase and tells every worker.
    pub(crate) fn set_phase(&self, phase: u8) {
        {
            let _paused = self.paused.lock();
            self.phase.store(phase, Ordering::Release);
            self.pause_changed.notify_all();
        }
        match phase {
            CLOSED => self.watchdog.call(),
            _ => self.watchdog.worker_awake(),
        }
        for worker in 0..self.slots.len() {
            if worker > 0 && phase != RUNNING {
                // One that polls task after task looks at the phase when it looks at time and I/O.
                self.slot(worker).ask_to_look();
            }
            self.unpark(worker);
        }
    }

    /// Waits, on a worker's thread, until there is a run.
    pub(crate) fn pause(&self) {
        let mut paused = self.paused.lock();
        self.pause_changed.notify_all();
        while self.phase.load(Ordering::Acquire) == PAUSED {
            paused = self.pause_changed.wait(paused);
        }
    }

    /// Waits until no worker runs, or `limit` has passed: a worker inside a long poll pauses after it.
    pub(crate) fn wait_paused(&self, limit: Duration) {
        let end = std::time::Instant::now() + limit;
        let mut paused = self.paused.lock();
        while self.slots.iter().any(|slot| slot.active.load(Ordering::Acquire)) {
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return;
            }
            paused = self.pause_changed.wait_timeout(paused, left).0;
        }
    }

    /// Starts a thread that runs `worker`, unless one does.
    pub(crate) fn start_worker(self: &Arc<Self>, worker: usize) -> std::io::Result<bool> {
        let Some(state) = self.resting[worker].lock().take() else { return Ok(false) };
        let shared = self.clone();
        let name = format!("{}-{worker}", self.config.thread_name);
        // In a cell, so that it can be put back when the thread cannot be started.
        let state = Arc::new(Mutex::new(Some(state)));
        let handed = state.clone();
        let started = std::thread::Builder::new().name(name).spawn(move || {
            if let Some(state) = handed.lock().take() {
                shared.config.on_thread(|| state.run_thread(&shared));
            }
        });
        match started {
            Ok(thread) => {
                self.threads.lock().push(thread);
                Ok(true)
            }
            Err(error) => {
                *self.resting[worker].lock() = state.lock().take();
                Err(error)
            }
        }
    }
}

#[cfg(all(test, heist_loom))]
impl Drop for Shared {
    fn drop(&mut self) {
        crate::models::note_gone(self);
    }
}

/// Takes a reference to the task in a cell, if there is one; for walkers of the registry.
///
/// A local task can be taken by its own thread only: elsewhere nobody can tell whether it is being freed.
pub(crate) fn acquire_if_alive(task: Raw, loop_id: usize) -> bool {
    let word = &task.header().word;
    let access = if word.load() & crate::task::state::LOCAL == 0 {
        Access::Shared
    } else if heist_core::context::with(|context| context.is_some_and(|context| context.loop_id() == loop_id))
    {
        Access::Owner
    } else {
        return false;
    };
    word.acquire_if_alive(access)
}

/// A pointer to a task from a slot.
pub(crate) fn task_at(pointer: *mut Header) -> Option<Raw> {
    NonNull::new(pointer).map(Raw)
}
