//! Tasks that wait until the state behind a lock has changed.
//!
//! All are woken by each change and look again. A waiter's ticket is its place; whoever stops waiting leaves with it.

use std::task::{Context, Waker};

/// The place of whoever waits with a mutable borrow of what it waits for: there is only one.
#[cfg(feature = "futures-io")]
pub(crate) const SOLE: u64 = 0;

/// Who waits. Lives inside the state that it is about, under the same lock.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    next: u64,
    list: Vec<(u64, Waker)>,
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Waits, or goes on waiting, at `ticket`. Returns the waker that this one replaces.
    #[must_use = "drop it outside the lock"]
    pub(crate) fn wait(&mut self, ticket: &mut Option<u64>, cx: &Context<'_>) -> Option<Waker> {
        let place = ticket.and_then(|ticket| self.list.iter_mut().find(|(id, _)| *id == ticket));
        match place {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(std::mem::replace(waker, cx.waker().clone())),
            None => {
                let id = *ticket.get_or_insert_with(|| {
                    self.next += 1;
                    self.next
                });
                self.list.push((id, cx.waker().clone()));
                None
            }
        }
    }

    /// Takes the waker at `ticket` out, for the caller to drop outside the lock.
    #[must_use = "drop it outside the lock"]
    pub(crate) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        let place = self.list.iter().position(|(id, _)| *id == ticket)?;
        Some(self.list.swap_remove(place).1)
    }

    /// Takes all wakers out, for the caller to wake outside the lock.
    #[must_use = "wake them outside the lock"]
    pub(crate) fn take(&mut self) -> Woken {
        Woken(std::mem::take(&mut self.list))
    }
}

/// Wakers taken out of a lock. Waking may run anything, so it comes after the lock is released.
#[derive(Debug, Default)]
#[must_use = "call `wake` outside the lock"]
pub(crate) struct Woken(Vec<(u64, Waker)>);

impl Woken {
    pub(crate) fn wake(self) {
        for (_, waker) in self.0 {
            waker.wake();
        }
    }
}
