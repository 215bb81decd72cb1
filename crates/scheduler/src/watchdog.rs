//! The watchdog: sees a worker that stands still inside one poll, and brings help.
//!
//! Wake-ups are earned (see [`crate::worker`]), so queued work may wait for a worker that is about to reach it. That is
//! safe only while the worker moves on. The watchdog is a thread that looks at every worker's poll counter every
//! [`CALM`] milliseconds. A worker that is awake and whose counter stands where it stood at the last look is suspect,
//! and the next look comes after a [`TICK`]. If its thread
//! blocks in the kernel it is *stuck*: inside a poll that waits for something. If the thread is runnable it may compute:
//! then it counts as stuck once it has run for [`LONG`]. Or it is kept from its core by others, for which help is no use and
//! costs: that time does not count. What only a stuck worker would get to is rescued, where its core is its own no later than 8 ms
//! after the poll began:
//!
//! * its LIFO slot is emptied into the injector (nobody else ever takes from it);
//! * its queue may be stolen down to the last task;
//! * its due timers are fired and its part of the driver is looked at, by the watchdog itself, every tick;
//! * for what there is to run then, a sleeping worker is woken, or, when there is none, a spare one is started.
//!
//! A worker that moves on but has not looked at the driver since the last look at it (its polls got longer than it
//! expected) is asked to look before its next poll.
//!
//! The watchdog sleeps for good while all workers do: after [`QUIET_LOOKS`] looks without an awake worker it waits to be
//! called, and a worker that wakes up calls it. The handshake is that of the idle words: the watchdog writes `asleep`,
//! fences, looks once more; the worker takes its idle bit back, fences, looks at `asleep`.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use heist_core::sync::atomic::{AtomicBool, Ordering, fence};
use heist_core::sync::{Condvar, Mutex, mutant};

use crate::shared::{CLOSED, PAUSED, Shared, task_at};
use crate::trace;

/// Asking the system about a thread.
#[cfg(target_os = "linux")]
mod thread {
    /// The number by which the system knows this thread.
    pub(crate) fn current() -> u32 {
        rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
    }

    /// For how long a thread of this process has run on a core so far, in nanoseconds; `None` where it has ended.
    pub(crate) fn ran(thread: u32) -> Option<u64> {
        /// The lowest three bits of a clock that counts the time of one thread on the cores; the others are the complement of
        /// the thread's number. (The kernel's `CPUCLOCK_PERTHREAD_MASK` and `CPUCLOCK_SCHED`.)
        const OF_THREAD: libc::clockid_t = 6;
        let clock = (!libc::clockid_t::try_from(thread).ok()? << 3) | OF_THREAD;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes to `time` and to nothing else.
        let refused = unsafe { libc::clock_gettime(clock, &raw mut time) };
        let (seconds, rest) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
        (refused == 0).then(|| seconds * 1_000_000_000 + rest)
    }

    /// Whether a thread of this process blocks in the kernel, and is neither running nor waiting for a core.
    pub(crate) fn blocks(thread: u32) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")) else {
            return false;
        };
        // The state follows the name, which is in brackets and may hold anything.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('S' | 'D'))
    }
}

/// Elsewhere nothing is known: only time tells.
#[cfg(not(target_os = "linux"))]
mod thread {
    pub(crate) fn current() -> u32 {
        0
    }

    pub(crate) fn ran(_thread: u32) -> Option<u64> {
        None
    }

    pub(crate) fn blocks(_thread: u32) -> bool {
        false
    }
}

pub(crate) use thread::current as current_thread;

/// How often the watchdog looks while some worker stands still, in milliseconds.
const TICK: u32 = 1;

/// How often it looks while all workers move on or sleep, in milliseconds. A look costs some 10 us of a core on which a worker
/// wants to run: every millisecond that is 3 to 4 % of what a busy echo server does, every fourth it is lost in the
/// noise. A worker that begins to stand still is seen to within twice this time.
const CALM: u32 = 4;

/// Nanoseconds that a worker may run while it stands still: what passes between two calm looks. Time on a core, because a
/// thread that is kept from its core, by the other end of its connections, say, may stand still for long, and a spare one
/// beside it takes the core from it for longer.
const LONG: u64 = 4_000_000;

/// Milliseconds after which a worker that moves on is asked to look at the driver.
const UNLOOKED: u32 = 2;

/// Looks in a row without an awake worker after which the watchdog sleeps until it is called.
const QUIET_LOOKS: u32 = 3;

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
    polls: u64,
    looks: u32,
    /// Milliseconds for which the worker has not looked at the driver.
    unlooked: u32,
    /// Nanoseconds for which the worker has run while it stood still; where that is not known, all that have passed.
    still: u64,
    /// As [`thread::ran`].
    ran: Option<u64>,
    awake: bool,
}

impl Seen {
    /// For how many nanoseconds the thread of a worker, if that is awake, has run since the look before, `passed` milliseconds ago.
    fn worked(&mut self, thread: Option<u32>, passed: u32) -> u64 {
        let before = std::mem::replace(&mut self.ran, thread.and_then(thread::ran));
        match (before, self.ran) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => u64::from(passed) * 1_000_000,
        }
    }
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
    let mut passed = CALM;
    loop {
        {
            let Some(shared) = loop_.upgrade() else { return };
            if shared.phase() == CLOSED {
                return;
            }
            seen.resize(shared.slots.len(), Seen::default());
            let found = tick(&shared, &mut seen, passed);
            quiet = if found == Found::Quiet { quiet + 1 } else { 0 };
            passed = if found == Found::Still { TICK } else { CALM };
            if quiet >= QUIET_LOOKS {
                shared.watchdog.sleep(|| !any_awake(&shared) && shared.phase() != CLOSED);
                quiet = 0;
            }
        }
        std::thread::sleep(Duration::from_millis(passed.into()));
    }
}

fn is_awake(shared: &Shared, worker: usize) -> bool {
    shared.slot(worker).active.load(Ordering::Acquire) && !shared.idle.is_idle(worker)
}

fn any_awake(shared: &Shared) -> bool {
    shared.phase() != PAUSED && (0..shared.slots.len()).any(|worker| is_awake(shared, worker))
}

/// What a look at the workers found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// All of them sleep.
    Quiet,
    /// Those that are awake move on.
    Moving,
    /// One stands still, and not for want of a core alone: the next look comes soon.
    Still,
}

/// Looks at every worker once, `passed` milliseconds after the last time.
fn tick(shared: &Arc<Shared>, seen: &mut [Seen], passed: u32) -> Found {
    if shared.phase() == PAUSED {
        return Found::Quiet;
    }
    let mut found = Found::Quiet;
    let mut help = false;
    for (worker, seen) in seen.iter_mut().enumerate() {
        let slot = shared.slot(worker);
        let polls = slot.polls.load(Ordering::Relaxed);
        let looks = slot.looks.load(Ordering::Relaxed);
        let is_awake = is_awake(shared, worker);
        let still = is_awake && seen.awake && polls == seen.polls && looks == seen.looks;
        let thread = slot.thread.load(Ordering::Relaxed);
        let worked = seen.worked(is_awake.then_some(thread), passed);
        seen.still = if still { seen.still.saturating_add(worked) } else { 0 };
        let stands =
            still && (seen.still >= LONG || slot.stuck.load(Ordering::Relaxed) || thread::blocks(thread));
        found = found.max(match (is_awake, still) {
            (_, true) if stands || worked > 0 => Found::Still,
            (true, _) => Found::Moving,
            (false, _) => Found::Quiet,
        });
        if stands != slot.stuck.load(Ordering::Relaxed) {
            slot.stuck.store(stands, Ordering::Relaxed);
            trace::stuck(worker, slot.current_id.load(std::sync::atomic::Ordering::Relaxed), stands);
            if stands {
                shared.stuck.fetch_add(1, Ordering::Relaxed);
            } else {
                shared.stuck.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if stands {
            help |= rescue(shared, worker);
        } else if is_awake && looks == seen.looks {
            seen.unlooked = seen.unlooked.saturating_add(passed);
            if seen.unlooked >= UNLOOKED {
                slot.ask_to_look();
            }
        }
        if looks != seen.looks {
            seen.unlooked = 0;
        }
        (seen.polls, seen.looks, seen.awake) = (polls, looks, is_awake);
    }
    if help && !shared.poke() {
        start_spare(shared);
    }
    found
}

/// Frees what only the stuck `worker` would get to; `true` when there is something for a helper to do.
fn rescue(shared: &Arc<Shared>, worker: usize) -> bool {
    let slot = shared.slot(worker);
    if let Some(task) = task_at(slot.lifo.swap(std::ptr::null_mut(), Ordering::AcqRel)) {
        shared.inject_quietly(task);
    }
    // What is due and what is ready goes to the injector, this thread being no worker. A waker that panics has been
    // reported by the panic hook.
    let now = shared.clock.now();
    let _ = catch_unwind(AssertUnwindSafe(|| shared.driver.rescue(worker, now)));
    if worker == 0 {
        shared.fire_timed(now);
    }
    shared.injector.len() > 0 || !slot.stealer.is_empty()
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
