//! `call_later` and `call_at`, and the handle of what they put in line for later.

use std::cmp;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use heist_core::LoopClosedError;
use heist_core::clock::nanos;
use heist_core::context;
use heist_core::services::CallbackHandle;
use heist_core::sync::mutant;
use heist_core::vars::{self, Captured};

use crate::callbacks::{Call, put};
use crate::debug::WrongThread;
use crate::scheduler::Handle;
use crate::shared::Shared;
use crate::timed::Due;

/// A callback that waits for its time; asyncio's `TimerHandle`.
///
/// Handles of one loop are ordered by due time, and by arrival where that is equal: the order in which they are called.
/// Dropping one changes nothing: the callback is called.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler};
/// # use std::time::Duration;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// let handle = scheduler.handle();
/// let second = handle.call_at(Duration::from_secs(2), || println!("second"))?;
/// let first = handle.call_at(Duration::from_secs(1), || println!("first"))?;
/// assert!(first < second);
/// second.cancel();
/// assert_eq!((second.cancelled(), second.when()), (true, Duration::from_secs(2)));
/// # Ok::<(), heist_scheduler::LoopClosedError>(())
/// ```
#[derive(Clone)]
pub struct TimerHandle {
    callback: CallbackHandle,
    shared: Arc<Shared>,
    due: Due,
}

impl TimerHandle {
    /// Keeps the callback from being called, and drops it at once, with what it captured. asyncio: `Handle.cancel`.
    ///
    /// Without effect once the call has begun.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let timer = handle.call_later(Duration::from_secs(1), || println!("never"))?;
    /// assert_eq!(handle.metrics().callbacks_later, 1);
    /// timer.cancel();
    /// assert_eq!(handle.metrics().callbacks_later, 0);
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    #[track_caller]
    pub fn cancel(&self) {
        self.shared.check_thread(cancel_on_wrong_thread, Location::caller());
        // Dropped here, with no lock held: what it captured may do anything when it goes.
        drop(self.shared.callbacks.timed.remove(self.due));
        self.callback.cancel();
    }

    /// Whether it was cancelled before it was called. asyncio: `Handle.cancelled`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let timer = handle.call_later(Duration::from_secs(1), || println!("never"))?;
    /// assert!(!timer.cancelled());
    /// timer.cancel();
    /// assert!(timer.cancelled());
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    pub fn cancelled(&self) -> bool {
        self.callback.cancelled()
    }

    /// When it is due, in the loop's time, also once it was called or cancelled. asyncio: `TimerHandle.when`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let timer = handle.call_later(Duration::from_secs(3), || println!("three"))?;
    /// assert_eq!(timer.when(), handle.time() + Duration::from_secs(3));
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    pub fn when(&self) -> Duration {
        Duration::from_nanos(self.due.0)
    }

    fn key(&self) -> (Due, usize) {
        (self.due, self.shared.id())
    }
}

impl PartialEq for TimerHandle {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for TimerHandle {}

impl PartialOrd for TimerHandle {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TimerHandle {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for TimerHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("when", &self.when()).field("callback", &self.callback).finish()
    }
}

fn later_on_wrong_thread() -> WrongThread {
    let instead = "use call_soon_threadsafe there, and call_later or call_at in its callback";
    WrongThread { what: "a callback for later was made", instead }
}

fn cancel_on_wrong_thread() -> WrongThread {
    let instead = "use call_soon_threadsafe there, and cancel in its callback";
    WrongThread { what: "a callback for later was cancelled", instead }
}

impl Handle {
    /// Has the loop call `callback` once `delay` has passed, and not before. asyncio: `loop.call_later`.
    ///
    /// As [`call_soon`](Self::call_soon) in all else: any thread may call it, callbacks are called one at a time, in a copy of
    /// the current context variables. Those that are due together are called in the order of their due times, equals in the
    /// order in which they came. Worker 0, the thread of the run, looks after them, and the watchdog where that thread stands
    /// still. With no delay it is called in the next pass: behind what stands in line by then, as in asyncio.
    ///
    /// One lock, one allocation for the closure, and a place in an ordered map; a system call only where the loop sleeps and this
    /// is the earliest.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let stopper = handle.clone();
    /// handle.call_later(Duration::from_secs(3), move || stopper.stop())?;
    /// scheduler.run_forever().unwrap();
    /// assert_eq!(handle.time(), Duration::from_secs(3)); // of the loop's clock, which is virtual here
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopClosedError`] on a closed loop. A loop that is closed before the callback's time drops it.
    #[track_caller]
    pub fn call_later(
        &self,
        delay: Duration,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<TimerHandle, LoopClosedError> {
        let when = self.shared().clock.deadline_in(delay);
        self.put_timed(when, delay.is_zero(), Captured::current(), callback)
    }

    /// As [`call_later`](Self::call_later), at a time of the loop's clock (see [`time`](Self::time)); one that has passed is due
    /// at once, as with no delay. asyncio: `loop.call_at`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let stopper = handle.clone();
    /// handle.call_at(Duration::from_secs(3), move || stopper.stop())?;
    /// scheduler.run_forever().unwrap();
    /// assert_eq!(handle.time(), Duration::from_secs(3)); // of the loop's clock, which is virtual here
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call_later`](Self::call_later).
    #[track_caller]
    pub fn call_at(
        &self,
        when: Duration,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<TimerHandle, LoopClosedError> {
        self.put_timed(nanos(when), self.has_passed(when), Captured::current(), callback)
    }

    /// As [`call_at`](Self::call_at), in the very context that is given. asyncio: `call_at(..., context=context)`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, LoopClosedError};
    /// # use std::time::Duration;
    /// # use heist_core::vars::{ContextVar, copy_context};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::virtual_time(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let (context, stopper) = (copy_context(), handle.clone());
    /// handle.call_at_in(&context, Duration::from_secs(3), move || {
    ///     USER.set("ada");
    ///     stopper.stop();
    /// })?;
    /// scheduler.run_forever().unwrap();
    /// assert_eq!(context.get(&USER), Some("ada"));
    /// # Ok::<(), LoopClosedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call_later`](Self::call_later).
    #[track_caller]
    pub fn call_at_in(
        &self,
        context: &vars::Context,
        when: Duration,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<TimerHandle, LoopClosedError> {
        self.put_timed(nanos(when), self.has_passed(when), Captured::given(context), callback)
    }

    fn has_passed(&self, when: Duration) -> bool {
        nanos(when) <= self.shared().clock.now()
    }

    #[track_caller]
    fn put_timed(
        &self,
        when: u64,
        is_due: bool,
        captured: Captured,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<TimerHandle, LoopClosedError> {
        let shared = self.shared();
        shared.check_thread(later_on_wrong_thread, Location::caller());
        let callback = CallbackHandle::new(callback);
        let call = Call::of_handle(captured, &callback);
        let (due, earliest) = match shared.callbacks.timed.put(when, call) {
            Ok(put) => put,
            // Dropped here, with no lock held.
            Err(_refused) => return Err(LoopClosedError),
        };
        // T2.
        if earliest && !is_worker_0(shared) && !mutant("timed-put-without-unpark") {
            shared.unpark(0);
        }
        if is_due {
            shared.fire_before_the_next_pass(callback.location());
        }
        Ok(TimerHandle { callback, shared: shared.clone(), due })
    }
}

/// Whether this thread is the worker that waits for the callbacks of the loop: it will look before it sleeps.
fn is_worker_0(shared: &Shared) -> bool {
    context::with(|context| {
        context.is_some_and(|context| context.loop_id() == shared.id() && context.worker() == 0)
    })
}

impl Shared {
    /// Puts the callbacks that are due in line. Any thread.
    #[inline]
    pub(crate) fn fire_timed(self: &Arc<Self>, now: u64) {
        if self.callbacks.timed.next() <= now {
            self.fire_due(now);
        }
    }

    /// Something was due when it came: it is not to wait until a busy loop looks at the time.
    fn fire_before_the_next_pass(self: &Arc<Self>, location: &'static Location<'static>) {
        if self.local {
            self.callbacks.timed.ask();
        } else {
            // A loop that is closed meanwhile has dropped what was due.
            let _ = put(self, Call::to_fire(location));
        }
    }

    #[cold]
    pub(crate) fn fire_due(self: &Arc<Self>, now: u64) {
        self.callbacks.timed.fire(now, |call| {
            // Of a loop that is closed meanwhile it is dropped, which may panic.
            crate::task::discard(|| put(self, call).unwrap_or(()));
        });
    }
}
