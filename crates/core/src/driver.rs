//! What the scheduler knows of I/O and time: the [`Driver`] trait.
//!
//! The scheduler never sees a socket or a wheel. It is given a driver (the facade makes one of reactor and timer) and
//! calls it between polls and when a worker has nothing to do. A *worker* is a number below the loop's count of worker
//! slots; all calls that take one are made by the thread that is that worker, except where the method says otherwise.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::sync::atomic::{AtomicBool, Ordering};

/// The timer crate's part of a worker, as the scheduler carries it: a pointer that only the timer crate casts back.
///
/// It keeps what it points to alive, and it can be made only with something to keep, so handing it on is safe.
#[derive(Clone)]
pub struct WorkerState {
    pointer: *const (),
    /// Whether there may be timers; null where that is not said.
    sign: *const AtomicBool,
    _keep: Option<Arc<dyn Any + Send + Sync>>,
}

// SAFETY: the pointer is opaque here; who casts it back must uphold `WorkerState::new`'s contract, which asks for a
// pointee that is Sync and outlives the state.
unsafe impl Send for WorkerState {}
// SAFETY: as for Send.
unsafe impl Sync for WorkerState {}

impl WorkerState {
    /// No timers on this worker.
    pub const fn none() -> Self {
        Self { pointer: std::ptr::null(), sign: std::ptr::null(), _keep: None }
    }

    /// Wraps a pointer into what `keep` owns.
    ///
    /// # Safety
    ///
    /// Called only by the timer crate, which casts the pointer back in [`Context::timers`](crate::Context::timers):
    /// `pointer` must be null or point to its wheel type, shared by all threads, and stay valid as long as `keep` lives.
    pub unsafe fn new(pointer: *const (), keep: Arc<dyn Any + Send + Sync>) -> Self {
        Self { pointer, sign: std::ptr::null(), _keep: Some(keep) }
    }

    /// Adds a sign: false only where [`Driver::next_deadline`] would answer [`NEVER`](crate::clock::NEVER) for this worker.
    ///
    /// # Safety
    ///
    /// `sign` must be valid as long as what `new` was given to keep lives.
    pub unsafe fn with_sign(mut self, sign: *const AtomicBool) -> Self {
        self.sign = sign;
        self
    }

    /// Whether there may be timers on this worker. Two loads.
    #[inline]
    pub fn may_have_timers(&self) -> bool {
        // SAFETY: the word of `with_sign`: what is kept lives.
        let sign = unsafe { self.sign.as_ref() };
        // Acquire pairs with the Release of who arms the first timer.
        sign.is_none_or(|sign| sign.load(Ordering::Acquire))
    }

    /// The pointer; null where there is none.
    #[inline]
    pub fn pointer(&self) -> *const () {
        self.pointer
    }
}

impl fmt::Debug for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerState").field(&self.pointer).finish()
    }
}

/// What a driver has to look after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverCounts {
    /// Timers that are armed.
    pub timers: usize,
    /// Sources of I/O that are registered.
    pub io_sources: usize,
}

/// I/O and time, as the scheduler sees them.
pub trait Driver: Send + Sync + 'static {
    /// The timer state of `worker`, kept in that worker's [`Context`](crate::Context). Any thread; once per worker.
    fn worker_state(&self, worker: usize) -> WorkerState;

    /// The I/O half, for the crate that made it to downcast; `None` where the loop has no I/O. Any thread.
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>>;

    /// Fires the timers of `worker` that are due at `now` and, when `io` is set, takes in what readiness there is.
    /// Never blocks. Wakes tasks on the spot: the worker's context is current, so they land in its own queue.
    fn turn(&self, worker: usize, now: u64, io: bool);

    /// The earliest deadline of `worker`'s timers, or [`NEVER`](crate::clock::NEVER). Any thread: for a worker that is
    /// running, the value may be out of date by what that worker has armed since it last published.
    fn next_deadline(&self, worker: usize) -> u64;

    /// Claims the right to wait for I/O on behalf of `worker`. `false` when nothing waits for I/O or another worker
    /// holds the claim: then the worker waits on the scheduler's own parker.
    fn claim(&self, worker: usize) -> bool;

    /// Waits for I/O until something is ready, `deadline` passes (real time; [`NEVER`](crate::clock::NEVER) waits
    /// without limit) or [`unpark`](Self::unpark) is called, then takes in what is ready. Called with the claim held;
    /// does not give it back. An `unpark` before the wait began ends it at once.
    fn park(&self, worker: usize, deadline: u64);

    /// Gives the claim back.
    fn release(&self, worker: usize);

    /// Ends a [`park`](Self::park) of `worker`, now or the next one. Any thread, also inside a signal handler: atomic
    /// operations and system calls only.
    fn unpark(&self, worker: usize);

    /// Does for a stuck or sleeping `worker` what it does not do now: fires its timers that are due at `now`, and takes in
    /// readiness where it would, if nobody else is about to. Any thread; never blocks.
    fn rescue(&self, worker: usize, now: u64);

    /// Whether anything in the driver waits on readiness, so that somebody must look from time to time. Any thread.
    fn io_waiting(&self) -> bool;

    /// How many timers are armed, and how many sources of I/O are registered. Any thread; not for hot paths.
    fn counts(&self) -> DriverCounts {
        DriverCounts::default()
    }

    /// The loop is closed: ends every wait for good. Waits begun later report that the loop is closed. Any thread.
    fn close(&self);
}

/// A driver without I/O and without time, for schedulers that need neither.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoDriver;

impl Driver for NoDriver {
    fn worker_state(&self, _worker: usize) -> WorkerState {
        WorkerState::none()
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    fn turn(&self, _worker: usize, _now: u64, _io: bool) {}
    fn next_deadline(&self, _worker: usize) -> u64 {
        crate::clock::NEVER
    }
    fn claim(&self, _worker: usize) -> bool {
        false
    }
    fn park(&self, _worker: usize, _deadline: u64) {}
    fn release(&self, _worker: usize) {}
    fn unpark(&self, _worker: usize) {}
    fn rescue(&self, _worker: usize, _now: u64) {}
    fn io_waiting(&self) -> bool {
        false
    }
    fn close(&self) {}
}
