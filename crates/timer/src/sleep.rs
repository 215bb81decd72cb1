//! [`sleep`] and [`sleep_until`]: futures that are ready when their deadline has passed.

mod limit;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Poll, Waker};
use std::time::Duration;

use heist_core::clock::{NEVER, nanos};
use heist_core::{Context, context, never_awaited};

pub use self::limit::limit;
use crate::stage::{Phase, Stage};
use crate::wheel::{ARMED, CLOSED, EntryRef, FIRED, Wheel};

/// Waits for `delay`. asyncio: `sleep`.
///
/// Called on a worker of a loop, the delay counts from the call, on that loop's clock: poll the future in the same loop.
/// Called elsewhere, it counts from the first poll. A zero delay lets every
/// task that is ready have a turn, once. The sum with the time saturates: `Duration::MAX` sleeps for ever.
///
/// Costs on a worker: one clock read, and, from the first pending poll to the end, two uncontended atomic
/// read-modify-writes beside the clone of the waker; no allocation in the steady state.
///
/// # Panics
///
/// The future panics when its first poll happens outside an event loop.
///
/// # Cancel safety
///
/// Dropping the future disarms the timer; nothing is lost.
///
/// ```
/// # use heist_timer as heist;
/// # use std::time::Duration;
/// async fn countdown() {
///     for n in (1..=3).rev() {
///         println!("{n}");
///         heist::sleep(Duration::from_secs(1)).await;
///     }
/// }
/// # drop(countdown());
/// ```
#[inline]
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    Sleep::of(delay).made_at(Location::caller())
}

/// Waits until `deadline`, in nanoseconds on the loop's [`Clock`](heist_core::Clock). A deadline that has passed lets
/// every task that is ready have a turn, once; [`NEVER`] never comes.
///
/// # Panics
///
/// The future panics when its first poll happens outside an event loop.
///
/// # Cancel safety
///
/// Dropping the future disarms the timer; nothing is lost.
///
/// ```
/// let sleep = heist_timer::sleep_until(1_000_000_000);
/// assert_eq!(sleep.deadline(), Some(1_000_000_000));
/// ```
#[inline]
pub fn sleep_until(deadline: u64) -> Sleep {
    Sleep::new(deadline, Phase::Until)
}

/// The future of [`sleep`] and [`sleep_until`]. 24 bytes.
///
/// Ready never before the deadline, and at every poll after the first ready one. It may be polled on any worker and
/// dropped on any thread.
///
/// ```
/// # use std::time::Duration;
/// # use heist_timer as heist;
/// use heist::{Sleep, sleep};
///
/// let sleep: Sleep = sleep(Duration::from_secs(1));
/// assert_eq!(size_of_val(&sleep), 24);
/// assert!(!sleep.is_elapsed());
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    deadline: u64,
    stage: Stage,
    /// With an entry, its wheel. Before the first poll, where the sleep was made, if that is anybody's business
    /// ([`heist_core::Unawaited`], without a word of its own), else null.
    wheel: *const Wheel,
}

// SAFETY: a wheel is Sync, and lives as long as an entry of it is owned.
unsafe impl Send for Sleep {}
// SAFETY: a shared Sleep only reads its fields and the entry's state.
unsafe impl Sync for Sleep {}

impl Sleep {
    #[inline]
    fn new(deadline: u64, phase: Phase) -> Self {
        Self { deadline, stage: Stage::at(phase), wheel: ptr::null() }
    }

    /// As [`sleep`], for who may well drop it without having polled it: nobody is told.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_timer::Sleep;
    /// let sleep = Sleep::of(Duration::from_secs(1));
    /// assert!(!sleep.is_elapsed());
    /// ```
    #[inline]
    pub fn of(delay: Duration) -> Self {
        let (deadline, phase) = Self::begin(delay);
        Self::new(deadline, phase)
    }

    /// What a sleep of so long begins with: its deadline, or what stands for it, and what it is at.
    #[inline]
    fn begin(delay: Duration) -> (u64, Phase) {
        if delay.is_zero() {
            return (0, Phase::Yield);
        }
        context::with(|context| match context {
            Some(context) => (context.deadline_in(delay), Phase::Delayed),
            None => (nanos(delay), Phase::Delay),
        })
    }

    /// Notes where this was made, which has not been polled.
    #[inline]
    fn made_at(mut self, place: &'static Location<'static>) -> Self {
        self.wheel = ptr::from_ref(place).cast();
        self
    }

    /// Where it was made, if it has not been polled.
    #[cold]
    fn unpolled(&self) -> Option<&'static Location<'static>> {
        // SAFETY: before the first poll the field is null, or was made from such a reference (`made_at`); a reset clears it.
        unsafe { self.wheel.cast::<Location<'static>>().as_ref() }
    }

    /// The deadline in nanoseconds on the loop's clock; `None` for a zero delay, and before the first poll of a sleep
    /// that was made outside a loop and of a [`limit()`] of a second or more.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_timer::{sleep, sleep_until};
    /// assert_eq!(sleep_until(5).deadline(), Some(5));
    /// assert_eq!(sleep(Duration::ZERO).deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<u64> {
        if let Some(entry) = self.stage.entry().filter(|_| self.stage.is_loose()) {
            // SAFETY: an owned entry keeps its wheel alive.
            return Some(unsafe { &*self.wheel }.deadline_of(entry));
        }
        let at = |phase| self.stage.is(phase);
        let unknown = at(Phase::Delay) || at(Phase::Yield) || at(Phase::Limit);
        let never_had_one = self.deadline == 0 && self.is_over();
        (!unknown && !never_had_one).then_some(self.deadline)
    }

    /// Whether the deadline has been found passed: the next poll is ready.
    ///
    /// ```
    /// # use heist_timer as heist;
    /// # use std::time::Duration;
    /// // It has not been polled, so nobody has looked.
    /// assert!(!heist::sleep(Duration::from_secs(5)).is_elapsed());
    /// ```
    pub fn is_elapsed(&self) -> bool {
        match self.stage.entry() {
            Some(entry) => entry.state() == FIRED,
            None => self.is_over(),
        }
    }

    /// Without an entry, and ready.
    #[inline]
    fn is_over(&self) -> bool {
        self.stage.is(Phase::Done) || self.stage.is(Phase::Yielded)
    }

    /// Sets another deadline, in nanoseconds on the loop's clock.
    ///
    /// A sleep that was waiting on this worker goes on waiting, with the waker of its last poll. In any other case it
    /// must be polled before it waits again.
    ///
    /// ```
    /// # use heist_timer as heist;
    /// # use std::time::Duration;
    /// let mut sleep = heist::sleep(Duration::from_secs(5));
    /// sleep.reset(7_000_000_000);
    /// assert_eq!(sleep.deadline(), Some(7_000_000_000));
    /// ```
    pub fn reset(&mut self, deadline: u64) {
        if let Some(entry) = self.stage.entry() {
            if deadline != NEVER {
                let moved = context::with(|context| {
                    self.own_wheel(context).is_some_and(|wheel| wheel.move_local(entry, deadline))
                });
                if moved {
                    self.deadline = deadline;
                    self.stage = Stage::armed(entry);
                    return;
                }
            }
        }
        drop(self.disarm());
        self.deadline = deadline;
        self.begin_again();
    }

    /// Without an entry, as if it had not been polled; who made it has polled it.
    #[inline]
    fn begin_again(&mut self) {
        self.wheel = ptr::null();
        self.stage = Stage::at(Phase::Until);
    }

    /// The first poll.
    fn start(&mut self, waker: &Waker) -> Poll<()> {
        with_wheel(|context, wheel| {
            if self.stage.is(Phase::Delay) {
                self.deadline = context.deadline_in(Duration::from_nanos(self.deadline));
            }
            // A deadline that has passed between the call of `sleep` and this poll is found by the next turn of the driver.
            let may_have_passed = self.stage.is(Phase::Until) && self.deadline != NEVER;
            let has_passed = || may_have_passed && self.deadline <= context.clock().now();
            if self.stage.is(Phase::Yield) || has_passed() {
                self.stage = Stage::at(Phase::Yielded);
                context.yield_now(waker);
            } else {
                self.arm(wheel, context.keep_waker(waker));
            }
            Poll::Pending
        })
    }

    #[inline]
    fn arm(&mut self, wheel: &Wheel, waker: Waker) {
        self.stage = Stage::at(Phase::Dormant);
        if self.deadline != NEVER {
            if let Some(entry) = wheel.arm(self.deadline, waker) {
                self.wheel = wheel;
                self.stage = Stage::armed(entry);
            }
        }
    }

    /// Takes over the deadline of an entry that alone knows it.
    #[inline]
    fn fix(&mut self) {
        if self.stage.is_loose() {
            self.fix_loose();
        }
    }

    #[cold]
    fn fix_loose(&mut self) {
        if let Some(deadline) = self.deadline() {
            self.deadline = deadline;
        }
        if let Some(entry) = self.stage.entry() {
            self.stage = Stage::armed(entry);
        }
    }

    #[inline]
    fn poll_armed(&mut self, entry: EntryRef, waker: &Waker) -> Poll<()> {
        if entry.state() == ARMED && entry.holds(waker) {
            return Poll::Pending;
        }
        self.poll_changed(entry, waker)
    }

    fn poll_changed(&mut self, entry: EntryRef, waker: &Waker) -> Poll<()> {
        match entry.state() {
            ARMED => self.change_waker(entry, waker),
            CLOSED => {
                self.fix();
                // SAFETY: an owned entry keeps its wheel alive.
                let now = unsafe { (*self.wheel).clock() }.now();
                if now < self.deadline {
                    return Poll::Pending;
                }
                self.finish()
            }
            _ => self.finish(),
        }
    }

    #[inline]
    fn finish(&mut self) -> Poll<()> {
        self.fix();
        drop(self.disarm());
        self.stage = Stage::at(Phase::Done);
        Poll::Ready(())
    }

    /// As [`finish`](Self::finish), for a timer that is known to have fired.
    #[inline]
    fn finish_fired(&mut self, entry: EntryRef) -> Poll<()> {
        context::with(|context| match self.own_wheel(context) {
            Some(wheel) => wheel.release_fired(entry),
            None => drop(self.disarm_in(context)),
        });
        self.stage = Stage::at(Phase::Done);
        Poll::Ready(())
    }

    /// The task that waits has changed. Another worker of the same loop takes the timer over; otherwise the new waker
    /// takes the place of the old one.
    #[cold]
    fn change_waker(&mut self, entry: EntryRef, waker: &Waker) -> Poll<()> {
        self.fix();
        // SAFETY: an owned entry keeps its wheel alive.
        let armed_in = unsafe { &*self.wheel };
        let here = context::with(|context| context.and_then(wheel_of).map(ptr::from_ref));
        let mine = here.filter(|&wheel| {
            // SAFETY: the context of this thread keeps its wheel alive.
            let clock = unsafe { (*wheel).clock() };
            !ptr::eq(wheel, self.wheel) && std::sync::Arc::ptr_eq(clock, armed_in.clock())
        });
        match mine {
            Some(mine) => {
                if self.disarm().is_none() {
                    // Fired, or closed, between the look at the state and the cancelling.
                    self.begin_again();
                    return self.restart(mine, waker);
                }
                // SAFETY: the context of this thread keeps its wheel alive.
                self.arm(unsafe { &*mine }, waker.clone());
                Poll::Pending
            }
            None => match armed_in.replace_waker(entry, waker.clone()) {
                Ok(_old) => Poll::Pending,
                Err(_refused) => self.poll_armed(entry, waker),
            },
        }
    }

    /// After the entry was given back without knowing how it ended: the clock knows.
    fn restart(&mut self, wheel: *const Wheel, waker: &Waker) -> Poll<()> {
        // SAFETY: the caller has it from the context of this thread.
        let wheel = unsafe { &*wheel };
        if self.deadline <= wheel.clock().now() {
            self.stage = Stage::at(Phase::Done);
            return Poll::Ready(());
        }
        self.arm(wheel, waker.clone());
        Poll::Pending
    }

    /// Gives the entry back, if there is one; the waker of a timer that was still armed comes back, to be dropped.
    #[inline]
    fn disarm(&mut self) -> Option<Waker> {
        context::with(|context| self.disarm_in(context))
    }

    /// As [`disarm`](Self::disarm), on the thread that has this context.
    #[inline]
    fn disarm_in(&mut self, context: Option<&Context>) -> Option<Waker> {
        let entry = self.stage.entry()?;
        self.stage = Stage::at(Phase::Dormant);
        if let Some(wheel) = self.own_wheel(context) {
            return wheel.release_local(entry);
        }
        let wheel = NonNull::new(self.wheel.cast_mut())?;
        // SAFETY: the entry is of this wheel and owned, and has just been taken out of the handle.
        unsafe { Wheel::release_remote(wheel, entry) }
    }

    /// The wheel that the timer was armed in, if it is this thread's own.
    #[inline]
    fn own_wheel(&self, context: Option<&Context>) -> Option<&Wheel> {
        let own = context.is_some_and(|context| ptr::eq(context.timers().cast(), self.wheel));
        // SAFETY: the callers own an entry, so there is a wheel. The context of this thread keeps it alive.
        own.then(|| unsafe { &*self.wheel })
    }
}

/// Calls `f` with this thread's context and wheel.
#[inline(always)]
fn with_wheel<R>(f: impl FnOnce(&Context, &Wheel) -> R) -> R {
    context::with(|context| match context.map(|context| (context, wheel_of(context))) {
        Some((context, Some(wheel))) => f(context, wheel),
        found => refuse(found.is_some()),
    })
}

#[cold]
fn refuse(in_a_loop: bool) -> ! {
    if in_a_loop {
        panic!(
            "sleep() polled in an event loop without timers: give the loop a driver that has a TimerService"
        );
    }
    panic!("sleep() polled outside a heist event loop: run it inside heist::run, or in a task of a loop");
}

/// The wheel of a worker.
#[inline]
fn wheel_of(context: &Context) -> Option<&Wheel> {
    // SAFETY: only `TimerService::worker_state` makes such a pointer, and the context keeps the service alive.
    unsafe { context.timers().cast::<Wheel>().as_ref() }
}

impl Future for Sleep {
    type Output = ();

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        // Of a limit that does not come to pass this is the only poll.
        if self.stage.is(Phase::Limit) {
            return self.start_limit(cx.waker());
        }
        self.poll_unlimited(cx.waker())
    }
}

impl Sleep {
    fn poll_unlimited(&mut self, waker: &Waker) -> Poll<()> {
        if let Some(entry) = self.stage.entry() {
            if !self.stage.is_loose() {
                // SAFETY: an owned entry keeps its wheel alive.
                let wheel = unsafe { &*self.wheel };
                if wheel.has_fired(self.deadline) {
                    return self.finish_fired(entry);
                }
            }
            return self.poll_armed(entry, waker);
        }
        if self.stage.is_unpolled() {
            return self.start(waker);
        }
        if self.stage.is(Phase::Dormant) {
            return self.poll_dormant();
        }
        self.stage = Stage::at(Phase::Done);
        Poll::Ready(())
    }

    /// Without an entry nobody wakes: only the time itself can end the sleep.
    #[cold]
    fn poll_dormant(&mut self) -> Poll<()> {
        if self.deadline == NEVER {
            return Poll::Pending;
        }
        let now = context::with(|context| context.map_or(0, |context| context.clock().now()));
        if now < self.deadline {
            return Poll::Pending;
        }
        self.stage = Stage::at(Phase::Done);
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        match self.stage.entry() {
            Some(entry) => self.drop_armed(entry),
            None if self.stage.is_unpolled() && !self.wheel.is_null() => {
                self.unpolled().into_iter().for_each(never_awaited);
            }
            None => {}
        }
    }
}

impl Sleep {
    /// The usual way of a limit calls nothing, and so saves no registers.
    #[inline(never)]
    fn drop_armed(&mut self, entry: EntryRef) {
        context::with(|context| {
            let Some(context) = context else { return self.drop_slowly(None) };
            let youngest = self.own_wheel(Some(context)).and_then(|wheel| wheel.release_youngest(entry));
            match youngest {
                Some(waker) => context.give_back(waker),
                None => self.drop_slowly(Some(context)),
            }
        });
    }

    #[inline(never)]
    fn drop_slowly(&mut self, context: Option<&Context>) {
        let waker = self.disarm_in(context);
        if let (Some(waker), Some(context)) = (waker, context) {
            context.give_back(waker);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
