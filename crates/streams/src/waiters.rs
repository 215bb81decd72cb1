//! Tasks that wait until the state behind a lock has changed.
//!
//! All are woken by each change and look again. A waiter's ticket is its place; whoever stops waiting leaves with it.

use std::future::poll_fn;
use std::num::NonZeroU64;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;

/// The place of somebody who waits. Not a plain number, so that a future that waits has no word more for "none yet".
pub(crate) type Ticket = NonZeroU64;

/// The place of whoever waits with a mutable borrow of what it waits for: there is only one.
pub(crate) const SOLE: Ticket = NonZeroU64::MAX;

/// Who waits. Lives inside the state that it is about, under the same lock. One word where nobody ever waited.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Option<Box<Places>>);

#[derive(Debug, Default)]
struct Places {
    /// The last ticket that was given out.
    last: u64,
    list: Vec<(Ticket, Waker)>,
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|places| places.list.is_empty())
    }

    /// Waits, or goes on waiting, at `ticket`. Returns the waker that this one replaces.
    #[must_use = "drop it outside the lock"]
    pub(crate) fn wait(&mut self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Option<Waker> {
        let places = self.0.get_or_insert_default();
        let place = ticket.and_then(|ticket| places.list.iter_mut().find(|(id, _)| *id == ticket));
        match place {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            None => {
                let id = *ticket.get_or_insert_with(|| {
                    // Nobody counts so far that it comes round.
                    places.last = places.last.wrapping_add(1);
                    NonZeroU64::new(places.last).unwrap_or(NonZeroU64::MIN)
                });
                places.list.push((id, cx.waker().clone()));
                None
            }
        }
    }

    /// Takes the waker at `ticket` out, for the caller to drop outside the lock.
    #[must_use = "drop it outside the lock"]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let places = self.0.as_mut()?;
        let place = places.list.iter().position(|(id, _)| *id == ticket)?;
        Some(places.list.swap_remove(place).1)
    }

    /// Takes all wakers out, for the caller to wake outside the lock.
    #[must_use = "wake them outside the lock"]
    pub(crate) fn take(&mut self) -> Woken {
        Woken(self.0.as_mut().map_or_else(Vec::new, |places| std::mem::take(&mut places.list)))
    }
}

/// Wakers taken out of a lock. Waking may run anything, so it comes after the lock is released.
#[derive(Debug, Default)]
#[must_use = "call `wake` outside the lock"]
pub(crate) struct Woken(Vec<(Ticket, Waker)>);

impl Woken {
    pub(crate) fn wake(self) {
        for (_, waker) in self.0 {
            waker.wake();
        }
    }
}

/// Waits until `look` has something to say about the state behind a lock: it is asked again after each change. `waiters` says
/// where in the state those who wait are. Leaves them when dropped.
pub(crate) async fn wait_until<S, R>(
    state: &Mutex<S>,
    waiters: fn(&mut S) -> &mut Waiters,
    mut look: impl FnMut(&S) -> Option<R>,
) -> R {
    struct Leave<'a, S>(&'a Mutex<S>, fn(&mut S) -> &mut Waiters, Option<Ticket>);
    impl<S> Drop for Leave<'_, S> {
        fn drop(&mut self) {
            if let Some(ticket) = self.2 {
                let left = self.1(&mut self.0.lock()).leave(ticket);
                drop(left);
            }
        }
    }

    let mut waiter = Leave(state, waiters, None);
    poll_fn(|cx| {
        let proceed = ready!(poll_proceed(cx));
        let mut state = state.lock();
        if let Some(result) = look(&state) {
            drop(state);
            proceed.made_progress();
            return Poll::Ready(result);
        }
        let replaced = waiters(&mut state).wait(&mut waiter.2, cx);
        drop(state);
        drop(replaced);
        Poll::Pending
    })
    .await
}
