//! [`Stopwatch`]: how long something took, for counts that are kept always.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Clock;
use super::counter::{self, Ticks};

/// Over how long it is measured what a tick is worth, at least, before that is settled.
const MEASURED_OVER: Duration = Duration::from_millis(10);

/// Readings whose differences say how long something took. Where there is a counter that the system's clocks go by, one is an
/// instruction of some 10 ns; elsewhere it is a look at the clock.
///
/// ```
/// use heist_core::{Clock, clock::Stopwatch};
///
/// let clock = Clock::real();
/// let stopwatch = Stopwatch::new(&clock);
/// let begin = stopwatch.read(&clock);
/// let sum: u64 = (0..1000).sum();
/// let took = stopwatch.span(stopwatch.read(&clock) - begin);
/// assert!(sum > 0 && took.as_secs() < 10);
/// ```
#[derive(Debug)]
pub struct Stopwatch {
    /// A moment, by the counter and by the system's clock: what a tick is worth. `None` where readings are nanoseconds.
    start: Option<(Ticks, Instant)>,
    /// So many ticks are so many nanoseconds, once settled: equal readings are equal spans from then on.
    rate: OnceLock<(Ticks, u128)>,
}

impl Stopwatch {
    /// A stopwatch for a loop that has this clock.
    ///
    /// ```
    /// use heist_core::{Clock, clock::Stopwatch};
    ///
    /// let clock = Clock::virtual_time();
    /// let stopwatch = Stopwatch::new(&clock);
    /// assert_eq!(stopwatch.read(&clock), 0);
    /// ```
    pub fn new(clock: &Clock) -> Self {
        let counts = !clock.is_virtual() && counter::is_usable();
        Self { start: counts.then(|| (counter::read(), Instant::now())), rate: OnceLock::new() }
    }

    /// A reading; it means something beside others of the same stopwatch alone. Not ordered with what stands around it: it may be
    /// some tens of nanoseconds off.
    ///
    /// ```
    /// use heist_core::{Clock, clock::Stopwatch};
    ///
    /// let clock = Clock::virtual_time();
    /// let stopwatch = Stopwatch::new(&clock);
    /// clock.advance_to(7);
    /// assert_eq!(stopwatch.read(&clock), 7);
    /// ```
    #[inline]
    pub fn read(&self, clock: &Clock) -> u64 {
        if self.start.is_some() { counter::read() } else { clock.now() }
    }

    /// How long it is from one reading to another, or all of several spans, given the difference.
    ///
    /// ```
    /// use heist_core::{Clock, clock::Stopwatch};
    ///
    /// let clock = Clock::virtual_time();
    /// let stopwatch = Stopwatch::new(&clock);
    /// let begin = stopwatch.read(&clock);
    /// clock.advance_to(7_000);
    /// assert_eq!(stopwatch.span(stopwatch.read(&clock) - begin).as_micros(), 7);
    /// ```
    pub fn span(&self, readings: u64) -> Duration {
        let Some(start) = self.start else { return Duration::from_nanos(readings) };
        let (ticks, nanos) = self.rate.get().copied().unwrap_or_else(|| self.measure(start));
        // A counter that stands still has measured nothing.
        let span = (u128::from(readings) * nanos).checked_div(u128::from(ticks));
        Duration::from_nanos(span.and_then(|span| span.try_into().ok()).unwrap_or(0))
    }

    /// How many readings such a span has: the inverse of [`span`](Self::span).
    ///
    /// ```
    /// use std::time::Duration;
    /// use heist_core::{Clock, clock::Stopwatch};
    ///
    /// let clock = Clock::real();
    /// let stopwatch = Stopwatch::new(&clock);
    /// let end = stopwatch.read(&clock) + stopwatch.readings(Duration::from_millis(2));
    /// while stopwatch.read(&clock) < end {
    ///     std::hint::spin_loop();
    /// }
    /// ```
    pub fn readings(&self, span: Duration) -> u64 {
        let span = span.as_nanos();
        let readings = match self.start {
            None => Some(span),
            Some(start) => {
                let (ticks, nanos) = self.rate.get().copied().unwrap_or_else(|| self.measure(start));
                (span * u128::from(ticks)).checked_div(nanos)
            }
        };
        readings.and_then(|readings| readings.try_into().ok()).unwrap_or(0)
    }

    fn measure(&self, (ticks, at): (Ticks, Instant)) -> (Ticks, u128) {
        let passed = at.elapsed();
        let rate = (counter::read().saturating_sub(ticks), passed.as_nanos());
        if passed < MEASURED_OVER { rate } else { *self.rate.get_or_init(|| rate) }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_clock() {
        let clock = Clock::real();
        let stopwatch = Stopwatch::new(&clock);
        let (outer, begin, inner) = (Instant::now(), stopwatch.read(&clock), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (shortest, end, longest) = (inner.elapsed(), stopwatch.read(&clock), outer.elapsed());
        let span = stopwatch.span(end - begin);
        // What a tick is worth was measured over the same 20 ms: some parts in a thousand.
        assert!(
            span > shortest.mul_f64(0.99) && span < longest.mul_f64(1.01),
            "{shortest:?} {span:?} {longest:?}"
        );
    }

    #[test]
    fn readings_are_the_inverse_of_spans() {
        for clock in [Clock::real(), Clock::virtual_time()] {
            let stopwatch = Stopwatch::new(&clock);
            // From then on what a reading is worth stays as it is.
            std::thread::sleep(MEASURED_OVER);
            let span = stopwatch.span(stopwatch.readings(Duration::from_millis(5)));
            assert!(span > Duration::from_micros(4_999) && span <= Duration::from_millis(5), "{span:?}");
        }
    }

    #[test]
    fn virtual_time_is_read_as_it_is() {
        let clock = Clock::virtual_time();
        let stopwatch = Stopwatch::new(&clock);
        let begin = stopwatch.read(&clock);
        clock.advance_to(7_000);
        assert_eq!(stopwatch.span(stopwatch.read(&clock) - begin), Duration::from_micros(7));
    }
}
