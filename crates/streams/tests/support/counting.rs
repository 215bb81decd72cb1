//! An allocator that counts, for the whole process: the test that has this module is alone in its program, or runs alone.
#![allow(dead_code, reason = "each test file uses its part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As [`live`] reads it.
static LIVE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// As [`asked_for`] reads it.
    static ASKED_FOR: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: each method hands its arguments to `System` unchanged and returns what it returns. What is left out goes through
// these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        ASKED_FOR.set(ASKED_FOR.get() + layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is System's own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from System.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are allocated and not freed now, as asked for.
pub fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Bytes that this thread has ever asked for: the test's own may say at any time that another one has ended. A block that grows
/// counts anew.
pub fn asked_for() -> usize {
    ASKED_FOR.get()
}
