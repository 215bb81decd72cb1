//! One page: a front and cells of one size.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use heist_core::context;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::{LARGE_PAGE, prefer_large_pages};

use super::remote::{Freed, RemoteList};
use super::{CELL_ALIGN, CLASSES, SINGLE, Shape};
use crate::shared::Shared;
use crate::task::{Header, Raw};

/// A page of cells up to 1 KiB; larger classes take twice or four times as much.
const PAGE: usize = 32 * 1024;

/// A class that has so many bytes gets large pages from then on, so that one that is just begun is a fifth of it at most.
const LARGE_FROM: usize = 8 << 20;

/// How large a page of cells of so many bytes is, where there are already pages with so many weights.
fn bytes_of(cell: usize, weights: usize) -> usize {
    if weights >= LARGE_FROM / PAGE { LARGE_PAGE } else { PAGE * (cell / 1024).max(1) }
}

/// The front of a page. The cells follow in the same block.
pub(crate) struct Page {
    shared: Arc<Shared>,
    /// The loop's id, beside the pointer that it is made of, for the comparison on every wake.
    loop_id: usize,
    heap: usize,
    class: usize,
    layout: Layout,
    first: NonNull<Header>,
    cell: usize,
    cells: usize,
    /// How many times [`PAGE`] it is, rounded up: what it counts as where pages are counted.
    weight: usize,
    /// Cells that were ever handed out: below this index the state word of each is initialised. Written by the owner.
    carved: AtomicUsize,
    /// Free cells, linked. Owner only.
    free: Cell<*mut Header>,
    /// Cells that are out, or on the remote list. Owner only.
    used: Cell<usize>,
    remote: CachePadded<RemoteList<Header>>,
}

impl Page {
    /// Makes a page for `shape` in the heap with number `heap`, whose class has so many weights of pages.
    pub(crate) fn make(shape: Shape, heap: usize, weights: usize, shared: &Arc<Shared>) -> NonNull<Page> {
        let (cell, align, bytes) = if shape.class == SINGLE {
            let align = shape.align.max(CELL_ALIGN);
            (shape.size.next_multiple_of(align), align, 0)
        } else {
            (CLASSES[shape.class], CELL_ALIGN, bytes_of(CLASSES[shape.class], weights))
        };
        let front = size_of::<Page>().next_multiple_of(align);
        let size = bytes.max(front + cell);
        let cells = (size - front) / cell;
        let large = bytes == LARGE_PAGE;
        let block_align = if large { LARGE_PAGE } else { align.max(align_of::<Page>()) };
        let layout = Layout::from_size_align(size, block_align)
            .unwrap_or_else(|_| panic!("a future of {} bytes is too large for a task", shape.size));
        // SAFETY: the size is not zero. Not zeroed: that would touch the whole page at once; each cell's state words are
        // set when it is first handed out.
        let block = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(block) else { handle_alloc_error(layout) };
        if large {
            prefer_large_pages(block.as_ptr(), size);
        }
        // SAFETY: `front` lies within the block.
        let first = unsafe { block.byte_add(front) }.cast::<Header>();
        let page = block.cast::<Page>();
        let value = Page {
            shared: shared.clone(),
            loop_id: shared.id(),
            heap,
            class: shape.class,
            layout,
            first,
            cell,
            cells,
            weight: bytes.div_ceil(PAGE).max(1),
            carved: AtomicUsize::new(0),
            free: Cell::new(ptr::null_mut()),
            used: Cell::new(0),
            remote: CachePadded::new(RemoteList::new()),
        };
        // SAFETY: the block is large enough and aligned for a page, and nobody else has it.
        unsafe { page.write(value) };
        page
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[inline]
    pub(crate) fn loop_id(&self) -> usize {
        self.loop_id
    }

    pub(super) fn class(&self) -> usize {
        self.class
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used.get() == 0
    }

    /// Whether a cell of this page can hold `shape`.
    pub(super) fn fits(&self, shape: Shape) -> bool {
        self.cell >= shape.size
            && self.layout.align() >= shape.align
            && (self.class != SINGLE || self.cell / 2 <= shape.size)
    }

    fn at(&self, index: usize) -> NonNull<Header> {
        debug_assert!(index < self.cells);
        // SAFETY: `index` is below the count of cells, so the address lies within the block.
        unsafe { self.first.byte_add(index * self.cell) }
    }

    /// A free cell. Owner only.
    #[inline]
    pub(super) fn allocate(&self, empty: &mut usize) -> Option<NonNull<Header>> {
        let cell = match NonNull::new(self.free.get()) {
            Some(cell) => {
                // SAFETY: a cell on the free list is this page's and nobody's else, and its link was set when it came.
                let next = unsafe { cell.as_ref() }.next_free();
                self.free.set(next);
                cell
            }
            None => {
                let index = self.carved.load(Ordering::Relaxed);
                if index == self.cells {
                    return None;
                }
                let cell = self.at(index);
                // SAFETY: the cell lies in the page and was never handed out.
                unsafe { Header::carve(cell) };
                // Release pairs with the Acquire load in `each`: the cleared state word is visible.
                self.carved.store(index + 1, Ordering::Release);
                cell
            }
        };
        if self.used.replace(self.used.get() + 1) == 0 {
            *empty -= self.weight;
        }
        Some(cell)
    }

    /// Takes a cell back. Owner only.
    ///
    /// # Safety
    ///
    /// `cell` is one of this page's that is out, and nobody uses it any more.
    #[inline]
    pub(super) unsafe fn free_local(&self, cell: NonNull<Header>, empty: &mut usize) {
        // SAFETY: passed on from the caller; the link of an unused cell is the page's.
        unsafe { cell.as_ref() }.set_next_free(self.free.get());
        self.free.set(cell.as_ptr());
        self.used.set(self.used.get() - 1);
        if self.used.get() == 0 {
            *empty += self.weight;
        }
    }

    /// Takes in what other threads freed. Owner only.
    pub(super) fn collect(&self, empty: &mut usize) {
        if self.remote.is_empty() {
            return;
        }
        let mut next = self.remote.take();
        while let Some(cell) = NonNull::new(next) {
            // SAFETY: a listed cell is this page's and nobody's else; its link was set by `push`.
            next = unsafe { cell.as_ref() }.next_free();
            // SAFETY: it came off the remote list, so it was out and nobody uses it any more.
            unsafe { self.free_local(cell, empty) };
        }
    }

    /// Gives a cell back, from whichever thread this is.
    ///
    /// # Safety
    ///
    /// `cell` lies in `page`, nobody uses it any more, and the caller does not touch either afterwards.
    #[inline]
    pub(crate) unsafe fn free(page: *const Page, cell: NonNull<Header>) {
        // SAFETY: the cell, not yet given back, keeps its page.
        let front = unsafe { &*page };
        let local = context::with(|context| match context {
            Some(context) if context.loop_id() == front.loop_id => {
                // SAFETY: a context with the id of a loop of ours is the front of a `Worker`.
                let worker = unsafe { crate::worker::Worker::from_context(context) };
                (worker.heap_index() == front.heap).then(|| {
                    let page = NonNull::from(front);
                    // SAFETY: this thread owns the heap that the page belongs to; the rest is the caller's promise.
                    unsafe { worker.heap().free(page, cell) };
                })
            }
            _ => None,
        });
        if local.is_some() {
            return;
        }
        let freed = front.remote.push(cell.as_ptr(), |next| {
            // SAFETY: the link of an unused cell belongs to whoever gives it back.
            unsafe { cell.as_ref() }.set_next_free(next);
        });
        if freed == Freed::Last {
            // SAFETY: the heap is closed and this was its last cell.
            unsafe { Page::destroy(NonNull::from(front)) };
        }
    }

    /// Calls `visit` with a counted reference to every task in the page.
    pub(super) fn each(&self, visit: &mut impl FnMut(Raw)) {
        // Acquire pairs with the Release store in `allocate`.
        for index in 0..self.carved.load(Ordering::Acquire) {
            let task = Raw(self.at(index));
            // The state word of a carved cell is always a valid atomic: cleared, or a task's, or what a task left.
            if crate::shared::acquire_if_alive(task, self.loop_id) {
                visit(task);
            }
        }
    }

    #[cfg(all(test, heist_loom))]
    pub(super) fn count_held(&self) -> usize {
        // Acquire as in `each`.
        let carved = 0..self.carved.load(Ordering::Acquire);
        carved.filter(|&index| Raw(self.at(index)).header().word.holds_any()).count()
    }

    /// The heap closes. Owner only.
    ///
    /// # Safety
    ///
    /// `page` is valid and listed nowhere any more.
    pub(super) unsafe fn close(page: NonNull<Page>) {
        // SAFETY: the caller says that the page is valid.
        let front = unsafe { page.as_ref() };
        let mut listed = 0;
        let mut next = front.remote.close();
        while let Some(cell) = NonNull::new(next) {
            // SAFETY: a listed cell is this page's and nobody's else; its link was set by `push`.
            next = unsafe { cell.as_ref() }.next_free();
            listed += 1;
        }
        if front.remote.settle(front.used.get() - listed) {
            // SAFETY: no cell is out and the list is closed: nobody else knows the page.
            unsafe { Page::destroy(page) };
        }
    }

    /// Frees the page.
    ///
    /// # Safety
    ///
    /// No cell is out, and nobody lists the page.
    pub(super) unsafe fn destroy(page: NonNull<Page>) {
        // SAFETY: the page is valid until it is freed below.
        let layout = unsafe { page.as_ref() }.layout;
        // SAFETY: nobody uses the page any more.
        unsafe { page.drop_in_place() };
        // SAFETY: the block was allocated with this layout in `make`.
        unsafe { dealloc(page.as_ptr().cast(), layout) };
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn pages_are_small_until_there_are_many() {
        assert_eq!((bytes_of(96, 0), bytes_of(1024, 0), bytes_of(4096, 0)), (PAGE, PAGE, 4 * PAGE));
        let last = LARGE_FROM / PAGE - 1;
        assert_eq!((bytes_of(192, last), bytes_of(192, last + 1)), (PAGE, LARGE_PAGE));
    }
}
