//! Requests for cancellation, as the worker that is about to poll the task delivers them.
//!
//! The protocol is that of `heist_core::scope`; see `docs/design/cancellation.md`.

use std::task::{Context as TaskContext, Poll};

use heist_core::context::{self, SETTLE, YIELDED};
use heist_core::scope::{CancelTarget, Delivered, Settled};
use heist_core::{CancelledError, Context};

use crate::debug;
use crate::task::state::{Access, CANCEL};
use crate::task::{self, Raw, TaskError};
use crate::trace;

/// What a worker does with a future: a task's, or that of `block_on`.
pub(crate) trait Polled {
    /// Polls it once; how it ended is what the cell's `outcome` says.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<u64>;
    /// Drops it, and has it end cancelled; how it ended.
    fn fail(&mut self, error: CancelledError) -> u64;
    /// It has ended: a value gives way to a cancellation; how it ended then.
    fn overrule(&mut self, error: CancelledError) -> u64;
}

/// A task's future, in its cell.
pub(super) struct InCell(pub(super) Raw);

impl Polled for InCell {
    #[inline]
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<u64> {
        // SAFETY: the worker that made this took the task from a queue, so it alone polls it, and it is not complete.
        unsafe { (self.0.header().vtable.poll)(self.0.0, cx) }
    }

    fn fail(&mut self, error: CancelledError) -> u64 {
        let vtable = self.0.header().vtable;
        // SAFETY: as above.
        unsafe { (vtable.fail)(self.0.0, TaskError::cancelled(error)) };
        // SAFETY: as above; the output is in its place.
        unsafe { (vtable.outcome)(self.0.0) }
    }

    fn overrule(&mut self, error: CancelledError) -> u64 {
        let vtable = self.0.header().vtable;
        // SAFETY: the future is gone, and only the completing side touches the stage until the task is marked.
        unsafe { (vtable.overrule)(self.0.0, TaskError::cancelled(error)) };
        // SAFETY: as above.
        unsafe { (vtable.outcome)(self.0.0) }
    }
}

/// What became of a task in one turn. As wide as two words: handed over in registers.
pub(super) enum Turn {
    /// It waits, unless it was woken meanwhile.
    Pending,
    /// It is to be queued again.
    Again,
    /// It has ended, like this.
    Ready(u64),
}

impl Turn {
    #[inline(always)]
    fn of(result: Poll<u64>, again: bool) -> Self {
        match result {
            Poll::Ready(outcome) => Self::Ready(outcome),
            Poll::Pending if again => Self::Again,
            Poll::Pending => Self::Pending,
        }
    }
}

/// One turn of a task: delivers what was asked, polls, and settles what became of it. `start` is the word as it was when the
/// turn began.
#[inline(always)]
pub(super) fn poll(
    context: &Context,
    task: Raw,
    access: Access,
    start: u64,
    polled: &mut impl Polled,
) -> Turn {
    context.set_current(task.0.as_ptr().cast_const().cast());
    let result =
        if start & CANCEL == 0 { poll_once(task, polled) } else { deliver(context, task, access, polled) };
    let after = context.take_after();
    let turn = if after & SETTLE == 0 {
        Turn::of(result, after & YIELDED != 0)
    } else {
        settled(context, task, access, start, after, polled, result)
    };
    context.set_current(std::ptr::null());
    if matches!(turn, Turn::Again) {
        // It is queued again without a waker.
        trace::waker(task, "waker.wake_by_ref");
    }
    turn
}

/// The end of a turn in which requests were under way.
#[cold]
#[inline(never)]
fn settled(
    context: &Context,
    task: Raw,
    access: Access,
    start: u64,
    after: u8,
    polled: &mut impl Polled,
    result: Poll<u64>,
) -> Turn {
    let (result, again) = match result {
        Poll::Pending => settle(context, task, access, start, after, polled),
        Poll::Ready(_) => (result, false),
    };
    // A task that has ended is interrupted no more, and neither is the next one in its stead.
    drop(context.take_later());
    let turn = match result {
        Poll::Ready(outcome) => Turn::Ready(ended(context, task, outcome, polled)),
        Poll::Pending => Turn::of(result, again),
    };
    // Nor is a waker kept for that one that this one's future gave back when it was dropped.
    context.take_after();
    turn
}

#[inline]
fn poll_once(task: Raw, polled: &mut impl Polled) -> Poll<u64> {
    task.begin_poll();
    let waker = task::borrowed(task);
    trace::in_span(task, || polled.poll(&mut TaskContext::from_waker(&waker)))
}

/// The task has ended. An error that came to the root in its last poll goes before a value, as a request does that comes
/// then.
#[cold]
fn ended(context: &Context, task: Raw, outcome: u64, polled: &mut impl Polled) -> u64 {
    let raised = context.take_raised().or_else(|| task.tree_if_any().and_then(|tree| tree.take_raised()));
    raised.map_or(outcome, |error| polled.overrule(error))
}

/// Drops the future: the request has come to the root.
#[cold]
fn drop_root(task: Raw, polled: &mut impl Polled, error: CancelledError) -> Poll<u64> {
    // What is dropped in the future has nothing to hand on any more.
    if let Some(tree) = task.tree_if_any() {
        tree.end();
    }
    debug::tell_if_it_never_ran(task);
    Poll::Ready(context::quietly(|| polled.fail(error)))
}

/// Delivers the request that waits, if it still does, and polls.
#[cold]
#[inline(never)]
fn deliver(context: &Context, task: Raw, access: Access, polled: &mut impl Polled) -> Poll<u64> {
    // First the flag, then the request: one that comes between the two sets the flag again, and finds nothing then.
    task.header().word.clear_cancel(access);
    let tree = task.tree();
    if let Some(error) = tree.take_fresh() {
        if let Delivered::Nobody = ask(task, &error) {
            return drop_root(task, polled, error);
        }
    }
    context.settle_after();
    poll_once(task, polled)
}

/// Hands a request to the parts of the task, or to the one other task that it awaits.
fn ask(task: Raw, error: &CancelledError) -> Delivered {
    let tree = task.tree();
    let alone = task.awaited();
    let target = alone.as_ref().map(|task| task as &dyn CancelTarget);
    let (delivered, taken) = tree.deliver(error, target);
    if let (true, Some(alone)) = (taken, alone) {
        tree.set_forwarded_alone(alone.id());
    }
    delivered
}

/// After a poll that returned Pending: finds out who answered, and polls again where nobody has.
#[cold]
fn settle(
    context: &Context,
    task: Raw,
    access: Access,
    start: u64,
    mut after: u8,
    polled: &mut impl Polled,
) -> (Poll<u64>, bool) {
    loop {
        if let Some(error) = context.take_raised() {
            return (drop_root(task, polled, error), false);
        }
        if let Some(error) = context.take_later() {
            if let Delivered::Nobody = ask(task, &error) {
                return (drop_root(task, polled, error), false);
            }
            let result = poll_once(task, polled);
            if result.is_ready() {
                context.take_after();
                return (result, false);
            }
            after |= context.take_after();
            continue;
        }
        let yielded = after & YIELDED != 0;
        let queued = yielded || task.header().word.is_woken_since(start);
        match task.tree().settle(queued) {
            Settled::Done => return (Poll::Pending, yielded),
            Settled::Waiting => {
                // The next poll comes by `deliver`, and looks again.
                let _ = task.header().word.cancel(access);
                return (Poll::Pending, true);
            }
            Settled::Drop(error) => return (drop_root(task, polled, error), false),
            Settled::Again => {
                if let Poll::Ready(outcome) = poll_once(task, polled) {
                    context.take_after();
                    return (Poll::Ready(outcome), false);
                }
                after |= context.take_after();
            }
        }
    }
}
