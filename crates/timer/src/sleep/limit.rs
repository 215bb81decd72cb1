//! [`limit()`]: a sleep that bounds the time of something else, and mostly never comes to its end.

use std::task::{Poll, Waker};
use std::time::Duration;

use heist_core::clock::{NEVER, is_any_virtual, nanos};
use heist_core::context;

use super::{Sleep, with_wheel};
use crate::stage::{Phase, Stage};
use crate::wheel::Wheel;

/// A limit on the time of something that is polled first: as [`sleep`](super::sleep()), but a limit of a second or more counts from the
/// first look at the clock after it began to wait.
///
/// So it costs no clock read, and nothing at all beyond two entries in a list where it is dropped before that look; it is late by no
/// more than the rest of the poll in which it began to wait, 60 further polls, or 200 us. In virtual time it is exact.
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
/// # use std::time::Duration;
/// let limit = heist_timer::limit(Duration::from_secs(5));
/// // Nothing has looked at the clock yet.
/// assert_eq!(limit.deadline(), None);
/// ```
#[inline]
pub fn limit(delay: Duration) -> Sleep {
    // Few instructions, for a limit is made anew for each operation; and made in one place, from words in registers: whatever
    // went through memory on its way into its future would be waited for.
    let (deadline, phase) = match delay.as_secs() {
        seconds @ 1..TOO_LONG if !is_any_virtual() => {
            (seconds * NANOS_PER_SECOND + u64::from(delay.subsec_nanos()), Phase::Limit)
        }
        _ => begin(delay),
    };
    Sleep::new(deadline, phase)
}

/// What any limit begins with: one that counts from the very moment, too, and one that is too long for its nanoseconds to be
/// computed just so.
#[inline(never)]
fn begin(delay: Duration) -> (u64, Phase) {
    match nanos(delay) {
        NEVER => (NEVER, Phase::Until),
        nanos if nanos >= NANOS_PER_SECOND && !is_time_virtual() => (nanos, Phase::Limit),
        _ => Sleep::begin(delay),
    }
}

/// Whether this thread's loop has virtual time, which is exact everywhere.
fn is_time_virtual() -> bool {
    context::with(|context| context.is_some_and(|context| context.clock().is_virtual()))
}

/// A limit of a second or more need not count from the very moment: what it is late by is nothing beside it.
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Seconds whose nanoseconds might not fit: some 272 years.
const TOO_LONG: u64 = 1 << 33;

impl Sleep {
    /// The first poll of a limit. The usual way calls nothing, and so saves no registers.
    #[inline(never)]
    pub(super) fn start_limit(&mut self, waker: &Waker) -> Poll<()> {
        with_wheel(|context, wheel| {
            self.wheel = wheel;
            let Some(kept) = context.kept_waker(waker) else { return self.start_limit_anew(wheel, waker) };
            match wheel.arm_youngest(self.deadline, kept) {
                Ok(entry) => {
                    self.stage = Stage::armed_loosely(entry);
                    Poll::Pending
                }
                Err(kept) => self.start_limit_slowly(wheel, kept),
            }
        })
    }

    #[inline(never)]
    fn start_limit_anew(&mut self, wheel: &Wheel, waker: &Waker) -> Poll<()> {
        self.start_limit_slowly(wheel, waker.clone())
    }

    #[inline(never)]
    fn start_limit_slowly(&mut self, wheel: &Wheel, waker: Waker) -> Poll<()> {
        match wheel.arm_young(self.deadline, waker) {
            Some(entry) => self.stage = Stage::armed_loosely(entry),
            None => {
                // The loop is closed.
                self.deadline = wheel.clock().now().saturating_add(self.deadline);
                self.stage = Stage::at(Phase::Dormant);
            }
        }
        Poll::Pending
    }
}
