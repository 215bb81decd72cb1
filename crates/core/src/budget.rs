//! How a leaf future finds out that its task has had enough for one poll.
//!
//! A task whose awaits are always ready never returns to the scheduler and starves its neighbours. So every leaf future
//! of ours asks [`poll_proceed`] before it does anything, and reports with [`Proceed::made_progress`] that it did. After
//! [`BUDGET`](crate::context::BUDGET) units the leaf returns Pending and its task is queued again behind the others.
//!
//! Only progress costs: a leaf that returns Pending anyway spends nothing, so a join over a thousand sleepers reaches
//! the last of them. And what takes long costs more: a transfer says with [`sent`] or [`received`] how many bytes it was.

use std::task::{Context, Poll};

use crate::context;

/// Permission to do one unit of work; see [`poll_proceed`].
///
/// ```
/// # use std::task::{Context, Poll, Waker};
/// use heist_core::budget::poll_proceed;
///
/// # let mut cx = Context::from_waker(Waker::noop());
/// let Poll::Ready(proceed) = poll_proceed(&mut cx) else { panic!("there is no budget outside of a worker") };
/// proceed.made_progress();
/// ```
#[derive(Debug)]
#[must_use = "call `made_progress` when the future returns Ready"]
pub struct Proceed(());

impl Proceed {
    /// Spends the unit.
    ///
    /// ```
    /// # use std::task::{Context, Poll, Waker};
    /// use heist_core::budget::poll_proceed;
    ///
    /// /// A leaf future that is ready at once.
    /// fn poll_leaf(cx: &mut Context<'_>) -> Poll<u32> {
    ///     let proceed = std::task::ready!(poll_proceed(cx));
    ///     proceed.made_progress();
    ///     Poll::Ready(42)
    /// }
    /// # assert_eq!(poll_leaf(&mut Context::from_waker(Waker::noop())), Poll::Ready(42));
    /// ```
    #[inline]
    pub fn made_progress(self) {
        context::with(|context| {
            if let Some(context) = context {
                context.set_budget(context.budget().saturating_sub(1));
            }
        });
    }
}

/// Ready while the current task has budget left; otherwise arranges for another poll and is Pending.
///
/// Outside a worker there is no budget, and this is always ready.
///
/// ```
/// # use std::task::{Context, Poll, Waker};
/// use heist_core::budget::poll_proceed;
///
/// # let mut cx = Context::from_waker(Waker::noop());
/// assert!(poll_proceed(&mut cx).is_ready(), "no worker, no budget");
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<Proceed> {
    if context::with(|context| context.is_some_and(|context| context.budget() == 0)) {
        yield_now(cx);
        return Poll::Pending;
    }
    Poll::Ready(Proceed(()))
}

/// A unit that was spent in advance; see [`poll_spend`].
///
/// ```
/// # use std::task::{Context, Poll, Waker};
/// use heist_core::budget::poll_spend;
///
/// # let mut cx = Context::from_waker(Waker::noop());
/// let Poll::Ready(spent) = poll_spend(&mut cx) else { panic!("there is no budget outside of a worker") };
/// spent.give_back();
/// ```
#[derive(Debug)]
#[must_use = "call `give_back` if nothing comes of it"]
pub struct Spent(());

impl Spent {
    /// Nothing came of it: the unit goes back.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::task::{Context, Poll, Waker};
    /// # use heist_core::{Clock, context, driver::NoDriver};
    /// # let worker = heist_core::Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// # // SAFETY: `worker` outlives the guard.
    /// # let _entered = unsafe { context::enter(&worker) };
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// use heist_core::budget::poll_spend;
    ///
    /// let units = worker.budget();
    /// let Poll::Ready(spent) = poll_spend(&mut cx) else { panic!("nothing has been spent yet") };
    /// assert_eq!(worker.budget(), units - 1);
    /// spent.give_back();
    /// assert_eq!(worker.budget(), units);
    /// ```
    #[inline]
    pub fn give_back(self) {
        context::with(|context| {
            if let Some(context) = context {
                context.set_budget(context.budget() + 1);
            }
        });
    }
}

/// As [`poll_proceed`], for a leaf that nearly always makes progress when it asks: the unit is spent in the same look.
///
/// ```
/// # use std::task::{Context, Poll, Waker};
/// use heist_core::budget::poll_spend;
///
/// # let mut cx = Context::from_waker(Waker::noop());
/// assert!(poll_spend(&mut cx).is_ready(), "no worker, no budget");
/// ```
#[inline]
pub fn poll_spend(cx: &mut Context<'_>) -> Poll<Spent> {
    let is_left = context::with(|context| {
        let Some(context) = context else { return true };
        let left = context.budget();
        if left != 0 {
            context.set_budget(left - 1);
        }
        left != 0
    });
    if is_left {
        return Poll::Ready(Spent(()));
    }
    yield_now(cx);
    Poll::Pending
}

/// So many bytes that were sent cost a unit, so that a task sends 1 MiB in one poll, in some 200 us. Then its peer has them
/// while they are in the caches, and its neighbours' peers do not run dry: eight connections that send pieces of 64 KiB move a third
/// more bytes, for a fifth less of both ends' processor time, than where they go on until the system is full.
///
/// ```
/// use heist_core::{budget::SENT_UNIT, context::BUDGET};
///
/// assert_eq!(BUDGET as usize * SENT_UNIT, 1 << 20);
/// ```
pub const SENT_UNIT: usize = 8 << 10;

/// So many bytes that were received cost a unit, the first of which is that of the leaf: 8 MiB in one poll, in some 2 ms, with whatever
/// buffer. It is not less, because who stays with a connection takes its bytes from the caches, and those of the others have
/// left them: with turns of 1 MiB eight connections cost a tenth more processor time.
///
/// ```
/// use heist_core::{budget::RECEIVED_UNIT, context::BUDGET};
///
/// assert_eq!(BUDGET as usize * RECEIVED_UNIT, 8 << 20);
/// ```
pub const RECEIVED_UNIT: usize = 64 << 10;

/// Spends what sending so many bytes costs beside the unit of the leaf that did it: nothing where they are fewer than
/// [`SENT_UNIT`].
///
/// ```
/// # use std::sync::Arc;
/// # use heist_core::{Clock, Context, context, driver::NoDriver};
/// # let worker = Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
/// # // SAFETY: `worker` outlives the guard.
/// # let _entered = unsafe { context::enter(&worker) };
/// use heist_core::budget;
///
/// let units = worker.budget();
/// budget::sent(100);
/// assert_eq!(worker.budget(), units);
/// budget::sent(4 * budget::SENT_UNIT);
/// assert_eq!(worker.budget(), units - 4);
/// ```
#[inline]
pub fn sent(bytes: usize) {
    if bytes >= SENT_UNIT {
        spend(bytes / SENT_UNIT);
    }
}

/// Spends what receiving so many bytes costs beside the unit of the leaf that did it: nothing where they are no more than
/// [`RECEIVED_UNIT`].
///
/// ```
/// # use std::sync::Arc;
/// # use heist_core::{Clock, Context, context, driver::NoDriver};
/// # let worker = Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
/// # // SAFETY: `worker` outlives the guard.
/// # let _entered = unsafe { context::enter(&worker) };
/// use heist_core::budget;
///
/// let units = worker.budget();
/// budget::received(budget::RECEIVED_UNIT);
/// assert_eq!(worker.budget(), units);
/// budget::received(4 * budget::RECEIVED_UNIT);
/// assert_eq!(worker.budget(), units - 3);
/// ```
#[inline]
pub fn received(bytes: usize) {
    if bytes > RECEIVED_UNIT {
        spend((bytes - 1) / RECEIVED_UNIT);
    }
}

/// Apart, so that the many short transfers have only the comparison in their code.
#[inline(never)]
fn spend(units: usize) {
    context::with(|context| {
        if let Some(context) = context {
            let left = (context.budget() as usize).saturating_sub(units);
            // It is no more than before.
            context.set_budget(left as u32);
        }
    });
}

/// Apart, because it is rare, and every leaf future has the rest of [`poll_proceed`] in its code.
#[cold]
#[inline(never)]
fn yield_now(cx: &Context<'_>) {
    context::with(|context| {
        if let Some(context) = context {
            context.yield_now(cx.waker());
        }
    });
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::{Clock, driver::NoDriver};
    use std::sync::Arc;
    use std::task::Waker;

    #[test]
    fn bytes_use_it_up() {
        let worker = crate::Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
        // SAFETY: `worker` outlives the guard.
        let _entered = unsafe { context::enter(&worker) };
        sent(SENT_UNIT - 1);
        received(RECEIVED_UNIT);
        assert_eq!(worker.budget(), context::BUDGET, "a short transfer is one unit, which its leaf spends");
        sent(8 * SENT_UNIT + 1);
        assert_eq!(worker.budget(), context::BUDGET - 8);
        received(2 * RECEIVED_UNIT + 1);
        assert_eq!(worker.budget(), context::BUDGET - 10);
        sent(usize::MAX);
        assert_eq!(worker.budget(), 0);
        assert!(poll_proceed(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[test]
    fn runs_out_after_the_budget_and_only_by_progress() {
        let worker = crate::Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
        // SAFETY: `worker` outlives the guard.
        let _entered = unsafe { context::enter(&worker) };
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(poll_proceed(&mut cx).is_ready(), "asking alone costs nothing");
        }
        for _ in 0..context::BUDGET {
            match poll_proceed(&mut cx) {
                Poll::Ready(proceed) => proceed.made_progress(),
                Poll::Pending => panic!("the budget ran out early"),
            }
        }
        assert!(poll_proceed(&mut cx).is_pending());
    }
}
