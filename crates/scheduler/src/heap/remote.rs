//! How cells come back to a page from other threads, and how a page outlives its heap.
//!
//! A page belongs to one heap, whose owner allocates and frees without atomics. Another thread that frees a cell pushes
//! it on the page's remote list; the owner takes the whole list when it needs cells. When the heap closes, the list is
//! closed with it: the owner counts the cells that are still out, and from then on every thread that frees one counts
//! it down. Whoever brings the count to zero frees the page.
//!
//! | freeing thread | closing owner |
//! |---|---|
//! | F1 load the head | C1 swap the head for `CLOSED` (AcqRel), take what was listed |
//! | F2 open: push by compare-and-swap (Release) | C2 out = allocated - listed |
//! | F2' `CLOSED`: `out.fetch_sub(1)`; at zero free the page | C3 `out.fetch_add(out)`; at zero free the page |
//!
//! The count starts at zero and F2' may run before C3: it is signed, and only the step that reaches zero *from above*
//! (F2') or by adding (C3) frees. A decrement before C3 takes it below zero, never to it.

use heist_core::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};
use heist_core::sync::mutant;

/// What freeing a cell from another thread came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Freed {
    /// The owner will find the cell.
    Listed,
    /// The heap is closed; other cells are still out, or the owner is still counting.
    Counted,
    /// The heap is closed and this was the last cell: the caller frees the page.
    Last,
}

/// The remote list of a page. `T` is the cell; `link` says where its next pointer is stored.
#[derive(Debug)]
pub(crate) struct RemoteList<T> {
    head: AtomicPtr<T>,
    out: AtomicIsize,
}

impl<T> RemoteList<T> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(std::ptr::null_mut()), out: AtomicIsize::new(0) }
    }

    /// The mark of a closed list: an address at which no cell lies.
    fn closed() -> *mut T {
        std::ptr::without_provenance_mut(1)
    }

    /// Frees `cell` from another thread than the owner's; `link` stores the next pointer in it.
    pub(crate) fn push(&self, cell: *mut T, link: impl Fn(*mut T)) -> Freed {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == Self::closed() {
                // AcqRel: the last one sees all that the others did with their cells, and what the owner did.
                return if self.out.fetch_sub(1, Ordering::AcqRel) == 1 {
                    Freed::Last
                } else {
                    Freed::Counted
                };
            }
            link(head);
            // Release pairs with the Acquire swaps of `take` and `close`: the owner sees the link and the emptied cell.
            let order = if mutant("page-push-releases") { Ordering::Relaxed } else { Ordering::Release };
            match self.head.compare_exchange_weak(head, cell, order, Ordering::Relaxed) {
                Ok(_) => return Freed::Listed,
                Err(now) => head = now,
            }
        }
    }

    /// Whether anything is listed. Owner only.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Takes all that is listed. Owner only.
    pub(crate) fn take(&self) -> *mut T {
        self.head.swap(std::ptr::null_mut(), Ordering::Acquire)
    }

    /// Closes the list; returns what was listed. Owner only; [`settle`](Self::settle) must follow.
    pub(crate) fn close(&self) -> *mut T {
        self.head.swap(Self::closed(), Ordering::AcqRel)
    }

    /// Says how many cells are out after [`close`](Self::close); `true` when the caller frees the page.
    pub(crate) fn settle(&self, out: usize) -> bool {
        if mutant("page-settle-adds") {
            self.out.store(out as isize, Ordering::Release);
            return out == 0;
        }
        self.out.fetch_add(out as isize, Ordering::AcqRel) + out as isize == 0
    }
}
