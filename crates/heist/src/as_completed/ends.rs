//! Tasks, in the order of their ends.

use std::fmt;
use std::task::{Context, Poll};

use heist_core::scope::Watch;
use heist_scheduler::{Countdown, Start, Task, TaskError, Wanted};

/// Gives tasks as they end.
pub(super) struct Ends<T> {
    /// What is waited for, while some of it is yet to become a task.
    starts: Vec<Start<T>>,
    /// Each until it is given.
    tasks: Vec<Option<Task<T>>>,
    countdown: Countdown,
    left: usize,
    watch: Watch,
}

impl<T> fmt::Debug for Ends<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ends").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<T> Ends<T> {
    pub(super) fn new(starts: Vec<Start<T>>) -> Self {
        let mut ends = Self {
            left: starts.len(),
            countdown: Countdown::new(starts.len(), Wanted::Any),
            starts,
            tasks: Vec::new(),
            watch: Watch::new(),
        };
        if ends.starts.iter().all(Start::is_task) {
            ends.begin();
        }
        ends
    }

    /// Makes the tasks that are yet to be made, and watches all of them.
    fn begin(&mut self) {
        for start in std::mem::take(&mut self.starts) {
            let task = start.into_task();
            self.countdown.add(&task);
            self.tasks.push(Some(task));
        }
    }

    /// How many are yet to be given.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// Whether every task has ended.
    pub(super) fn all_ended(&self) -> bool {
        self.countdown.left() == 0
    }

    pub(super) fn forget_waiter(&self) {
        self.countdown.forget_waiter();
    }

    /// Nobody waits at the moment.
    pub(super) fn pause(&mut self) {
        self.watch.done();
    }

    /// The next that has ended, without waiting.
    pub(super) fn pop(&mut self) -> Option<Task<T>> {
        let ended = self.countdown.pop()?;
        self.left -= 1;
        self.tasks[ended.index].take()
    }

    /// The next that ends; `None` when all were given.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Task<T>>> {
        if !self.starts.is_empty() {
            self.begin();
        }
        if let Some(task) = self.pop() {
            return Poll::Ready(Some(task));
        }
        if self.countdown.poll(cx).is_pending() {
            self.watch.pending(|| self.countdown.awaits());
            return Poll::Pending;
        }
        self.watch.done();
        Poll::Ready(self.pop())
    }

    pub(super) fn into_tasks(self) -> Vec<Task<T>> {
        self.countdown.forget_waiter();
        let later = self.starts.into_iter().map(Start::into_task);
        self.tasks.into_iter().flatten().chain(later).collect()
    }
}

/// How a task ended that has.
pub(super) fn outcome<T>(task: Task<T>) -> Result<T, TaskError> {
    task.into_outcome().unwrap_or_else(|_| Err(TaskError::refused("the task has not ended")))
}
