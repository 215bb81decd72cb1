//! The run queue of one worker, and the way others steal from it.
//!
//! crossbeam's Chase-Lev deque in its FIFO form: the owner pushes without a read-modify-write and pops with one; a thief
//! takes a batch with one compare-and-swap. Everything the scheduler needs of it is behind [`Local`] and [`Stealer`], so
//! that another queue can be tried the day a bench asks for it.
//!
//! A deque never holds more than [`CAPACITY`] tasks, so crossbeam's buffer never resizes. The worker keeps what is over
//! in a list of its own and flushes that to the injector in batches.
//!
//! loom cannot see inside crossbeam. Under `--cfg heist_loom` this module holds a `double`: four slots, the same
//! orderings, no stronger than the real one.

use crate::task::Raw;

#[cfg(heist_loom)]
pub(crate) mod double;

/// The most tasks a deque holds: crossbeam's smallest buffer, which is never outgrown.
#[cfg(not(heist_loom))]
pub(crate) const CAPACITY: usize = 64;
#[cfg(heist_loom)]
pub(crate) const CAPACITY: usize = double::SLOTS;

/// The most tasks that one steal moves, half of the victim's at most.
#[cfg(not(heist_loom))]
const STEAL_LIMIT: usize = 32;

/// What a steal came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Steal {
    /// A task to run; more may have been moved to the thief's queue.
    Task(Raw),
    /// There was nothing.
    Empty,
    /// Another thief was quicker; there may be more. Counts as work for a worker that is about to sleep.
    Retry,
}

#[cfg(not(heist_loom))]
mod real {
    use super::{Raw, STEAL_LIMIT, Steal};
    use crossbeam_deque as deque;

    /// The owner's end.
    pub(crate) struct Local(deque::Worker<Raw>);

    /// A thief's end.
    #[derive(Clone)]
    pub(crate) struct Stealer(deque::Stealer<Raw>);

    impl Local {
        pub(crate) fn new() -> (Self, Stealer) {
            let worker = deque::Worker::new_fifo();
            let stealer = deque::Worker::stealer(&worker);
            (Self(worker), Stealer(stealer))
        }

        /// Puts a task at the back. No read-modify-write.
        #[inline]
        pub(crate) fn push(&self, task: Raw) {
            self.0.push(task);
        }

        /// Takes the task at the front. One read-modify-write.
        #[inline]
        pub(crate) fn pop(&self) -> Option<Raw> {
            self.0.pop()
        }

        #[inline]
        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }
    }

    impl Stealer {
        /// Whether there is nothing to steal: two loads around a fence, without pinning an epoch.
        #[inline]
        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        #[inline]
        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        /// Moves up to half of the victim's tasks to `thief` and returns one of them.
        pub(crate) fn steal_into(&self, thief: &Local) -> Steal {
            match self.0.steal_batch_with_limit_and_pop(&thief.0, STEAL_LIMIT) {
                deque::Steal::Success(task) => Steal::Task(task),
                deque::Steal::Empty => Steal::Empty,
                deque::Steal::Retry => Steal::Retry,
            }
        }
    }
}

#[cfg(not(heist_loom))]
pub(crate) use real::{Local, Stealer};

#[cfg(heist_loom)]
pub(crate) use double::{Local, Stealer};

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("len", &self.len()).finish()
    }
}

impl std::fmt::Debug for Stealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stealer").finish_non_exhaustive()
    }
}
