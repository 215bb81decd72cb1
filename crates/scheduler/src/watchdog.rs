//! The watchdog: sees a worker that stands still inside one poll, and brings help.
//!
//! Wake-ups are earned (see [`crate::worker`]), so queued work may wait for a worker that is about to reach it. That is
//! safe only while the worker moves on. The watchdog is a thread that looks at every worker's poll counter about once
//! a [`TICK`]. A worker that is awake and whose counter stands where it stood one tick ago is *stuck*: inside a long or
//! blocking poll. What only that worker would get to is then rescued:
//!
//! * its LIFO slot is emptied into the injector (nobody else ever takes from it);
//! * its queue may be stolen down to the last task;
//! * its due timers are fired and the driver is looked at, by the helper;
//! * the helper is a sleeping worker, or, when there is none, a spare one that is started.
//!
//! A worker that moves on but has not looked at the driver for two ticks (its polls got longer than it expected) is
//! asked to look before its next poll.
//!
//! The watchdog sleeps for good while all workers do: after [`QUIET_TICKS`] ticks without an awake worker it waits to be
//! called, and a worker that wakes up calls it. The handshake is that of the idle words: the watchdog writes `asleep`,
//! fences, looks once more; the worker takes its idle bit back, fences, looks at `asleep`.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use heist_core::sync::atomic::{AtomicBool, Ordering, fence};
use heist_core::sync::{Condvar, Mutex, mutant};

use crate::shared::{CLOSED, PAUSED, Shared, task_at};

/// How often the watchdog looks while workers are awake.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without an awake worker after which the watchdog sleeps until it is called.
const QUIET_TICKS: u32 = 10;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Watchdog {
    asleep: AtomicBool,
    called: Mutex<bool>,
    changed: Condvar,
}

impl Watchdog {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), called: Mutex::new(false), changed: Condvar::new() }
    }

    /// A worker took its idle bit back: the watchdog must be awake.
    #[inline]
    pub(crate) fn worker_awake(&self) {
        // Pairs with the fence in `sleep`: one of us sees the other.
        if !mutant("watchdog-worker-fence") {
            fence(Ordering::SeqCst);
        }
        if self.asleep.load(Ordering::Relaxed) {
            self.call();
        }
    }

    /// Has the watchdog look now.
    #[cold]
    pub(crate) fn call(&self) {
        *self.called.lock() = true;
        self.changed.notify_one();
    }

    /// Waits for a call; `still_quiet` is asked after workers can see that the watchdog sleeps.
    pub(crate) fn sleep(&self, still_quiet: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::Relaxed);
        if !mutant("watchdog-sleep-fence") {
            fence(Ordering::SeqCst);
        }
        if still_quiet() {
            let mut called = self.called.lock();
            while !*called {
                called = self.changed.wait(called);
            }
        }
        *self.called.lock() = false;
        self.asleep.store(false, Ordering::Relaxed);
    }
}

/// What the watchdog remembers of a worker from the tick before.
#[derive(Clone, Copy, Default)]
struct Seen {
    polls: u32,
    looks: u32,
    ticks_without_look: u32,
    awake: bool,
}

/// Starts the watchdog's thread. It ends when the loop is closed or gone.
pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let weak = Arc::downgrade(shared);
    let name = format!("{}-watchdog", shared.config.thread_name);
    let thread = std::thread::Builder::new().name(name).spawn(move || watch(&weak))?;
    shared.threads.lock().push(thread);
    Ok(())
}

fn watch(loop_: &Weak<Shared>) {
    let mut seen: Vec<Seen> = Vec::new();
    let mut quiet = 0;
    loop {
        {
            let Some(shared) = loop_.upgrade() else { return };
            if shared.phase() == CLOSED {
                return;
            }
            seen.resize(shared.slots.len(), Seen::default());
            quiet = if tick(&shared, &mut seen) { 0 } else { quiet + 1 };
            if quiet >= QUIET_TICKS {
                shared.watchdog.sleep(|| !any_awake(&shared) && shared.phase() != CLOSED);
                quiet = 0;
            }
        }
        std::thread::sleep(TICK);
    }
}

fn is_awake(shared: &Shared, worker: usize) -> bool {
    shared.slot(worker).active.load(Ordering::Acquire) && !shared.idle.is_idle(worker)
}

fn any_awake(shared: &Shared) -> bool {
    shared.phase() != PAUSED && (0..shared.slots.len()).any(|worker| is_awake(shared, worker))
}

/// Looks at every worker once; `true` when one is awake.
fn tick(shared: &Arc<Shared>, seen: &mut [Seen]) -> bool {
    if shared.phase() == PAUSED {
        return false;
    }
    let mut awake = false;
    let mut help = false;
    for (worker, seen) in seen.iter_mut().enumerate() {
        let slot = shared.slot(worker);
        let polls = slot.polls.load(Ordering::Relaxed);
        let looks = slot.looks.load(Ordering::Relaxed);
        let is_awake = is_awake(shared, worker);
        awake |= is_awake;
        let stands = is_awake && seen.awake && polls == seen.polls && looks == seen.looks;
        if stands != slot.stuck.load(Ordering::Relaxed) {
            slot.stuck.store(stands, Ordering::Relaxed);
            if stands {
                shared.stuck.fetch_add(1, Ordering::Relaxed);
            } else {
                shared.stuck.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if stands {
            help |= rescue(shared, worker);
        } else if is_awake && looks == seen.looks {
            seen.ticks_without_look += 1;
            if seen.ticks_without_look >= 2 {
                slot.look.store(true, Ordering::Relaxed);
            }
        }
        if looks != seen.looks {
            seen.ticks_without_look = 0;
        }
        (seen.polls, seen.looks, seen.awake) = (polls, looks, is_awake);
    }
    if help && !shared.poke() {
        start_spare(shared);
    }
    awake
}

/// Frees what only the stuck `worker` would get to; `true` when there is something for a helper to do.
fn rescue(shared: &Arc<Shared>, worker: usize) -> bool {
    let slot = shared.slot(worker);
    if let Some(task) = task_at(slot.lifo.swap(std::ptr::null_mut(), Ordering::AcqRel)) {
        shared.inject_quietly(task);
    }
    // The driver: unless another worker sleeps in it, nobody takes in readiness. A worker in the driver needs no help,
    // and one more helper only finds it taken and sleeps on its parker.
    let unattended =
        shared.driver.io_waiting() && !(0..shared.slots.len()).any(|other| is_in_driver(shared, other));
    shared.injector.len() > 0
        || !slot.stealer.is_empty()
        || shared.driver.next_deadline(worker) <= shared.clock.now()
        || unattended
}

fn is_in_driver(shared: &Shared, worker: usize) -> bool {
    shared.slot(worker).parker.is_in_driver()
}

/// Starts a spare worker, if all the others are stuck and one is left.
fn start_spare(shared: &Arc<Shared>) {
    let workers = 0..shared.slots.len();
    let moving = workers
        .clone()
        .filter(|&worker| is_awake(shared, worker) && !shared.slot(worker).stuck.load(Ordering::Relaxed));
    if moving.count() > 0 {
        // An awake worker that moves on will search, or look, soon enough; the next tick looks again.
        return;
    }
    for spare in shared.workers..workers.end {
        // A thread that cannot be started now is tried again with the next tick.
        if let Ok(true) = shared.start_worker(spare) {
            return;
        }
    }
}
