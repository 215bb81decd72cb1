//! The watchdog: sees a worker that stands still inside one poll, and brings help.
//!
//! Wake-ups are earned (see [`crate::worker`]), so queued work may wait for a worker that is about to reach it. That is
//! safe only while the worker moves on. A worker *stamps* the time when it looks at time and I/O and when it wakes up, and every
//! now and then it *puts off* the alarm ([`alarm`]) on which the watchdog, a thread, sleeps: to when the oldest stamp of all workers that are awake will be
//! [`LATE`]. While they all move on, nobody wakes up. One that does not has the alarm go off: it is *late*, and
//! is looked at every [`TICK`] ([`record`]). If its thread
//! blocks in the kernel it is *stuck*: inside a poll that waits for something. If the thread is runnable it may compute:
//! then it counts as stuck once it has run for [`record::LONG`]. Or it is kept from its core by others, for which help is no use and
//! costs: that time does not count. What only a stuck worker would get to is rescued, where its core is its own no later than 8 ms
//! after the poll began:
//!
//! * its LIFO slot is emptied into the injector (nobody else ever takes from it);
//! * its queue may be stolen down to the last task;
//! * its due timers are fired and its part of the driver is looked at, by the watchdog itself, every tick;
//! * for what there is to run then, a sleeping worker is woken, or, when there is none, a spare one is started.
//!
//! A worker that is late because its polls got longer than it expected is asked to look before its next poll.
//!
//! An alarm that goes off while all workers sleep is not set again, and a worker that wakes up sets it. The handshake is that of the
//! idle words: the watchdog writes `asleep`, fences, looks once more; the worker takes its idle bit back, fences, looks at `asleep`.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

mod alarm;
mod record;
mod thread;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use heist_core::Clock;
use heist_core::clock::Stopwatch;
use heist_core::sync::atomic::{AtomicBool, Ordering, fence};
use heist_core::sync::mutant;

use crate::queue::{Local, Steal};
use crate::shared::{CLOSED, PAUSED, Shared, task_at};
use crate::trace;
use alarm::Alarm;
use record::{Found, Record, View};

pub(crate) use thread::current as current_thread;

/// How old the stamp of a worker that is awake may become. Longer than a slice of the kernel's: a worker that shares its core
/// with the other end of its connections stands still for 3 to 4 ms at a time, which is no reason to look. With a tick, and the 2 ms for which
/// a poll that computes is watched then ([`record::LONG`]), it makes 8.
const LATE: Duration = Duration::from_millis(5);

/// How often the watchdog looks while some worker stands still.
const TICK: Duration = Duration::from_millis(1);

/// How often it looks at a worker that is late and kept from its core.
const KEPT: Duration = Duration::from_millis(4);

/// How often each worker puts the alarm off: some 1 us each time, instead of the 40 us that a thread that wakes up takes from a core on
/// which a worker wants to run.
const PUT_OFF: Duration = Duration::from_millis(3);

/// How often the watchdog steals from a stuck worker in one tick, half of the queue each time: a poll that does not end may well push on.
const MOST_STEALS: usize = 16;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Watchdog {
    asleep: AtomicBool,
    alarm: Alarm,
    /// Of real time, whatever the loop's clock is.
    clock: Arc<Clock>,
    stopwatch: Stopwatch,
}

impl Watchdog {
    pub(crate) fn new() -> Self {
        let clock = Clock::real();
        let stopwatch = Stopwatch::new(&clock);
        Self { asleep: AtomicBool::new(false), alarm: Alarm::new(), clock, stopwatch }
    }

    /// A reading of the watchdog's stopwatch, for stamps.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.stopwatch.read(&self.clock)
    }

    /// A worker took its idle bit back, or a run has begun: the alarm must be set.
    #[inline]
    pub(crate) fn worker_awake(&self) {
        // Pairs with the fence in `rest`: one of us sees the other.
        if !mutant("watchdog-worker-fence") {
            fence(Ordering::SeqCst);
        }
        if self.asleep.load(Ordering::Relaxed) {
            self.set_again();
        }
    }

    /// Has the watchdog look now.
    #[cold]
    pub(crate) fn call(&self) {
        self.alarm.set(Duration::ZERO);
    }

    /// The alarm went off while all slept: it stays unset, and who wakes up sets it. `still_quiet` is asked after workers can see that.
    pub(crate) fn rest(&self, still_quiet: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::Relaxed);
        if !mutant("watchdog-sleep-fence") {
            fence(Ordering::SeqCst);
        }
        if !still_quiet() {
            self.set_again();
        }
    }

    /// Sleeps until the alarm goes off.
    pub(crate) fn sleep(&self) {
        self.alarm.wait();
        // It may have been put off by a worker that others had not seen awake, and so be set.
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Of those who find that the alarm is unset one sets it.
    #[cold]
    fn set_again(&self) {
        // Nothing but the flag is handed over.
        if self.asleep.swap(false, Ordering::Relaxed) {
            self.alarm.set(LATE);
        }
    }

    /// How long after this stamp another one is to put the alarm off, in readings.
    pub(crate) fn put_off_interval(&self) -> u64 {
        self.stopwatch.readings(PUT_OFF)
    }
}

impl Shared {
    /// By a worker that moves on, at `now`: no look is needed before the oldest stamp of who is awake is late. The caller counts as one,
    /// and as of now.
    ///
    /// Who wakes up or stamps later than this is late later than that, so the alarm is never set too late for anybody.
    pub(crate) fn put_off_alarm(&self, now: u64) {
        let ages = (0..self.slots.len())
            .filter(|&worker| is_awake(self, worker))
            .map(|worker| self.age(worker, now));
        let oldest = ages.max().unwrap_or_default();
        // Where somebody is late, the watchdog is at it.
        if let Some(left) = LATE.checked_sub(oldest).filter(|left| !left.is_zero()) {
            self.watchdog.alarm.set(left);
        }
    }

    /// How old a worker's stamp is.
    fn age(&self, worker: usize, now: u64) -> Duration {
        // Relaxed: a stamp that is not seen yet only makes its worker look older than it is.
        let stamp = self.slot(worker).stamp.load(Ordering::Relaxed);
        self.watchdog.stopwatch.span(now.saturating_sub(stamp))
    }
}

/// Starts the watchdog's thread. It ends when the loop is closed or gone.
pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    shared.watchdog.alarm.use_timer();
    let (weak, watchdog) = (Arc::downgrade(shared), shared.watchdog.clone());
    let name = format!("{}-watchdog", shared.config.thread_name);
    let thread = std::thread::Builder::new().name(name).spawn(move || watch(&weak, &watchdog))?;
    shared.threads.lock().push(thread);
    Ok(())
}

fn watch(loop_: &Weak<Shared>, watchdog: &Watchdog) {
    let mut records: Vec<Record> = Vec::new();
    loop {
        {
            let Some(shared) = loop_.upgrade() else { return };
            if shared.phase() == CLOSED {
                return;
            }
            records.resize(shared.slots.len(), Record::default());
            match tick(&shared, &mut records) {
                Some(next) => watchdog.alarm.set(next),
                None => watchdog.rest(|| !any_awake(&shared) && shared.phase() != CLOSED),
            }
        }
        watchdog.sleep();
    }
}

fn is_awake(shared: &Shared, worker: usize) -> bool {
    shared.slot(worker).active.load(Ordering::Acquire) && !shared.idle.is_idle(worker)
}

fn any_awake(shared: &Shared) -> bool {
    shared.phase() != PAUSED && (0..shared.slots.len()).any(|worker| is_awake(shared, worker))
}

/// Looks at every worker once; when to look again, or `None` where all of them sleep.
fn tick(shared: &Arc<Shared>, records: &mut [Record]) -> Option<Duration> {
    if shared.phase() == PAUSED {
        return None;
    }
    let mut next: Option<Duration> = None;
    let mut help = false;
    for (worker, record) in records.iter_mut().enumerate() {
        let found = record.look(&view(shared, worker));
        note_stuck(shared, worker, found == Found::Stuck);
        let soon = match found {
            Found::Asleep => continue,
            Found::Moving { left } => left,
            Found::Late => {
                shared.slot(worker).ask_to_look();
                TICK
            }
            Found::Kept => KEPT,
            Found::Stuck => {
                help |= rescue(shared, worker);
                TICK
            }
        };
        next = Some(next.map_or(soon, |next| next.min(soon)));
    }
    if help && !shared.poke() {
        start_spare(shared);
    }
    next
}

/// What there is to see of a worker.
fn view(shared: &Shared, worker: usize) -> View {
    let slot = shared.slot(worker);
    let awake = is_awake(shared, worker);
    View {
        awake,
        polls: slot.polls.load(Ordering::Relaxed),
        looks: slot.looks.load(Ordering::Relaxed),
        age: shared.age(worker, shared.watchdog.now()),
        thread: slot.thread.load(Ordering::Relaxed),
    }
}

/// Has others see whether `worker` is stuck.
fn note_stuck(shared: &Shared, worker: usize, stuck: bool) {
    let slot = shared.slot(worker);
    if stuck == slot.stuck.load(Ordering::Relaxed) {
        return;
    }
    slot.stuck.store(stuck, Ordering::Relaxed);
    trace::stuck(worker, slot.current_id.load(std::sync::atomic::Ordering::Relaxed), stuck);
    if stuck {
        shared.stuck.fetch_add(1, Ordering::Relaxed);
    } else {
        shared.stuck.fetch_sub(1, Ordering::Relaxed);
    }
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
    let (workers, is_stuck) =
        (0..shared.slots.len(), |&worker: &usize| shared.slot(worker).stuck.load(Ordering::Relaxed));
    if workers.clone().any(|worker| is_awake(shared, worker) && !is_stuck(&worker)) {
        // One that moves on looks at the injector from time to time. At others' queues it looks only where it has nothing to do.
        workers.filter(is_stuck).for_each(|worker| inject_queue(shared, worker));
        return;
    }
    for spare in shared.workers..workers.end {
        // A thread that cannot be started now is tried again with the next tick.
        if let Ok(true) = shared.start_worker(spare) {
            return;
        }
    }
}

/// Takes what is in a worker's queue, for whoever comes first.
fn inject_queue(shared: &Shared, worker: usize) {
    let (taken, _) = Local::new();
    for _ in 0..MOST_STEALS {
        let Steal::Task(task) = shared.slot(worker).stealer.steal_into(&taken) else { break };
        let rest = std::iter::from_fn(|| taken.pop());
        std::iter::once(task).chain(rest).for_each(|task| shared.inject_quietly(task));
    }
}
