//! Deadlines without asking the system for the time.
//!
//! A system clock read costs 25 ns, more than all the rest of a timeout that never fires. A deadline need not be exact: it must
//! not be *early*, and a few microseconds late is nothing beside a wake-up. So what is needed is an *upper bound* of the
//! time, and the processor's counter gives one in a third of that.
//!
//! Vocabulary:
//!
//! * the *reference* is the system's monotonic clock, by which everything fires;
//! * the *counter* is the processor's, see [`super::counter`];
//! * an *anchor* is a moment at which both were read, the counter first. Each worker has its own and renews it when it is
//!   older than [`MAX_AGE`];
//! * the *rate* is how many nanoseconds the reference may go forward in one tick of the counter, at the very most.
//!
//! `upper bound = reference at the anchor + ticks since then * rate + LEAD`, and never less than one given before on this
//! worker, so that equal delays keep their order. Why that is never below the reference, and at most 12 us above it:
//! `docs/design/timers.md`.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::counter::{self, Ticks};
use super::{Clock, nanos};

/// How old an anchor may be, in nanoseconds: what the rate is too fast by is added to a deadline for so long.
const MAX_AGE: u64 = 8_000;

/// How far ahead of its turn, in nanoseconds, the processor may read the counter: longer than an instruction waits for
/// memory, while those behind it are carried out already. A fence instead would cost 9 ns.
const LEAD: u64 = 2_000;

/// The rate is measured, and the system may steer its clock: Linux by no more than 11 % to either side of the counter's
/// nominal rate, so at most by 1.11 / 0.89 < 5 / 4 of what was measured.
const STEERED: (u64, u64) = (5, 4);

/// The shortest time, in nanoseconds, over which the rate is measured.
const MEASURED_OVER: u64 = 1_000_000;

/// The bits behind the point of a rate.
const POINT: u32 = 32;

/// One renewal in so many checks that the reference has not overtaken the bound.
const CHECKED: u32 = 64;

/// Nanoseconds a tick, [`POINT`] bits behind the point; 0 while it has not been measured, [`NONE`] where there is no
/// counter to trust. Bookkeeping, and not from the shim: a static, which no model touches.
static RATE: AtomicU64 = AtomicU64::new(0);

const NONE: u64 = u64::MAX;

/// The moment from which on the rate is measured.
static FIRST: OnceLock<Stamp> = OnceLock::new();

/// A reading of the reference, between two of the counter.
#[derive(Clone, Copy)]
struct Stamp {
    before: Ticks,
    time: Instant,
    after: Ticks,
}

impl Stamp {
    fn take() -> Self {
        let before = counter::read();
        let time = Instant::now();
        Self { before, time, after: counter::read_in_order() }
    }
}

/// One worker's upper bound of the time.
pub(crate) struct Estimate {
    /// The anchor: the counter, read before the reference.
    ticks: Cell<Ticks>,
    /// The anchor: the reference, in nanoseconds of the loop's clock, and [`LEAD`].
    time: Cell<u64>,
    /// No bound may be below this one.
    floor: Cell<u64>,
    rate: Cell<u64>,
    /// [`MAX_AGE`] in ticks; 0 while there is no rate, and for good on a loop whose time is virtual.
    max_age: Cell<Ticks>,
    renewals: Cell<u32>,
}

impl Estimate {
    pub(crate) fn new(clock: &Clock) -> Self {
        if !clock.is_virtual() {
            // From here on the rate is measured, if nobody has begun.
            measure();
        }
        Self::at_rest()
    }

    fn at_rest() -> Self {
        Self {
            ticks: Cell::new(0),
            time: Cell::new(0),
            floor: Cell::new(0),
            rate: Cell::new(0),
            max_age: Cell::new(0),
            renewals: Cell::new(0),
        }
    }

    /// An upper bound of the time on `clock`; exactly the time where it is virtual.
    #[inline(always)]
    pub(crate) fn upper_bound(&self, clock: &Clock) -> u64 {
        match self.bound(counter::read()) {
            Some(bound) => bound,
            None => self.read(clock),
        }
    }

    /// The bound when the counter says `ticks`; `None` when the anchor is too old, or there is none.
    #[inline(always)]
    fn bound(&self, ticks: Ticks) -> Option<u64> {
        let age = ticks.wrapping_sub(self.ticks.get());
        (age < self.max_age.get()).then(|| self.at(age).max(self.floor.get()))
    }

    /// What the anchor says, so many ticks after it: no more than [`MAX_AGE`] of them.
    #[inline(always)]
    fn at(&self, age: Ticks) -> u64 {
        // Ticks of microseconds, and a rate of less than 2^10 ns a tick: the product is far below 2^64.
        self.time.get() + (age.wrapping_mul(self.rate.get()) >> POINT)
    }

    /// Reads the clock; where there is a counter, that is a new anchor.
    #[cold]
    #[inline(never)]
    fn read(&self, clock: &Clock) -> u64 {
        if clock.is_virtual() {
            return clock.now();
        }
        let Some(rate) = measure() else {
            self.max_age.set(0);
            return clock.now().max(self.floor.get());
        };
        let ticks = counter::read();
        let now = clock.now();
        self.renewals.set(self.renewals.get().wrapping_add(1));
        if self.renewals.get() % CHECKED == 0 && self.is_overtaken(counter::read_in_order(), now) {
            RATE.store(NONE, Ordering::Relaxed);
        }
        self.renew(rate, ticks, now)
    }

    /// Takes a new anchor, and gives a bound. The reference was read after the counter, and by who asks for a bound now: so it is
    /// one itself, without what may pass until somebody reads the counter.
    fn renew(&self, rate: u64, ticks: Ticks, now: u64) -> u64 {
        // The greatest bound that can have been given since the last anchor.
        let age = ticks.wrapping_sub(self.ticks.get());
        let last = self.at(self.max_age.get().min(age));
        self.floor.set(self.floor.get().max(last));
        self.rate.set(rate);
        self.max_age.set((MAX_AGE << POINT) / rate);
        self.ticks.set(ticks);
        self.time.set(now + LEAD);
        now.max(self.floor.get())
    }

    /// Whether the reference, read as `now` before the counter, is above the bound: then the counter does not drive it
    /// any more.
    fn is_overtaken(&self, ticks: Ticks, now: u64) -> bool {
        if self.max_age.get() == 0 {
            return false;
        }
        let age = ticks.wrapping_sub(self.ticks.get());
        let passed = (u128::from(age) * u128::from(self.rate.get())) >> POINT;
        u128::from(now) > u128::from(self.time.get()) + passed
    }
}

/// The rate, if there is a counter and enough time has passed to know it.
fn measure() -> Option<u64> {
    match RATE.load(Ordering::Relaxed) {
        NONE => return None,
        0 => {}
        rate => return Some(rate),
    }
    let mut is_first = false;
    let first = FIRST.get_or_init(|| {
        is_first = true;
        if !counter::is_usable() {
            RATE.store(NONE, Ordering::Relaxed);
        }
        Stamp::take()
    });
    if is_first {
        return None;
    }
    let rate = rate_between(first, &Stamp::take())?;
    // Who measured first decides, so that all workers have one rate.
    match RATE.compare_exchange(0, rate, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Some(rate),
        Err(NONE) => None,
        Err(rate) => Some(rate),
    }
}

/// The greatest rate that the reference can have between two stamps and after them; `None` when they are too near to each
/// other to say, or one of them was interrupted.
fn rate_between(first: &Stamp, second: &Stamp) -> Option<u64> {
    let passed = nanos(second.time.duration_since(first.time));
    // The ticks that certainly lay between the two readings of the reference, and those that may have.
    let least = second.before.checked_sub(first.after)?;
    let most = second.after.checked_sub(first.before)?;
    if passed < MEASURED_OVER || most - least > least / 64 {
        return None;
    }
    let measured = (u128::from(passed) << POINT).div_ceil(u128::from(least));
    let rate = (measured * u128::from(STEERED.0)).div_ceil(u128::from(STEERED.1));
    // Counters run between a megahertz and a terahertz; anything else is none that this is written for.
    u64::try_from(rate).ok().filter(|rate| (1 << (POINT - 10)..1 << (POINT + 10)).contains(rate))
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A generator of numbers below a bound, good enough to vary a test.
    fn random(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    /// The reference is steered as far as Linux may, back and forth, the counter is read early, and threads are interrupted
    /// between the two readings of an anchor: the bound is never below the reference, never falls, and is near.
    #[test]
    fn bound_holds_while_the_reference_is_steered_to_its_limits() {
        for seed in 1..50 {
            let mut state = seed;
            // Nominally 2.6 ticks a nanosecond. Measured while the reference was slowest.
            let measured = (0.89 / 2.6 * (1u64 << POINT) as f64) as u64;
            let rate = (measured * STEERED.0).div_ceil(STEERED.1);
            let estimate = Estimate::at_rest();
            // In picoseconds, so that steps are not rounded away.
            let (mut ticks, mut reference) = (1u64 << 40, 5_000_000_000_000u64);
            let (mut steered, mut last, mut early) = (1_110_000u64, 0, 0);
            for step in 0..20_000 {
                if step % 500 == 0 {
                    steered = 890_000 + random(&mut state, 2) * 220_000;
                }
                let mut pass = |most: u64| {
                    let passed = random(&mut state, most);
                    ticks += passed;
                    // 1 / 2.6 ns a tick, times what it is steered to.
                    reference += passed * steered / 2_600;
                    (ticks, reference / 1_000)
                };
                let (read, now) = pass(4_000);
                // The counter was read up to 1.8 us ahead of its turn, but not ahead of the reading before.
                early = (read - step % 4_680).max(early);
                let bound = match estimate.bound(early) {
                    Some(bound) => bound,
                    None => {
                        let (_, later) = pass(if step % 7 == 0 { 30_000 } else { 100 });
                        estimate.renew(rate, early, later)
                    }
                };
                assert!(bound >= now, "seed {seed}, step {step}: {bound} is before {now}");
                assert!(bound >= last, "seed {seed}, step {step}: {bound} comes after {last}");
                assert!(bound <= now + 26_000, "seed {seed}, step {step}: {bound} is far from {now}");
                last = bound;
            }
        }
    }

    #[test]
    fn bound_is_never_below_the_clock_on_this_machine() {
        let clock = Clock::real();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let clock = clock.clone();
                std::thread::spawn(move || {
                    let estimate = Estimate::new(&clock);
                    let mut last = 0;
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_millis(60) {
                        for _ in 0..1000 {
                            let before = clock.now();
                            let bound = estimate.upper_bound(&clock);
                            let after = clock.now();
                            assert!(bound >= before, "{bound} is before {before}");
                            assert!(bound >= last, "{bound} comes after {last}");
                            assert!(bound <= after + MAX_AGE * 5 / 4 + LEAD, "{bound} is far from {after}");
                            last = bound;
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn bound_is_exact_in_virtual_time() {
        let clock = Clock::virtual_time();
        let estimate = Estimate::new(&clock);
        for time in [0, 7, 1 << 40] {
            clock.advance_to(time);
            assert_eq!(estimate.upper_bound(&clock), time);
        }
    }

    #[test]
    fn overtaken_bound_is_noticed() {
        let estimate = Estimate::at_rest();
        estimate.renew(1 << POINT, 1000, 50_000);
        assert!(!estimate.is_overtaken(2000, 51_000 + LEAD));
        assert!(estimate.is_overtaken(2000, 51_001 + LEAD));
    }

    #[test]
    fn rate_is_an_upper_bound_and_wants_time() {
        let time = Instant::now();
        let stamp =
            |nanos: u64, before, after| Stamp { before, time: time + Duration::from_nanos(nanos), after };
        let first = stamp(0, 1_000, 1_100);
        // A tick a nanosecond, at most 1.25 times that, and the 200 ticks that nobody saw.
        let rate = rate_between(&first, &stamp(2_000_000, 2_001_000, 2_001_100)).unwrap();
        assert!(rate as f64 / (1u64 << POINT) as f64 >= 1.25 * 2_000_000.0 / 1_999_900.0);
        assert!((rate as f64 / (1u64 << POINT) as f64) < 1.252);
        assert_eq!(rate_between(&first, &stamp(999_999, 1_000_999, 1_001_100)), None, "too near");
        assert_eq!(rate_between(&first, &stamp(2_000_000, 2_001_000, 2_081_000)), None, "interrupted");
        assert_eq!(rate_between(&first, &stamp(2_000_000, 500, 600)), None, "the counter ran back");
        assert_eq!(rate_between(&first, &stamp(2_000_000, 1_101, 1_101)), None, "no counter");
    }
}
