//! Cancelling a task: the request, and the link to the one other task that it awaits.
//!
//! A task that awaits one other, outside of any scope, is the common case, and needs no tree: its header says whom it
//! awaits ([`Front::awaits`](super::header::Front)). The slot is written by the side that polls the task, before the other
//! task's join slot is handed over, and emptied when the next poll begins. It must never name a cell that may be freed, so
//! whoever takes the waker out of a join slot (the completing side, or a handle that goes or moves) first unlinks the task
//! whose waker it is: that waker keeps the task alive meanwhile. Whoever reads the slot to call the target holds it
//! [`BUSY`] for as long as it takes to count a reference.
//!
//! Protocol page: `docs/design/cancellation.md`.

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Waker;

use heist_core::scope::{Awaited, CancelTarget, Tree};
use heist_core::sync::atomic::Ordering;
use heist_core::sync::{hint, mutant};
use heist_core::{CancelledError, context};

use super::header::{Header, Kind, Raw};
use super::state::{CANCEL, Wake};
use super::{TaskRef, waker};

/// In the slot: somebody is counting a reference to the task that was there.
const BUSY: *mut Header = ptr::without_provenance_mut(1);

impl Raw {
    /// Asks for cancellation; `false` when the task has ended.
    pub(crate) fn cancel(self, error: CancelledError) -> bool {
        if self.is_complete() {
            return false;
        }
        self.tree().request(error);
        match self.request_poll() {
            Some(Wake::Queue) => {
                self.schedule();
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// The cancellation state, made by the first who asks.
    pub(crate) fn tree<'a>(self) -> &'a Arc<Tree> {
        self.cold().tree.get_or_init(Arc::default)
    }

    /// The cancellation state, if anybody has needed it.
    #[inline]
    pub(crate) fn tree_if_any<'a>(self) -> Option<&'a Arc<Tree>> {
        self.cold_if_any()?.tree.get()
    }

    /// How many requests are outstanding.
    pub(crate) fn cancelling(self) -> u32 {
        self.tree_if_any().map_or(0, |tree| tree.requests())
    }

    /// Takes a request back.
    pub(crate) fn uncancel(self) -> u32 {
        self.tree_if_any().map_or(0, |tree| tree.uncancel())
    }

    /// What a poll of this task begins with: forgets whom it awaited, for only what this poll reaches is awaited.
    #[inline]
    pub(crate) fn begin_poll(self) {
        let header = self.header();
        // Most tasks have neither the one nor the other: one branch.
        let awaits = header.awaits.load(Ordering::Relaxed);
        let cold = header.cold.load(Ordering::Relaxed);
        if awaits.addr() | cold.addr() != 0 {
            self.begin_again();
        }
    }

    #[inline(never)]
    fn begin_again(self) {
        let slot = &self.header().awaits;
        let mut found = slot.load(Ordering::Relaxed);
        while !found.is_null() {
            // Somebody who looks may hold it busy; an unlink at the same time finds it gone, as it wants it.
            if found == BUSY {
                hint::spin_loop();
                found = slot.load(Ordering::Relaxed);
                continue;
            }
            match slot.compare_exchange(found, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        if let Some(tree) = self.tree_if_any() {
            tree.poll_begins();
        }
    }

    /// The task that this one awaits outside of any scope. Called by the side that polls this task, or, for a look at who
    /// waits for whom, by anybody with a reference.
    pub(crate) fn awaited(self) -> Option<TaskRef> {
        let slot = &self.header().awaits;
        loop {
            let found = slot.load(Ordering::Relaxed);
            if found == BUSY {
                hint::spin_loop();
                continue;
            }
            let target = Raw(NonNull::new(found)?);
            // Acquire pairs with the Release of the link: the cell is seen as it was then, or later.
            if slot.compare_exchange(found, BUSY, Ordering::Acquire, Ordering::Relaxed).is_err() {
                continue;
            }
            // Whoever would let the cell go must unlink it first, and waits while the slot is busy.
            target.acquire();
            // Release pairs with the Acquire of an unlink: the reference is counted before the cell may go.
            slot.store(found, Ordering::Release);
            // SAFETY: the reference was just counted.
            return Some(unsafe { TaskRef::from_raw(target) });
        }
    }

    /// Notes that the task whose waker this is awaits this one; `false` when it awaits another already, or the waker is
    /// not that of the task that is being polled, outside of any scope. Called before the join slot is handed over.
    #[inline]
    pub(super) fn link(self, waker: &Waker) -> bool {
        context::with(|context| {
            let Some(context) = context else { return false };
            if !context.is_current(waker) || !context.is_outside_of_scopes() {
                return false;
            }
            let Some(awaiting) = NonNull::new(context.current().cast_mut().cast::<Header>()) else {
                return false;
            };
            let slot = &Raw(awaiting).header().awaits;
            let found = slot.load(Ordering::Relaxed);
            if found.is_null() {
                slot.store(self.0.as_ptr(), Ordering::Release);
            }
            found.is_null() || found == self.0.as_ptr()
        })
    }

    /// Takes this task out of the slot of the one whose waker this is. The waker keeps that one alive.
    #[inline]
    pub(super) fn unlink(self, waker: &Waker) {
        let Some(awaiting) = waker::task_of(waker) else { return };
        let slot = &awaiting.header().awaits;
        loop {
            let found = slot.load(Ordering::Relaxed);
            if found == BUSY && !mutant("task-unlink-waits") {
                hint::spin_loop();
            } else if found == self.0.as_ptr() {
                // Acquire pairs with the Release of `awaited`: its reference is counted.
                if slot.compare_exchange(found, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed).is_ok()
                {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// Whether a cancelled closure on the blocking pool: its handle does not wait for it.
    #[inline]
    pub(crate) fn is_given_up(self) -> bool {
        let header = self.header();
        header.vtable.kind == Kind::Blocking && header.word.load() & CANCEL != 0
    }
}

/// The tree of the task whose header this is; see [`heist_core::context::TreeOf`].
pub(crate) fn tree_of(current: *const (), make: bool) -> Option<Arc<Tree>> {
    let raw = Raw(NonNull::new(current.cast_mut().cast::<Header>())?);
    if make { Some(raw.tree().clone()) } else { raw.tree_if_any().cloned() }
}

/// How many requests the task whose header this is has outstanding; see [`heist_core::context::RequestsOf`].
pub(crate) fn requests_of(current: *const ()) -> u32 {
    NonNull::new(current.cast_mut().cast::<Header>()).map_or(0, |header| Raw(header).cancelling())
}

impl CancelTarget for TaskRef {
    fn cancel(&self, error: &CancelledError) -> bool {
        let raw = self.raw();
        // A closure on the pool is not interrupted, so whoever is cancelled does not wait for it.
        raw.cancel(error.clone()) && raw.header().vtable.kind != Kind::Blocking
    }

    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        visit(Awaited::Task(self.id()));
    }
}
