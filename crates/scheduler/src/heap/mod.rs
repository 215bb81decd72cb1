//! Where tasks live: pages of equal cells, which are allocator and registry at once.
//!
//! A **page** is one block of memory with a small front and cells of one size. A **heap** is the pages of one worker,
//! sorted by size class; its owner allocates and frees cells with plain loads and stores. Threads that are no worker
//! share one more heap behind a lock. Cells freed by another thread go to their page's remote list ([`remote`]).
//!
//! The pages are also the **registry**: a cell that holds a task counts references in its state word, an empty one
//! counts none, so whoever wants all tasks (shutdown, `all_tasks`, a dump) walks the pages and takes a reference to
//! each cell that has one, by increment-if-not-zero. Spawning and ending a task touch no list and no counter that
//! another worker writes.
//!
//! A page keeps the loop's shared block alive, and every cell keeps its page: a waker that outlives its loop still finds
//! both. When a heap closes, its empty pages are freed and the others free themselves with their last cell.
//!
//! Cells are not aligned beyond what their type asks: an over-aligned allocation costs more than all the atomics of a
//! spawn. A future too large for the classes, or aligned beyond 32 bytes, gets a page with one cell.

mod page;
mod remote;

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;
use std::sync::Arc;

use heist_core::sync::Mutex;

pub(crate) use page::Page;

use crate::shared::Shared;
use crate::task::{Header, Raw};

#[cfg(all(test, heist_loom))]
mod models;

/// Cell sizes in bytes. Steps of 32 where most tasks lie, wider above; nothing wastes more than a third.
const CLASSES: [usize; 20] =
    [96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 448, 512, 640, 768, 1024, 1280, 1536, 2048, 3072, 4096];

/// A class index for cells with a page of their own.
const SINGLE: usize = CLASSES.len();

/// Cells are aligned to this; class sizes are multiples of it.
const CELL_ALIGN: usize = 32;

/// How many pages an allocation looks through for a free cell before it makes a new page. Bounds the time of one
/// allocation; a page holds at least seven cells, so the look costs little a task.
const LOOK: usize = 16;

/// The weight of empty pages that a class keeps for its next burst: 128 times 32 KiB are 4 MiB.
const KEEP_EMPTY: usize = 128;

/// Task ids are handed out in blocks of this many, so that a spawn touches no counter that all workers write.
const ID_BLOCK: u64 = 256;

/// The size and alignment of a cell type, as a size class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    class: usize,
    size: usize,
    align: usize,
}

impl Shape {
    /// The shape of cells of type `T`; evaluated at compile time where it is used as a constant.
    pub(crate) const fn of<T>() -> Self {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        let mut class = 0;
        while class < CLASSES.len() && CLASSES[class] < size {
            class += 1;
        }
        if align > CELL_ALIGN {
            class = SINGLE;
        }
        Self { class, size, align }
    }
}

/// The pages that a heap has, for those who walk them from other threads.
///
/// The lock is taken when a page comes or goes and by walkers, never for a single cell.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pages: Mutex<Vec<PagePointer>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PagePointer(NonNull<Page>);

// SAFETY: a page's shared part is made for any thread; its owner's part is touched by the heap's owner only.
unsafe impl Send for PagePointer {}

impl Registry {
    /// Calls `visit` with every task that is alive; it receives a counted reference.
    pub(crate) fn each(&self, mut visit: impl FnMut(Raw)) {
        let pages = self.pages.lock();
        for page in pages.iter() {
            // SAFETY: a page in the list is valid while the lock is held: it is taken out before it is freed.
            unsafe { page.0.as_ref() }.each(&mut visit);
        }
    }

    #[cfg(all(test, heist_loom))]
    pub(crate) fn count_held(&self) -> usize {
        // SAFETY: as in `each`.
        self.pages.lock().iter().map(|page| unsafe { page.0.as_ref() }.count_held()).sum()
    }

    fn add(&self, page: NonNull<Page>) {
        self.pages.lock().push(PagePointer(page));
    }

    fn remove(&self, page: NonNull<Page>) {
        let mut pages = self.pages.lock();
        if let Some(at) = pages.iter().position(|other| other.0 == page) {
            pages.swap_remove(at);
        }
    }
}

/// One size class of a heap.
#[derive(Default)]
struct Class {
    /// The page from which cells are taken now, at `pages[at]`.
    pages: Vec<NonNull<Page>>,
    at: usize,
    /// The weight of all pages, and of those that are empty.
    weight: usize,
    empty: usize,
}

/// The pages of one owner. Not `Sync`; the owner is one thread at a time.
pub(crate) struct Heap {
    /// Which heap this is: the index of its registry in the shared block.
    index: usize,
    classes: UnsafeCell<[Class; CLASSES.len() + 1]>,
    next_id: Cell<u64>,
    last_id: Cell<u64>,
}

impl Heap {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            classes: UnsafeCell::new(Default::default()),
            next_id: Cell::new(0),
            last_id: Cell::new(0),
        }
    }

    /// A number for a new task.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        if self.next_id.get() == self.last_id.get() {
            let first = crate::shared::id_block(ID_BLOCK);
            self.next_id.set(first);
            self.last_id.set(first + ID_BLOCK);
        }
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    /// Memory for a cell, and its page.
    #[inline]
    pub(crate) fn allocate(
        &self,
        shape: &'static Shape,
        shared: &Arc<Shared>,
    ) -> (NonNull<Header>, NonNull<Page>) {
        // SAFETY: a heap is used by its owner only, and no call below comes back here.
        let classes = unsafe { &mut *self.classes.get() };
        let class = &mut classes[shape.class];
        if let Some(&page) = class.pages.get(class.at) {
            // SAFETY: a page in the class is valid, and this is its owner.
            if let Some(cell) = unsafe { page.as_ref() }.allocate(&mut class.empty) {
                return (cell, page);
            }
        }
        self.allocate_slowly(class, shape, shared)
    }

    #[cold]
    #[inline(never)]
    fn allocate_slowly(
        &self,
        class: &mut Class,
        &shape: &Shape,
        shared: &Arc<Shared>,
    ) -> (NonNull<Header>, NonNull<Page>) {
        for _ in 0..LOOK.min(class.pages.len()) {
            class.at = (class.at + 1) % class.pages.len();
            let page = class.pages[class.at];
            // SAFETY: a page in the class is valid, and this is its owner.
            let front = unsafe { page.as_ref() };
            front.collect(&mut class.empty);
            // A page of a single cell serves only one size.
            if front.fits(shape) {
                if let Some(cell) = front.allocate(&mut class.empty) {
                    return (cell, page);
                }
            }
        }
        let page = Page::make(shape, self.index, class.weight, shared);
        class.pages.push(page);
        class.at = class.pages.len() - 1;
        // SAFETY: just made.
        let front = unsafe { page.as_ref() };
        class.weight += front.weight();
        class.empty += front.weight();
        shared.registry(self.index).add(page);
        let cell = front.allocate(&mut class.empty).expect("a new page has a free cell");
        (cell, page)
    }

    /// Takes back a cell of one of this heap's pages. Owner only.
    ///
    /// # Safety
    ///
    /// `cell` lies in `page`, a page of this heap, and nobody uses it any more.
    pub(crate) unsafe fn free(&self, page: NonNull<Page>, cell: NonNull<Header>) {
        // SAFETY: a heap is used by its owner only, and no call below comes back here.
        let classes = unsafe { &mut *self.classes.get() };
        // SAFETY: the page is one of this heap's, so valid.
        let front = unsafe { page.as_ref() };
        let class = &mut classes[front.class()];
        // SAFETY: passed on from the caller.
        unsafe { front.free_local(cell, &mut class.empty) };
        // Most pages have other cells out, so this comes first.
        if front.is_empty() {
            let spare = if front.class() == SINGLE { 0 } else { KEEP_EMPTY.max(class.weight / 4) };
            if class.empty > spare {
                Self::drop_page(class, page, front, self.index);
            }
        }
    }

    /// Frees an empty page.
    #[cold]
    fn drop_page(class: &mut Class, page: NonNull<Page>, front: &Page, index: usize) {
        let Some(at) = class.pages.iter().position(|&other| other == page) else { return };
        class.pages.swap_remove(at);
        class.weight -= front.weight();
        class.empty -= front.weight();
        front.shared().registry(index).remove(page);
        // SAFETY: no cell is out, and neither the class nor the registry lists the page any more.
        unsafe { Page::destroy(page) };
    }

    /// Closes the heap: empty pages are freed, the others free themselves with their last cell.
    pub(crate) fn close(&self, shared: &Arc<Shared>) {
        // SAFETY: a heap is used by its owner only, and no call below comes back here.
        let classes = unsafe { &mut *self.classes.get() };
        for class in classes.iter_mut() {
            for page in std::mem::take(&mut *class).pages {
                shared.registry(self.index).remove(page);
                // SAFETY: the page is this heap's and nobody lists it any more.
                unsafe { Page::close(page) };
            }
        }
    }
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heap").field("index", &self.index).finish_non_exhaustive()
    }
}

// SAFETY: a heap is plain memory; moving it to another thread moves its ownership.
unsafe impl Send for Heap {}
