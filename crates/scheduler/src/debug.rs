//! Debug mode: warnings of what is slow, left open, never run, or done on the wrong thread. Off, it costs a load where
//! something would be measured.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use heist_core::clock::nanos;
use heist_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::scheduler::{Handle, with_worker};
use crate::shared::{CLOSING, RUNNING, Shared};
use crate::task::{Kind, Raw};
use crate::trace;

/// What counts as slow unless the program says otherwise; asyncio's number.
const SLOW: Duration = Duration::from_millis(100);

/// What a loop's shared block keeps of it. Bookkeeping: nothing else depends on these values.
#[derive(Debug)]
pub(crate) struct Debug {
    on: AtomicBool,
    /// Whether it was on before anything ran: then a task that was not seen to run has not run.
    from_the_start: AtomicBool,
    /// In nanoseconds.
    slow: AtomicU64,
}

impl Debug {
    pub(crate) fn new() -> Self {
        Self {
            on: AtomicBool::new(false),
            from_the_start: AtomicBool::new(false),
            slow: AtomicU64::new(nanos(SLOW)),
        }
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Something begins that may turn out slow; `None` where nobody wants to know.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Option<Instant> {
        if self.is_on() { now() } else { None }
    }

    /// It has ended: warns where it was slow.
    #[inline(always)]
    pub(crate) fn end(&self, begun: Option<Instant>, name: impl FnOnce() -> String) {
        if let Some(begun) = begun {
            self.tell_if_slow(begun, name);
        }
    }

    /// As [`end`](Self::end), of a poll of `task`.
    #[inline(always)]
    pub(crate) fn end_poll(&self, begun: Option<Instant>, task: Raw) {
        if let Some(begun) = begun {
            self.saw(begun, task);
        }
    }

    #[cold]
    #[inline(never)]
    fn saw(&self, begun: Instant, task: Raw) {
        task.cold().ran.store(true, Ordering::Relaxed);
        // Of callbacks each is watched for itself.
        if task.header().vtable.kind != Kind::Callback {
            self.tell_if_slow(begun, || name_of(task));
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_if_slow(&self, begun: Instant, name: impl FnOnce() -> String) {
        let took = begun.elapsed();
        if nanos(took) >= self.slow.load(Ordering::Relaxed) {
            trace::warn(&Slow { name: name(), took });
        }
    }
}

/// By the system's clock also in virtual time, which stands still meanwhile.
#[cold]
#[inline(never)]
fn now() -> Option<Instant> {
    Some(Instant::now())
}

struct Slow {
    name: String,
    took: Duration,
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "executing {} took {:.3} seconds: ", self.name, self.took.as_secs_f64())?;
        f.write_str("what blocks belongs on a thread of its own (to_thread)")
    }
}

/// A task, for a warning.
pub(crate) fn name_of(task: Raw) -> String {
    format!("task {} (created at {})", task.name(), task.header().location)
}

/// Tells of a task that ends with its loop, before its first poll; asyncio's "Task was destroyed but it is pending".
#[cold]
#[inline(never)]
pub(crate) fn tell_if_it_never_ran(task: Raw) {
    let shared = task.shared();
    let closing = shared.phase() >= CLOSING && task.header().vtable.kind == Kind::Task;
    if closing && shared.debug.from_the_start.load(Ordering::Relaxed) {
        let ran = task.cold_if_any().is_some_and(|cold| cold.ran.load(Ordering::Relaxed));
        if !ran {
            trace::warn(&format_args!(
                "{} never ran: its loop was closed before its turn came; await it before the end",
                name_of(task)
            ));
        }
    }
}

/// What somebody does with a current-thread loop that runs on another thread.
pub(crate) struct WrongThread {
    /// With its object: what was called.
    pub(crate) what: &'static str,
    /// What is meant for that.
    pub(crate) instead: &'static str,
}

impl Shared {
    /// Tells of a call on the wrong thread, which asyncio's debug mode refuses as "non-thread-safe operation". Here it is safe,
    /// and on several workers everyday; where one thread is to do all, its place in the order is nobody's plan.
    #[inline]
    pub(crate) fn check_thread(
        self: &Arc<Self>,
        wrong: impl FnOnce() -> WrongThread,
        location: &'static Location<'static>,
    ) {
        if self.debug.is_on() && self.local {
            self.check_thread_now(&wrong(), location);
        }
    }

    #[cold]
    #[inline(never)]
    fn check_thread_now(self: &Arc<Self>, wrong: &WrongThread, location: &'static Location<'static>) {
        let here = with_worker(|worker| Arc::ptr_eq(worker.shared(), self)).unwrap_or(false);
        if self.phase() != RUNNING || here {
            return;
        }
        let thread = thread::current();
        trace::warn(&format_args!(
            "{} at {location} on thread {}, while another thread runs this current-thread loop: {}",
            wrong.what,
            thread.name().unwrap_or("(unnamed)"),
            wrong.instead
        ));
    }
}

impl Handle {
    /// Whether the loop is in debug mode. asyncio: `loop.get_debug`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(!handle.get_debug());
    /// handle.set_debug(true);
    /// assert!(handle.get_debug());
    /// ```
    pub fn get_debug(&self) -> bool {
        self.shared().debug.is_on()
    }

    /// Turns debug mode on or off, at any time. asyncio: `loop.set_debug`.
    ///
    /// In debug mode there is a warning (a line on stderr; an event of `tracing` with that feature), each with where its object
    /// was made:
    ///
    /// * for each callback and each step of a task that takes [`slow_callback_duration`](Self::slow_callback_duration) or longer;
    /// * for a future of heist's functions that is dropped without having been awaited, and, where debug mode is on from the
    ///   start, for a task whose loop is closed before it ever ran;
    /// * for `call_soon`, `call_later`, `call_at` and the `cancel` of a timer from a thread that is not the loop's, while a
    ///   current-thread loop runs: as in asyncio, `call_soon_threadsafe` is meant for that;
    /// * for loops, servers and writers that are dropped unclosed.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// handle.set_debug(true);
    /// assert!(handle.get_debug());
    /// handle.set_debug(false);
    /// assert!(!handle.get_debug());
    /// ```
    pub fn set_debug(&self, on: bool) {
        let debug = &self.shared().debug;
        debug.on.store(on, Ordering::Relaxed);
        let from_the_start =
            on && self.shared().slots.iter().all(|slot| slot.polls.load(Ordering::Relaxed) == 0);
        debug.from_the_start.store(from_the_start, Ordering::Relaxed);
        // A worker that polls task after task asks about debug mode when it looks, not before each poll.
        self.shared().slots.iter().for_each(|slot| slot.ask_to_look());
    }

    /// How long a callback, or a step of a task, may take before debug mode warns: 100 ms unless set. asyncio:
    /// `loop.slow_callback_duration`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert_eq!(handle.slow_callback_duration(), Duration::from_millis(100));
    /// ```
    pub fn slow_callback_duration(&self) -> Duration {
        Duration::from_nanos(self.shared().debug.slow.load(Ordering::Relaxed))
    }

    /// Sets [`slow_callback_duration`](Self::slow_callback_duration).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// handle.set_slow_callback_duration(Duration::from_millis(20));
    /// assert_eq!(handle.slow_callback_duration(), Duration::from_millis(20));
    /// ```
    pub fn set_slow_callback_duration(&self, limit: Duration) {
        self.shared().debug.slow.store(nanos(limit), Ordering::Relaxed);
    }
}
