//! Waiting for an item, or for a slot: what the two lines of a queue have in common.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::mutant;

use super::order::Order;
use super::state::{Shared, State, wake};
use crate::waitlist::{End, Turn, WaitList, Waiter};

/// One of the two lines.
pub(super) trait Line {
    /// Whether, as a mutation, a waiter that is dropped keeps its turn.
    fn keeps_its_turn() -> bool;

    fn of<T, O: Order<T>>(state: &mut State<T, O>) -> &mut WaitList;

    /// Gives the next in line a turn if there is something that no turn is out for.
    fn grant<T, O: Order<T>>(state: &mut State<T, O>, maxsize: usize) -> Option<Waker>;
}

/// Those who wait for an item.
pub(super) struct Getters;

impl Line for Getters {
    fn keeps_its_turn() -> bool {
        mutant("sync-get-keeps-its-turn")
    }

    #[inline]
    fn of<T, O: Order<T>>(state: &mut State<T, O>) -> &mut WaitList {
        &mut state.getters
    }

    fn grant<T, O: Order<T>>(state: &mut State<T, O>, _maxsize: usize) -> Option<Waker> {
        state.grant_item()
    }
}

/// Those who wait for a slot.
pub(super) struct Putters;

impl Line for Putters {
    fn keeps_its_turn() -> bool {
        mutant("sync-put-keeps-its-turn")
    }

    #[inline]
    fn of<T, O: Order<T>>(state: &mut State<T, O>) -> &mut WaitList {
        &mut state.putters
    }

    fn grant<T, O: Order<T>>(state: &mut State<T, O>, maxsize: usize) -> Option<Waker> {
        state.grant_slot(maxsize)
    }
}

/// Does `step`, which is told whether its waiter has a turn, as soon as it gives something; waits in line `L` until then.
///
/// # Safety
///
/// The waiter has been in no line but by this function with this line, and leaves by [`leave`] before it goes.
#[inline]
pub(super) unsafe fn poll_in<L: Line, T, O: Order<T>, R>(
    shared: &Shared<T, O>,
    mut waiter: Pin<&mut Waiter>,
    cx: &mut Context<'_>,
    step: impl FnOnce(&mut State<T, O>, bool) -> Option<R>,
) -> Poll<R> {
    let proceed = ready!(poll_proceed(cx));
    waiter.as_mut().polled();
    // What `turn` hands out is dropped after the lock.
    let (turn, _old);
    let result = {
        let mut state = shared.state.lock();
        // SAFETY: the caller's word; the lock is held.
        (turn, _old) = unsafe { L::of(&mut state).turn(waiter.as_mut(), cx.waker()) };
        let end = match turn {
            Turn::Waiting => return Poll::Pending,
            Turn::Used => End::Front,
            Turn::Idle => End::Back,
        };
        let Some(result) = step(&mut state, turn == Turn::Used) else {
            // SAFETY: the waiter is idle, and leaves before it goes (the caller's word); the lock is held.
            unsafe { L::of(&mut state).enter(waiter, cx.waker(), end) };
            return Poll::Pending;
        };
        result
    };
    proceed.made_progress();
    Poll::Ready(result)
}

/// Takes a waiter out of line `L`; one that had a turn passes it on.
///
/// # Safety
///
/// The waiter has been in no line but by [`poll_in`] with this line.
#[inline]
pub(super) unsafe fn leave<L: Line, T, O: Order<T>>(shared: &Shared<T, O>, mut waiter: Pin<&mut Waiter>) {
    if !waiter.as_mut().must_leave() {
        return;
    }
    let (left, next) = {
        let mut state = shared.state.lock();
        // SAFETY: the caller's word; the lock is held.
        let left = unsafe { L::of(&mut state).leave(waiter) };
        let pass_on = left.granted && !L::keeps_its_turn();
        let next = if pass_on { L::grant(&mut state, shared.maxsize) } else { None };
        (left, next)
    };
    wake(next);
    drop(left.waker);
}
