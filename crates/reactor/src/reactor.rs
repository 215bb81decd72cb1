//! The reactor: shards, who waits in them, and how a wait ends.
//! Waking a parked worker is in the `parking` module, waiting for a source in `word`.

use std::any::Any;
use std::fmt;
use std::io;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use heist_core::Clock;
use heist_core::clock::NEVER;
use heist_core::context;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::{Mutex, MutexGuard};

use crate::Direction;
use crate::parking::Parking;
use crate::platform::{Event, Events, Selector};
use crate::record::{Refused, Slab};
#[cfg(unix)]
use crate::watch::Watches;

/// How many workers share a shard. From eight on, one kernel queue becomes the bottleneck for those who register.
const WORKERS_PER_SHARD: usize = 8;

/// How many events a busy worker takes in at once: enough to pay for the call, few enough to return to its tasks soon.
const BUSY_BATCH: usize = 64;

/// The I/O half of a loop's driver.
///
/// One per event loop. Sources find it through the worker that first waits for them; see [`IoSource`](crate::IoSource).
/// The methods that take a worker are those of [`heist_core::Driver`], which hands them on.
///
/// ```
/// use heist_core::Clock;
/// use heist_reactor::Reactor;
///
/// let reactor = Reactor::new(Clock::real(), 2)?;
/// assert_eq!(reactor.sources(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Reactor {
    clock: Arc<Clock>,
    /// Shared with the sources that are registered there, which need their records even when the loop is gone.
    shards: Box<[Arc<Shard>]>,
    /// One parking word per worker.
    parking: Box<[CachePadded<Parking>]>,
    /// The descriptors that callbacks watch.
    #[cfg(unix)]
    pub(crate) watches: Watches,
}

/// One kernel queue with its records.
pub(crate) struct Shard {
    /// Whether a worker holds the right to wait here.
    claimed: CachePadded<AtomicBool>,
    pub(crate) selector: Selector,
    pub(crate) slab: Slab,
    /// Held while waiting and harvesting, so that harvests are serial. The claim says who may wait; a worker that only
    /// polls in passing goes by this lock alone.
    events: Mutex<Events>,
    /// Held while a source is registered here.
    pub(crate) binding: Mutex<()>,
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("shards", &self.shards.len())
            .field("sources", &self.sources())
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// Makes the reactor of a loop with so many workers.
    ///
    /// ```
    /// use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 2)?;
    /// assert!(!reactor.io_waiting());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the system when it has no descriptor left for the queues: three per eight workers on Linux.
    pub fn new(clock: Arc<Clock>, workers: usize) -> io::Result<Arc<Self>> {
        Self::with_spares(clock, workers, 0)
    }

    /// As [`new`](Self::new), for a loop that may run `spares` more workers, numbered behind the others, for a while.
    /// They share the shards of the others.
    ///
    /// ```
    /// use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::with_spares(Clock::real(), 2, 1)?;
    /// assert!(!reactor.claim(2), "nothing to wait for yet");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_spares(clock: Arc<Clock>, workers: usize, spares: usize) -> io::Result<Arc<Self>> {
        let shards = (0..(workers / WORKERS_PER_SHARD).max(1))
            .map(|_| Shard::new().map(Arc::new))
            .collect::<io::Result<_>>()?;
        let parking = (0..(workers + spares).max(1)).map(|_| CachePadded::new(Parking::new())).collect();
        Ok(Arc::new(Self {
            clock,
            shards,
            parking,
            #[cfg(unix)]
            watches: Watches::default(),
        }))
    }

    /// How many sources are registered.
    ///
    /// ```
    /// use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// assert_eq!(Reactor::new(Clock::real(), 1)?.sources(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn sources(&self) -> usize {
        self.shards.iter().map(|shard| shard.slab.live()).sum()
    }

    /// The reactor of the loop whose worker this thread is, and that worker's shard.
    pub(crate) fn current() -> io::Result<(Arc<Self>, usize)> {
        let found = context::with(|context| context.map(|context| (context.io(), context.worker())));
        let Some((io, worker)) = found else {
            return Err(io::Error::other(
                "no event loop runs on this thread: await sockets inside heist::run, or in a task that it started",
            ));
        };
        let reactor = io.and_then(|io: Arc<dyn Any + Send + Sync>| io.downcast::<Self>().ok());
        let Some(reactor) = reactor else {
            return Err(io::Error::other(
                "this event loop was made without I/O: build it with a driver that has a reactor",
            ));
        };
        let shard = worker % reactor.shards.len();
        Ok((reactor, shard))
    }

    #[inline]
    pub(crate) fn shard(&self, index: usize) -> &Arc<Shard> {
        &self.shards[index]
    }

    #[inline]
    fn shard_of(&self, worker: usize) -> &Shard {
        match &*self.shards {
            // Most loops have one: no division on the way to each wait.
            [shard] => shard,
            shards => &shards[worker % shards.len()],
        }
    }

    /// Claims the right to wait for I/O on behalf of `worker`: `false` when its shard has no source or another worker
    /// holds the claim. One atomic read-modify-write at most.
    ///
    /// ```
    /// use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// assert!(!Reactor::new(Clock::real(), 1)?.claim(0), "there is no source");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn claim(&self, worker: usize) -> bool {
        let shard = self.shard_of(worker);
        shard.slab.live() != 0 && shard.try_claim()
    }

    /// Gives the claim back.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 1)?;
    ///
    /// if reactor.claim(0) {
    ///     // park, and then
    ///     reactor.release(0);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn release(&self, worker: usize) {
        self.shard_of(worker).unclaim();
    }

    /// Waits until a source is ready, `deadline` passes or [`unpark`](Self::unpark) is called, then wakes who waits for
    /// what is ready. Call with the claim held; it is not given back. One system call; none where an unpark came before.
    ///
    /// The deadline counts nanoseconds of the loop's clock, and [`NEVER`] waits without limit.
    ///
    /// ```
    /// # use heist_core::{Clock, clock::NEVER};
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 1)?;
    ///
    /// reactor.unpark(0);
    /// reactor.park(0, NEVER); // ended before it began
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the system's queue fails, which only a closed descriptor can bring about, and when a waker panics (after the
    /// others have been woken).
    pub fn park(&self, worker: usize, deadline: u64) {
        let shard = self.shard_of(worker);
        let Some(parking) = self.parking.get(worker) else { return };
        if !parking.begin() {
            return;
        }
        // At most for the harvest of a `poll`: one small batch, without waiting.
        let events = shard.events.lock();
        // The word is put back before anybody is woken: an unpark from here on is for the next park.
        shard.harvest(events, self.limit(deadline), usize::MAX, || parking.end());
    }

    /// How long to wait for `deadline`: `None` is without limit.
    fn limit(&self, deadline: u64) -> Option<Duration> {
        (deadline != NEVER).then(|| Duration::from_nanos(deadline.saturating_sub(self.clock.now())))
    }

    /// Takes in what readiness there is in the shard of `worker`, without waiting and in a small batch. No system call
    /// when the shard has no source or somebody holds its claim; otherwise one.
    ///
    /// Does not take the claim: a worker that goes to sleep meanwhile must get it, since nobody else might.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 1)?;
    ///
    /// reactor.poll(0); // no source, no system call
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`park`](Self::park).
    pub fn poll(&self, worker: usize) {
        let shard = self.shard_of(worker);
        // Relaxed: a hint that spares the lock.
        if shard.slab.live() == 0 || shard.claimed.load(Ordering::Relaxed) {
            return;
        }
        // Whoever holds the lock takes in readiness now.
        if let Some(events) = shard.events.try_lock() {
            shard.harvest(events, Some(Duration::ZERO), BUSY_BATCH, || {});
        }
    }

    /// Ends a [`park`](Self::park) of `worker`, now or the next one. Any thread. One atomic read-modify-write, and one
    /// system call if the worker is parked and nobody has unparked it yet.
    ///
    /// ```
    /// # use heist_core::{Clock, clock::NEVER};
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 1)?;
    ///
    /// # std::thread::scope(|scope| {
    /// let sleeper = scope.spawn(|| reactor.park(0, NEVER));
    /// reactor.unpark(0);
    /// assert!(sleeper.join().is_ok(), "it was parked, or about to be");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unpark(&self, worker: usize) {
        let Some(parking) = self.parking.get(worker) else { return };
        if parking.notify() {
            self.shard_of(worker).selector.wake();
        }
    }

    /// Whether any source is registered, so that somebody must look from time to time. Any thread.
    ///
    /// ```
    /// use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// assert!(!Reactor::new(Clock::real(), 1)?.io_waiting(), "no source, no wait");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn io_waiting(&self) -> bool {
        self.shards.iter().any(|shard| shard.slab.live() != 0)
    }

    /// The loop is closed: wakes all who wait. Whoever waits later gets the error `the event loop is closed`. Any
    /// thread; calling it again changes nothing.
    ///
    /// ```
    /// # use heist_core::Clock;
    /// use heist_reactor::Reactor;
    ///
    /// let reactor = Reactor::new(Clock::real(), 1)?;
    ///
    /// reactor.close();
    /// reactor.close(); // changes nothing
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) {
        #[cfg(unix)]
        self.watches.close();
        for shard in self.shards.iter() {
            for waker in shard.slab.close() {
                waker.wake();
            }
            shard.selector.wake();
        }
    }

    /// Whether a source of this loop has that very descriptor, and has waited for it.
    #[cfg(unix)]
    pub(crate) fn knows(&self, descriptor: BorrowedFd<'_>) -> bool {
        self.shards.iter().any(|shard| shard.selector.knows(descriptor))
    }

    /// The error of a wait on a closed loop.
    pub(crate) fn closed() -> io::Error {
        io::Error::other("the event loop is closed: a socket stays with the loop where it first waited")
    }

    /// The error for a source that gets no record.
    pub(crate) fn refused(refused: &Refused) -> io::Error {
        match refused {
            Refused::Closed => Self::closed(),
            Refused::Full => io::Error::new(io::ErrorKind::OutOfMemory, "too many sockets in one event loop"),
        }
    }
}

impl Shard {
    fn new() -> io::Result<Self> {
        Ok(Self {
            claimed: CachePadded::new(AtomicBool::new(false)),
            selector: Selector::new()?,
            slab: Slab::new(),
            events: Mutex::new(Events::new()),
            binding: Mutex::new(()),
        })
    }

    #[inline]
    fn try_claim(&self) -> bool {
        // Acquire pairs with the Release in `unclaim`.
        !self.claimed.load(Ordering::Relaxed) && !self.claimed.swap(true, Ordering::Acquire)
    }

    #[inline]
    fn unclaim(&self) {
        // Release pairs with the Acquire in `try_claim`: harvests are serial.
        self.claimed.store(false, Ordering::Release);
    }

    /// Waits, then takes in what came. `waited` runs between the two.
    fn harvest(
        &self,
        mut events: MutexGuard<'_, Events>,
        limit: Option<Duration>,
        most: usize,
        waited: impl FnOnce(),
    ) {
        let result = self.selector.wait(&mut events, limit, most);
        waited();
        if let Err(error) = result {
            panic!(
                "waiting for I/O failed: {error}; was a descriptor of the event loop closed by somebody else?"
            );
        }
        let panicked = self.take_in(&events);
        drop(events);
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// Wakes who waits for what came; the last panic of a waker, if one panicked.
    #[inline(never)]
    fn take_in(&self, events: &Events) -> Option<Box<dyn Any + Send>> {
        let mut panicked = None;
        self.slab.begin_harvest();
        let mut left = events.iter();
        // A waker that panics must not cost the others their edges: the next round goes on behind it.
        while let Err(panic) =
            catch_unwind(AssertUnwindSafe(|| left.by_ref().for_each(|event| self.dispatch(event))))
        {
            panicked = Some(panic);
        }
        drop(left);
        self.slab.end_harvest();
        panicked
    }

    #[inline]
    fn dispatch(&self, event: Event) {
        let Some(record) = self.slab.get(event.key.index) else { return };
        if !record.is_of(event.key.generation) {
            return;
        }
        record.arming.fired(&self.selector, event);
        if event.readable {
            record.word(Direction::Read).event(event.hung);
        }
        if event.writable {
            record.word(Direction::Write).event(event.hung);
        }
    }
}
