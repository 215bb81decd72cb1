//! Waiting awake: whether a thread that is about to sleep first looks out for a moment for what would wake it.
//!
//! A sleep and its wake-up cost both sides some microseconds, and ten times that where the wake-up goes to another core that
//! rests. Who is woken again sooner than that saves it by staying awake; who is not has burned the moment in vain. Nobody
//! knows before, so it goes by what was: [`Waits`] is one thread's record of it, and [`Patience`] how it gives up.
//!
//! The bounds, and who waits so: `docs/design/sleep-wake.md`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::sync::hint;

/// The longest wait of a thread that stays awake: about what a sleep and a wake-up across two cores cost both sides, so that it
/// never costs more than twice what the better choice would have. The 20 us until another core of a virtual machine runs are in
/// it, and what the thread does there.
pub const LONGEST_WAIT: Duration = Duration::from_micros(30);

/// A sleep that others end sooner than this is a sign that waiting awake would have paid: both wake-ups, there and back, are in
/// it, and would not be.
pub const BRIEF_SLEEP: Duration = Duration::from_micros(75);

/// The most sleeps for which a thread that waited in vain does not wait again: 30 us in a thousand sleeps.
const MOST_SLEEPS: u32 = 1023;

/// One thread's record of whether it has paid to wait: not again at once where it was in vain, and after the next time in vain
/// not for twice as long.
///
/// ```
/// use heist_core::patience::Patience;
///
/// let patience = Patience::of(63);
/// assert!(patience.has_some());
/// patience.was_in_vain();
/// assert!(!patience.has_some(), "one sleep without");
/// assert!(patience.has_some());
/// patience.was_in_vain();
/// assert!((0..3).all(|_| !patience.has_some()), "then three, and so on, up to 63");
/// ```
#[derive(Debug)]
pub struct Patience {
    /// Sleeps yet to come without a wait.
    left: Cell<u32>,
    /// How many there were to be the last time.
    last: Cell<u32>,
    /// As many as there ever are.
    most: u32,
}

impl Patience {
    /// A record that is clean. `most` sleeps, at most, follow one another without a wait; one less than a power of two.
    pub const fn of(most: u32) -> Self {
        Self { left: Cell::new(0), last: Cell::new(0), most }
    }

    /// Whether to wait before this sleep.
    #[inline]
    pub fn has_some(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }

    /// Nothing came.
    pub fn was_in_vain(&self) {
        let next = (self.last.get() * 2 + 1).min(self.most);
        self.last.set(next);
        self.left.set(next);
    }

    /// Something came. It makes up for one time in vain.
    pub fn was_rewarded(&self) {
        self.last.set(self.last.get() / 2);
    }
}

/// When one thread waits awake: if others ended its last sleep soon, and it has [`Patience`].
///
/// ```
/// use std::time::Duration;
/// use heist_core::patience::Waits;
///
/// let waits = Waits::new();
/// assert!(!waits.may_wait(), "nothing says that it would pay");
/// waits.slept(Some(Duration::from_micros(20)));
/// assert!(waits.may_wait() && waits.look_out(|| true));
/// assert!(waits.may_wait() && !waits.look_out(|| false));
/// assert!(!waits.may_wait(), "not again at once");
/// ```
#[derive(Debug)]
pub struct Waits {
    patience: Patience,
    /// Whether others ended the last sleep, and soon.
    was_brief: Cell<bool>,
}

impl Waits {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self { patience: Patience::of(MOST_SLEEPS), was_brief: Cell::new(false) }
    }

    /// Of this thread, for waits that are not a worker's.
    #[cfg(not(heist_loom))]
    pub fn of_thread<R>(with: impl FnOnce(&Self) -> R) -> R {
        thread_local! {
            // Nothing to drop, so it is there to the thread's end.
            static WAITS: Waits = const { Waits::new() };
        }
        WAITS.with(with)
    }

    /// Of this thread: in a model nothing is known of it, for a model has no time.
    #[cfg(heist_loom)]
    pub fn of_thread<R>(with: impl FnOnce(&Self) -> R) -> R {
        with(&Self::new())
    }

    /// Whether to wait before the sleep that is to come.
    #[inline]
    pub fn may_wait(&self) -> bool {
        self.was_brief.get() && self.patience.has_some()
    }

    /// A sleep has ended, after so long if it was others who ended it.
    #[inline]
    pub fn slept(&self, until_called: Option<Duration>) {
        self.was_brief.set(until_called.is_some_and(|slept| slept < BRIEF_SLEEP));
    }

    /// Sleeps, by a function that says whether it ended of itself; notes how long others took to end it.
    pub fn timed<R>(&self, sleep: impl FnOnce() -> (R, bool)) -> (R, bool) {
        let begun = Instant::now();
        let (result, ran_out) = sleep();
        self.slept((!ran_out).then(|| begun.elapsed()));
        (result, ran_out)
    }

    /// What a wait was good for.
    pub fn ended(&self, rewarded: bool) {
        if rewarded { self.patience.was_rewarded() } else { self.patience.was_in_vain() }
    }

    /// Waits until `comes` says so, [`LONGEST_WAIT`] at most; whether it did.
    pub fn look_out(&self, mut comes: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        let came = loop {
            if comes() {
                break true;
            }
            if cfg!(heist_loom) || begun.elapsed() > LONGEST_WAIT {
                break false;
            }
            hint::spin_loop();
        };
        self.ended(came);
        came
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn patience_that_is_never_rewarded_is_asked_for_less_and_less() {
        let patience = Patience::of(63);
        let waited = (0..1000).filter(|_| patience.has_some()).inspect(|_| patience.was_in_vain()).count();
        // Before sleeps 0, 2, 6, 14, 30 and 62, and then before each 64th.
        assert_eq!(waited, 6 + (1000 - 63) / 64);
    }

    #[test]
    fn rewards_make_patient_again() {
        let patience = Patience::of(63);
        while patience.last.get() < 63 {
            if patience.has_some() {
                patience.was_in_vain();
            }
        }
        while !patience.has_some() {}
        for _ in 0..6 {
            patience.was_rewarded();
            assert!(patience.has_some(), "as long as it is rewarded");
        }
        patience.was_in_vain();
        assert!(!patience.has_some());
        assert!(patience.has_some(), "one sleep without, and again");
    }

    #[test]
    fn who_is_rewarded_every_third_time_gives_up() {
        let patience = Patience::of(1023);
        for _ in 0..100_000 {
            if patience.has_some() {
                patience.was_in_vain();
            }
        }
        for wait in 0..1000 {
            while !patience.has_some() {}
            if wait % 3 == 0 { patience.was_rewarded() } else { patience.was_in_vain() }
        }
        assert!(patience.last.get() >= 511, "{patience:?}");
    }
}
