//! The timers of one loop, as its driver sees them.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use heist_core::clock::NEVER;
use heist_core::{Clock, WorkerState};

use crate::wheel::Wheel;

/// The timers of one event loop: a wheel for each worker slot.
///
/// A [`Driver`](heist_core::Driver) hands its calls about time to this. A worker number at or above the count given to
/// [`new`](Self::new) names a worker without timers.
///
/// Dropping the service closes it. Sleeps that are still alive may be dropped later, on any thread.
///
/// ```
/// use heist_core::{Clock, clock::NEVER};
/// use heist_timer::TimerService;
///
/// let service = TimerService::new(Clock::virtual_time(), 2);
/// assert_eq!((service.armed(), service.next_deadline(0)), (0, NEVER));
/// service.fire(0, 1_000_000); // nothing is due
/// ```
pub struct TimerService {
    clock: Arc<Clock>,
    wheels: Box<[WheelBox]>,
}

/// A wheel, which the service gives up on drop but which entries may keep alive for longer.
struct WheelBox(NonNull<Wheel>);

// SAFETY: a shared wheel, which is Send + Sync.
unsafe impl Send for WheelBox {}
// SAFETY: as for Send.
unsafe impl Sync for WheelBox {}

impl WheelBox {
    #[inline]
    fn wheel(&self) -> &Wheel {
        // SAFETY: the service gives the wheel up only in `drop`.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for WheelBox {
    fn drop(&mut self) {
        // SAFETY: from a box, in `new`. Contexts of workers hold the service by their WorkerState, so nobody arms or
        // fires any more; what is left are handles that own entries.
        unsafe { Wheel::orphan(self.0) };
    }
}

impl TimerService {
    /// Makes the timers of a loop with so many worker slots, on its clock.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 2);
    /// assert_eq!(timers.armed(), 0);
    /// ```
    pub fn new(clock: Arc<Clock>, workers: usize) -> Arc<Self> {
        let wheel = || WheelBox(NonNull::from(Box::leak(Box::new(Wheel::new(clock.clone())))));
        let wheels = (0..workers).map(|_| wheel()).collect();
        Arc::new(Self { clock, wheels })
    }

    /// The clock that all deadlines are on.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 1);
    /// assert!(timers.clock().is_virtual());
    /// ```
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// What the context of `worker` carries; see [`Driver::worker_state`](heist_core::Driver::worker_state).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 1);
    /// let state = timers.worker_state(0);
    /// // It keeps the timers alive.
    /// assert_eq!(Arc::strong_count(&timers), 2);
    /// # drop(state);
    /// ```
    pub fn worker_state(self: &Arc<Self>, worker: usize) -> WorkerState {
        match self.wheels.get(worker) {
            None => WorkerState::none(),
            Some(wheel) => {
                // SAFETY: this is the timer crate; the wheel is Sync and lives at least as long as the service.
                let state = unsafe { WorkerState::new(wheel.0.as_ptr().cast_const().cast(), self.clone()) };
                // SAFETY: the sign is part of the wheel.
                unsafe { state.with_sign(wheel.wheel().sign()) }
            }
        }
    }

    /// Fires the timers of `worker` that are due at `now`, a time that its clock has reached: takes them out of the
    /// wheel, earliest first and in arming order among equals, then wakes their tasks.
    ///
    /// When nothing is due this is a load and a compare. Otherwise: one atomic read-modify-write a timer, two for each
    /// 256 of them, and no allocation once the wheel has seen a batch of that size.
    ///
    /// # Panics
    ///
    /// If a waker panics the others are woken all the same; then the panic goes on.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 1);
    /// timers.fire(0, timers.clock().now());
    /// assert_eq!(timers.armed(), 0);
    /// ```
    #[inline]
    pub fn fire(&self, worker: usize, now: u64) {
        if let Some(wheel) = self.wheel(worker) {
            wheel.fire(now);
        }
    }

    /// Does for a `worker` that is stuck what [`fire`](Self::fire) would do. Any thread.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 2);
    /// timers.rescue(1, timers.clock().now());
    /// assert_eq!(timers.armed(), 0);
    /// ```
    pub fn rescue(&self, worker: usize, now: u64) {
        self.fire(worker, now);
    }

    /// The earliest deadline of `worker`'s timers in nanoseconds, [`NEVER`] when it has none. Any thread.
    ///
    /// Exact in virtual time. In real time, where more than 64 timers fall into the first slot of the wheel, it may be
    /// an earlier moment at which the worker wakes once for nothing.
    ///
    /// ```
    /// # use heist_core::{Clock, clock::NEVER};
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 1);
    /// assert_eq!(timers.next_deadline(0), NEVER);
    /// ```
    pub fn next_deadline(&self, worker: usize) -> u64 {
        self.wheel(worker).map_or(NEVER, Wheel::next_deadline)
    }

    /// How many timers are armed on all workers. Any thread; it takes each wheel's lock, so not for hot paths.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// # use heist_timer::TimerService;
    /// assert_eq!(TimerService::new(Clock::real(), 4).armed(), 0);
    /// ```
    pub fn armed(&self) -> usize {
        self.wheels.iter().map(|wheel| wheel.wheel().armed()).sum()
    }

    /// Disarms all timers for good, without waking their tasks. Any thread.
    ///
    /// A sleep that is polled later is ready if its deadline has passed, and otherwise pending without ever being woken:
    /// a closed loop polls nobody.
    ///
    /// ```
    /// # use heist_core::{Clock, clock::NEVER};
    /// # use heist_timer::TimerService;
    /// let timers = TimerService::new(Clock::virtual_time(), 1);
    /// timers.close();
    /// assert_eq!(timers.next_deadline(0), NEVER);
    /// ```
    pub fn close(&self) {
        for wheel in &self.wheels {
            wheel.wheel().close();
        }
    }

    fn wheel(&self, worker: usize) -> Option<&Wheel> {
        self.wheels.get(worker).map(WheelBox::wheel)
    }
}

impl fmt::Debug for TimerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerService")
            .field("clock", &self.clock)
            .field("workers", &self.wheels.len())
            .finish_non_exhaustive()
    }
}
