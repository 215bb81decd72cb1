//! Ticks at regular times: `interval`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use heist_core::{budget, clock, context};
use heist_timer::{Sleep, sleep_until};

/// What an [`Interval`] does about ticks that nobody awaited in time.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let mut interval = heist::interval(Duration::from_millis(1)).missed_tick_behavior(heist::MissedTickBehavior::Skip);
///     interval.tick().await;
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTickBehavior {
    /// Makes up for them: they come at once, one after the other, until the ticks are on time again. The number of ticks is
    /// right in the long run.
    #[default]
    Burst,
    /// Lets the late tick set the time: the next one comes a whole period after it. Between two ticks there is always a
    /// period.
    Delay,
    /// Leaves them out: the next tick comes at the next multiple of the period. The times of the ticks stay the same.
    Skip,
}

/// Ticks every `period`, the first time at once.
///
/// The times of the ticks are fixed from the call on (from the first tick on, where it is made outside of a loop): what
/// is done between the ticks does not delay them. A period of zero ticks at every await.
///
/// asyncio has no such function; there one writes a loop around `sleep`, which drifts by the time that its body takes.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let mut interval = heist::interval(Duration::from_millis(5));
///     for _ in 0..3 {
///         interval.tick().await;
///         println!("tick");
///     }
/// });
/// ```
pub fn interval(period: Duration) -> Interval {
    Interval::new(now(), period)
}

/// Ticks every `period`, the first time at `start` on the loop's clock, as [`Handle::time`](crate::Handle::time)
/// gives it.
///
/// ```
/// use std::time::Duration;
///
/// let event_loop = heist::EventLoop::new()?;
/// let start = event_loop.time() + Duration::from_millis(10);
/// event_loop.run_until_complete(async {
///     let mut interval = heist::interval_at(start, Duration::from_millis(5));
///     assert_eq!(interval.tick().await, start);
///     assert_eq!(interval.tick().await, start + Duration::from_millis(5));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interval_at(start: Duration, period: Duration) -> Interval {
    Interval::new(Some(clock::nanos(start)), period)
}

/// The time of the loop that this thread runs.
fn now() -> Option<u64> {
    context::with(|context| context.map(|context| context.clock().now()))
}

/// The ticks of [`interval`] and [`interval_at`]; also a [`Stream`] of them, which never ends.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let mut interval = heist::interval(Duration::from_millis(1));
///     interval.tick().await;
///     assert_eq!(interval.period(), Duration::from_millis(1));
/// });
/// ```
#[derive(Debug)]
#[must_use = "an interval ticks only while it is awaited"]
pub struct Interval {
    /// When the next tick is due; `None` before the first poll of one that was made outside of a loop.
    next: Option<u64>,
    period: u64,
    missed: MissedTickBehavior,
    /// Waits for `next`, while a tick is awaited that is not due.
    sleep: Option<Sleep>,
}

impl Interval {
    fn new(next: Option<u64>, period: Duration) -> Self {
        Self { next, period: clock::nanos(period), missed: MissedTickBehavior::default(), sleep: None }
    }

    /// Chooses what is done about missed ticks; [`MissedTickBehavior::Burst`] unless chosen.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::interval(Duration::from_millis(1)).missed_tick_behavior(heist::MissedTickBehavior::Delay);
    ///     interval.tick().await;
    /// });
    /// ```
    pub fn missed_tick_behavior(mut self, behavior: MissedTickBehavior) -> Self {
        self.missed = behavior;
        self
    }

    /// The time between two ticks.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::interval(Duration::from_millis(1));
    ///     assert_eq!(interval.period(), Duration::from_millis(1));
    ///     interval.tick().await;
    /// });
    /// ```
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period)
    }

    /// Waits for the next tick, and gives the time on the loop's clock for which it was set.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::interval(Duration::from_millis(1));
    ///     let first = interval.tick().await;
    ///     assert_eq!(interval.tick().await, first + interval.period());
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// The future panics when it is polled outside of a running loop.
    ///
    /// # Cancel safety
    ///
    /// Dropping the wait loses no tick.
    pub async fn tick(&mut self) -> Duration {
        std::future::poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Self::tick), for futures written by hand.
    ///
    /// # Panics
    ///
    /// Outside of a running loop.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let proceed = ready!(budget::poll_proceed(cx));
        let Some(now) = now() else {
            panic!("an interval was awaited outside of a running event loop: await it inside heist::run");
        };
        let due = *self.next.get_or_insert(now);
        if due > now {
            let sleep = self.sleep.get_or_insert_with(|| sleep_until(due));
            ready!(Pin::new(sleep).poll(cx));
        }
        self.sleep = None;
        proceed.made_progress();
        self.next = Some(self.after(due, now.max(due)));
        Poll::Ready(Duration::from_nanos(due))
    }

    /// Starts anew: the next tick comes a period from now.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::interval(Duration::from_millis(1));
    ///     interval.reset();
    ///     interval.tick().await; // a period later
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.next = now().map(|now| now.saturating_add(self.period));
        self.sleep = None;
    }

    /// When the tick after the one that was due at `due` and came at `now` is due.
    fn after(&self, due: u64, now: u64) -> u64 {
        let on_time = due.saturating_add(self.period);
        if self.period == 0 {
            return now;
        }
        if on_time >= now {
            return on_time;
        }
        match self.missed {
            MissedTickBehavior::Burst => on_time,
            MissedTickBehavior::Delay => now.saturating_add(self.period),
            // The first multiple that is still to come; the one that is due now is none that was missed.
            MissedTickBehavior::Skip => match (now - due) % self.period {
                0 => now,
                over => now.saturating_add(self.period - over),
            },
        }
    }
}

impl Stream for Interval {
    type Item = Duration;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Duration>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
