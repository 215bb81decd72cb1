//! What the watchdog remembers of a worker from one look to the next, and what it makes of it.

use std::time::Duration;

use super::{LATE, thread};

/// For how long a worker that is late runs until it counts as stuck. Time on a core, because a thread that is kept from its core, by
/// the other end of its connections, say, may stand still for long, and a spare one beside it takes the core from it for longer.
pub(super) const LONG: Duration = Duration::from_millis(2);

/// What there is to see of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) awake: bool,
    pub(super) polls: u64,
    pub(super) looks: u32,
    /// How old its stamp is.
    pub(super) age: Duration,
    /// The system's number of its thread.
    pub(super) thread: u32,
}

/// What a look at a worker finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Asleep,
    /// It is late after so long, unless it stamps before.
    Moving {
        left: Duration,
    },
    /// It is late, and perhaps inside one poll.
    Late,
    /// It is late because others have its core.
    Kept,
    /// It is inside one poll that waits, or computes for long.
    Stuck,
}

/// See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// Since when the worker is late: the counts of polls and looks as they were then.
    late: Option<(u64, u32)>,
    /// For how long its thread had run at the last look.
    ran: Option<Duration>,
    /// How old its stamp was at the last look.
    age: Duration,
    /// For how long it has run since it is late; where that is not known, what has passed.
    worked: Duration,
    stuck: bool,
}

impl Record {
    /// What to make of a worker that looks like this now.
    pub(super) fn look(&mut self, view: &View) -> Found {
        self.judge(view, || thread::ran(view.thread), || thread::blocks(view.thread))
    }

    fn judge(
        &mut self,
        view: &View,
        ran: impl FnOnce() -> Option<Duration>,
        blocks: impl FnOnce() -> bool,
    ) -> Found {
        if !view.awake || view.age < LATE {
            *self = Self::default();
            return match LATE.checked_sub(view.age) {
                Some(left) if view.awake => Found::Moving { left },
                _ => Found::Asleep,
            };
        }
        let before = *self;
        self.late = Some((view.polls, view.looks));
        (self.ran, self.age) = (ran(), view.age);
        if before.late != self.late {
            // What it did until now is not known: a long poll, or many.
            (self.worked, self.stuck) = (Duration::ZERO, false);
            return Found::Late;
        }
        let worked = match (before.ran, self.ran) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => view.age.saturating_sub(before.age),
        };
        self.worked += worked;
        self.stuck = self.stuck || self.worked >= LONG || blocks();
        match self.stuck {
            true => Found::Stuck,
            false if worked.is_zero() => Found::Kept,
            false => Found::Late,
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A worker whose stamp is so many milliseconds old.
    fn view(polls: u64, age: u32) -> View {
        View { awake: true, polls, looks: 0, age: MS * age, thread: 0 }
    }

    #[test]
    fn who_moves_on_is_looked_at_when_it_would_be_late() {
        let mut record = Record::default();
        let found = record.judge(&view(1, 2), || unreachable!("it moves"), || unreachable!("it moves"));
        assert_eq!(found, Found::Moving { left: LATE - MS * 2 });
        let asleep = View { awake: false, ..view(1, 2_000) };
        assert_eq!(record.look(&asleep), Found::Asleep);
    }

    #[test]
    fn a_poll_that_blocks_is_found_at_the_second_look() {
        let mut record = Record::default();
        assert_eq!(record.judge(&view(1, 5), || Some(MS), || unreachable!("not yet")), Found::Late);
        assert_eq!(record.judge(&view(1, 7), || Some(MS), || true), Found::Stuck);
        // It stays so until it moves.
        assert_eq!(record.judge(&view(1, 8), || Some(MS), || false), Found::Stuck);
        assert_eq!(record.judge(&view(2, 9), || Some(MS), || unreachable!("not yet")), Found::Late);
    }

    #[test]
    fn a_poll_that_computes_is_stuck_after_7_ms() {
        let mut record = Record::default();
        let found = [5, 6, 7].map(|at| record.judge(&view(1, at), || Some(MS * at), || false));
        assert_eq!(found, [Found::Late, Found::Late, Found::Stuck]);
    }

    #[test]
    fn where_nothing_is_known_of_threads_time_tells() {
        let mut record = Record::default();
        let found = [5, 6, 7].map(|at| record.judge(&view(1, at), || None, || false));
        assert_eq!(found, [Found::Late, Found::Late, Found::Stuck]);
    }

    #[test]
    fn who_is_kept_from_its_core_is_not_stuck() {
        let mut record = Record::default();
        let found = [6, 7, 11, 15].map(|at| record.judge(&view(1, at), || Some(MS), || false));
        assert_eq!(found, [Found::Late, Found::Kept, Found::Kept, Found::Kept]);
    }

    #[test]
    fn many_short_polls_without_a_look_are_late_and_never_stuck() {
        let mut record = Record::default();
        for at in 5..60 {
            let found = record.judge(&view(at.into(), at), || Some(MS * at), || unreachable!("it moves"));
            assert_eq!(found, Found::Late);
        }
    }
}
