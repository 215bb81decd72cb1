//! crossbeam's deque, in its FIFO form, as the place for what the ring has no room for: it grows as it must.
//!
//! loom cannot see inside crossbeam, so models have a double in its place, `double.rs`.

use crossbeam_deque as deque;

use super::{STEAL_LIMIT, Steal};
use crate::task::Raw;

/// The owner's end.
pub(super) struct Owner(deque::Worker<Raw>);

/// A thief's end.
#[derive(Clone)]
pub(super) struct Thief(deque::Stealer<Raw>);

pub(super) fn deque() -> (Owner, Thief) {
    let owner = deque::Worker::new_fifo();
    let thief = owner.stealer();
    (Owner(owner), Thief(thief))
}

impl Owner {
    /// Puts a task at the back. No read-modify-write; an allocation where the deque has to grow.
    pub(super) fn push(&self, task: Raw) {
        self.0.push(task);
    }

    /// Takes the task at the front. One read-modify-write.
    pub(super) fn pop(&self) -> Option<Raw> {
        self.0.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Thief {
    /// How many tasks there are: two loads around a fence, without pinning an epoch.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Moves up to half of the victim's tasks, those in front, to `to`, and returns the first of them.
    pub(super) fn steal_into(&self, to: &Owner) -> Steal {
        match self.0.steal_batch_with_limit_and_pop(&to.0, STEAL_LIMIT) {
            deque::Steal::Success(task) => Steal::Task(task),
            deque::Steal::Empty => Steal::Empty,
            deque::Steal::Retry => Steal::Retry,
        }
    }
}
