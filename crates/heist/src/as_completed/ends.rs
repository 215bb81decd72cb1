//! Tasks, in the order of their ends.

use std::fmt;
use std::task::{Context, Poll};

use heist_core::scope::Watch;
use heist_scheduler::{Countdown, Task, TaskError, Wanted};

/// Gives tasks as they end.
pub(super) struct Ends<T> {
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
    pub(super) fn new(tasks: Vec<Task<T>>) -> Self {
        let mut countdown = Countdown::new(tasks.len(), Wanted::Any);
        for task in &tasks {
            countdown.add(task);
        }
        Self {
            left: tasks.len(),
            tasks: tasks.into_iter().map(Some).collect(),
            countdown,
            watch: Watch::new(),
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
        self.tasks.into_iter().flatten().collect()
    }
}

/// How a task ended that has.
pub(super) fn outcome<T>(task: Task<T>) -> Result<T, TaskError> {
    task.into_outcome().unwrap_or_else(|_| Err(TaskError::refused("the task has not ended")))
}
