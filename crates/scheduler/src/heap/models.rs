//! The remote list of a page: cells that other threads free, against the owner who takes them, or closes.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

use std::sync::Arc;

use heist_core::sync::cell::UnsafeCell;

use super::remote::{Freed, RemoteList};
use crate::models::{check, side};

/// A cell: its link, in a cell that loom watches, and whether it is out.
struct Slot {
    next: UnsafeCell<*mut Slot>,
}

/// A page of two cells, both out.
struct Page {
    list: RemoteList<Slot>,
    slots: [Slot; 2],
    /// Freed by one side alone, after all others are done with it: loom checks both.
    freed: UnsafeCell<u32>,
}

impl Page {
    fn new() -> Arc<Self> {
        let slots = std::array::from_fn(|_| Slot { next: UnsafeCell::new(std::ptr::null_mut()) });
        Arc::new(Self { list: RemoteList::new(), slots, freed: UnsafeCell::new(0) })
    }

    /// Frees a cell from another thread than the owner's.
    fn push(&self, index: usize) {
        let cell = &self.slots[index];
        let freed = self.list.push(std::ptr::from_ref(cell).cast_mut(), |next| {
            // SAFETY: the link of an unused cell belongs to whoever gives it back; loom checks it.
            cell.next.with_mut(|link| unsafe { *link = next });
        });
        if freed == Freed::Last {
            self.free();
        }
    }

    fn free(&self) {
        // SAFETY: whoever is last is alone; loom checks it.
        self.freed.with_mut(|freed| unsafe { *freed += 1 });
    }

    /// Counts a chain of cells, as their new owner.
    fn count(mut cell: *mut Slot) -> usize {
        let mut count = 0;
        // SAFETY: a listed cell lies in the page, which lives as long as the model.
        while let Some(slot) = unsafe { cell.as_ref() } {
            // Written, not only read: the cell is the owner's now.
            cell = slot.next.with_mut(|link| {
                // SAFETY: the owner took the chain; loom checks that nobody else touches it.
                unsafe { std::mem::replace(&mut *link, std::ptr::null_mut()) }
            });
            count += 1;
        }
        count
    }

    fn close(&self, out: usize) {
        let listed = Self::count(self.list.close());
        if self.list.settle(out - listed) {
            self.free();
        }
    }

    fn freed(&self) -> u32 {
        // SAFETY: all others are done; loom checks it.
        self.freed.with(|freed| unsafe { *freed })
    }
}

#[test]
fn push_and_take() {
    check("push_and_take", None, || {
        let page = Page::new();
        let other = page.clone();
        let freeing = side(move || {
            other.push(0);
            other.push(1);
        });
        let taken = Page::count(page.list.take());
        freeing.join().unwrap();
        assert_eq!(taken + Page::count(page.list.take()), 2, "a cell was lost");
        assert_eq!(page.freed(), 0);
    });
}

#[test]
fn two_pushes_and_take() {
    check("two_pushes_and_take", Some(2), || {
        let page = Page::new();
        let freeing: Vec<_> = (0..2)
            .map(|index| {
                let page = page.clone();
                side(move || page.push(index))
            })
            .collect();
        let taken = Page::count(page.list.take());
        freeing.into_iter().for_each(|side| side.join().unwrap());
        assert_eq!(taken + Page::count(page.list.take()), 2, "a cell was lost");
    });
}

#[test]
fn push_and_close() {
    check("push_and_close", None, || {
        let page = Page::new();
        let other = page.clone();
        let freeing = side(move || {
            other.push(0);
            other.push(1);
        });
        page.close(2);
        freeing.join().unwrap();
        assert_eq!(page.freed(), 1, "the page is freed once, by the last");
    });
}

#[test]
fn two_pushes_and_close() {
    check("two_pushes_and_close", Some(2), || {
        let page = Page::new();
        let freeing: Vec<_> = (0..2)
            .map(|index| {
                let page = page.clone();
                side(move || page.push(index))
            })
            .collect();
        page.close(2);
        freeing.into_iter().for_each(|side| side.join().unwrap());
        assert_eq!(page.freed(), 1, "the page is freed once, by the last");
    });
}
