//! The time of one event loop.
//!
//! A [`Clock`] counts nanoseconds from its making. All deadlines of a loop are such counts: eight bytes, cheap to
//! compare, and the same type whether time is real or virtual. Virtual time stands still until the scheduler finds that
//! nothing can run and calls [`Clock::advance_to`].
//!
//! Whoever wants to know the time reads the clock. Whoever wants a deadline some time from now asks the worker's context
//! ([`Context::deadline_in`](crate::Context::deadline_in)), which mostly need not.

mod counter;
mod estimate;
mod stopwatch;

pub(crate) use estimate::Estimate;
pub use stopwatch::Stopwatch;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A deadline that never comes: about 584 years after the clock was made.
///
/// ```
/// use heist_core::Clock;
/// use heist_core::clock::NEVER;
///
/// assert_eq!(Clock::virtual_time().deadline_in(std::time::Duration::MAX), NEVER);
/// ```
pub const NEVER: u64 = u64::MAX;

/// Whether a virtual clock was ever made in this process.
static ANY_VIRTUAL: AtomicBool = AtomicBool::new(false);

/// Whether this process has ever made a virtual clock: one load, for those who would look for one at each operation. Most
/// programs never do; and whoever runs in a loop that has one sees the answer that it needs, as that was made before.
///
/// ```
/// let clock = heist_core::Clock::virtual_time();
/// assert!(heist_core::clock::is_any_virtual());
/// # drop(clock);
/// ```
#[inline]
pub fn is_any_virtual() -> bool {
    ANY_VIRTUAL.load(Ordering::Relaxed)
}

/// The clock of one event loop: real, or virtual.
///
/// ```
/// use heist_core::Clock;
///
/// let clock = Clock::virtual_time();
/// let deadline = clock.deadline_in(std::time::Duration::from_micros(3));
/// clock.advance_to(deadline);
/// assert_eq!(clock.now(), 3_000);
/// ```
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    virtual_time: Option<Virtual>,
}

struct Virtual {
    /// Nanoseconds since `origin`. Written only by [`Clock::advance_to`].
    now: AtomicU64,
    /// How many [`Hold`]s are alive.
    holds: AtomicUsize,
    /// Called when the last hold goes, so that a scheduler that waits for it looks again.
    released: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl std::fmt::Debug for Virtual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Virtual").field("now", &self.now).field("holds", &self.holds).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock that follows the machine's monotonic clock.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::real();
    /// let before = clock.now();
    /// assert!(clock.now() >= before);
    /// ```
    pub fn real() -> Arc<Self> {
        Arc::new(Self { origin: Instant::now(), virtual_time: None })
    }

    /// A clock that stands at zero until somebody advances it.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::virtual_time();
    /// assert_eq!((clock.now(), clock.now()), (0, 0));
    /// ```
    pub fn virtual_time() -> Arc<Self> {
        ANY_VIRTUAL.store(true, Ordering::Relaxed);
        Arc::new(Self {
            origin: Instant::now(),
            virtual_time: Some(Virtual {
                now: AtomicU64::new(0),
                holds: AtomicUsize::new(0),
                released: Mutex::new(None),
            }),
        })
    }

    /// Nanoseconds since the clock was made.
    ///
    /// ```
    /// let clock = heist_core::Clock::virtual_time();
    /// assert_eq!(clock.now(), 0);
    /// clock.advance_to(5);
    /// assert_eq!(clock.now(), 5);
    /// ```
    #[inline]
    pub fn now(&self) -> u64 {
        match &self.virtual_time {
            None => nanos(self.origin.elapsed()),
            Some(time) => time.now.load(Ordering::Acquire),
        }
    }

    /// The deadline `delay` from now; [`NEVER`] where the sum does not fit.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// # use std::time::Duration;
    /// let clock = Clock::virtual_time();
    /// clock.advance_to(10);
    /// assert_eq!(clock.deadline_in(Duration::from_nanos(5)), 15);
    /// assert_eq!(clock.deadline_in(Duration::MAX), heist_core::clock::NEVER);
    /// ```
    #[inline]
    pub fn deadline_in(&self, delay: Duration) -> u64 {
        self.now().saturating_add(nanos(delay))
    }

    /// The deadline that stands for a point in real time. A point before the clock's making is 0.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// # use std::time::{Duration, Instant};
    /// let before = Instant::now();
    /// let clock = Clock::real();
    /// assert_eq!(clock.deadline_at(before), 0, "the clock was made later");
    /// assert!(clock.deadline_at(before + Duration::from_secs(60)) > 0);
    /// ```
    pub fn deadline_at(&self, when: Instant) -> u64 {
        nanos(when.saturating_duration_since(self.origin))
    }

    /// The point in real time that a deadline stands for, if the machine's clock can express it.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::real();
    /// let when = clock.instant(1_000).unwrap();
    /// assert_eq!(clock.deadline_at(when), 1_000);
    /// ```
    pub fn instant(&self, deadline: u64) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(deadline))
    }

    /// Whether time is virtual.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// assert!(Clock::virtual_time().is_virtual());
    /// assert!(!Clock::real().is_virtual());
    /// ```
    #[inline]
    pub fn is_virtual(&self) -> bool {
        self.virtual_time.is_some()
    }

    /// Moves virtual time forward to `deadline`; never back. A real clock ignores the call.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::virtual_time();
    /// clock.advance_to(10);
    /// clock.advance_to(4);
    /// assert_eq!(clock.now(), 10);
    /// ```
    pub fn advance_to(&self, deadline: u64) {
        if let Some(time) = &self.virtual_time {
            // Pairs with the Acquire load in `now`: who sees the new time sees what was done before the jump.
            time.now.fetch_max(deadline, Ordering::AcqRel);
        }
    }

    /// Keeps virtual time from jumping until the guard is dropped. On a real clock the guard has no effect.
    ///
    /// Whatever the loop cannot see (a job on a thread pool, a child process, a submission under way) holds time back
    /// with such a guard.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::virtual_time();
    /// let hold = clock.hold();
    /// assert_eq!(clock.holds(), 1);
    /// drop(hold);
    /// assert_eq!(clock.holds(), 0);
    /// ```
    pub fn hold(self: &Arc<Self>) -> Hold {
        let Some(time) = &self.virtual_time else { return Hold { clock: None } };
        time.holds.fetch_add(1, Ordering::Relaxed);
        Hold { clock: Some(self.clone()) }
    }

    /// How many holds are alive.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::virtual_time();
    /// let _holds = (clock.hold(), clock.hold());
    /// assert_eq!(clock.holds(), 2);
    /// ```
    pub fn holds(&self) -> usize {
        self.virtual_time.as_ref().map_or(0, |time| time.holds.load(Ordering::Acquire))
    }

    /// Sets what is called, on the thread that drops it, after the last hold has gone.
    ///
    /// ```
    /// use heist_core::Clock;
    ///
    /// let clock = Clock::virtual_time();
    /// let (tell, told) = std::sync::mpsc::channel();
    /// clock.on_release(std::sync::Arc::new(move || tell.send(()).unwrap()));
    /// let (first, second) = (clock.hold(), clock.hold());
    /// drop(first);
    /// assert!(told.try_recv().is_err());
    /// drop(second);
    /// assert!(told.try_recv().is_ok());
    /// ```
    pub fn on_release(&self, call: Arc<dyn Fn() + Send + Sync>) {
        if let Some(time) = &self.virtual_time {
            *time.released.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
        }
    }
}

/// Keeps virtual time from jumping; see [`Clock::hold`].
///
/// ```
/// use heist_core::Clock;
///
/// let clock = Clock::virtual_time();
/// let hold = clock.hold();
/// std::thread::spawn(move || drop(hold)).join().unwrap();
/// assert_eq!(clock.holds(), 0);
/// ```
#[derive(Debug)]
pub struct Hold {
    /// None where time is real: nothing is counted then, not even references, which all threads would write to.
    clock: Option<Arc<Clock>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(time) = self.clock.as_ref().and_then(|clock| clock.virtual_time.as_ref()) else {
            return;
        };
        // Release pairs with the Acquire load in `holds`: who sees zero sees what the holder did.
        if time.holds.fetch_sub(1, Ordering::Release) == 1 {
            let call = time.released.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(call) = call {
                call();
            }
        }
    }
}

/// A duration in nanoseconds, [`NEVER`] where it does not fit.
///
/// ```
/// # use std::time::Duration;
/// use heist_core::clock::{NEVER, nanos};
///
/// assert_eq!(nanos(Duration::from_millis(2)), 2_000_000);
/// assert_eq!(nanos(Duration::MAX), NEVER);
/// ```
#[inline]
pub fn nanos(duration: Duration) -> u64 {
    // Written without u128: this stands on the path of every sleep.
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_saturate() {
        let clock = Clock::virtual_time();
        clock.advance_to(7);
        assert_eq!(clock.deadline_in(Duration::MAX), NEVER);
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(clock.deadline_in(Duration::from_nanos(3)), 10);
    }

    #[test]
    fn virtual_time_never_runs_back() {
        let clock = Clock::virtual_time();
        clock.advance_to(10);
        clock.advance_to(4);
        assert_eq!(clock.now(), 10);
    }

    #[test]
    fn last_hold_calls_back_once() {
        let clock = Clock::virtual_time();
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = calls.clone();
        clock.on_release(Arc::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        }));
        let first = clock.hold();
        let second = clock.hold();
        drop(first);
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        drop(second);
        assert_eq!((calls.load(Ordering::Relaxed), clock.holds()), (1, 0));
    }
}
