//! Debug mode: warnings of what is slow, or left open. Off, it costs a load where something would be measured.

use std::fmt;
use std::time::{Duration, Instant};

use heist_core::clock::nanos;
use heist_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::scheduler::Handle;
use crate::task::Raw;
use crate::trace;

/// What counts as slow unless the program says otherwise; asyncio's number.
const SLOW: Duration = Duration::from_millis(100);

/// What a loop's shared block keeps of it. Bookkeeping: nothing else depends on these values.
#[derive(Debug)]
pub(crate) struct Debug {
    on: AtomicBool,
    /// In nanoseconds.
    slow: AtomicU64,
}

impl Debug {
    pub(crate) fn new() -> Self {
        Self { on: AtomicBool::new(false), slow: AtomicU64::new(nanos(SLOW)) }
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
    /// In debug mode there is a warning (a line on stderr; an event of `tracing` with that feature) for each callback and each
    /// step of a task that takes [`slow_callback_duration`](Self::slow_callback_duration) or longer, with where it was made,
    /// and for loops, servers and writers that are dropped unclosed.
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
        self.shared().debug.on.store(on, Ordering::Relaxed);
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
