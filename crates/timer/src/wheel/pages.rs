//! The memory of a wheel's entries.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use heist_core::{LARGE_PAGE, prefer_large_pages};

use super::entry::{Entry, EntryRef};

/// Entries in the first page. Pages double, up to [`LARGEST`].
const FIRST: usize = if cfg!(heist_loom) { 2 } else { 64 };
/// 8192 entries of 32 bytes: 256 KiB.
const LARGEST: usize = 8192;
/// A wheel of so many entries, which are 8 MiB, gets large pages from then on, so that one that is just begun is a fifth of it at
/// most.
const LARGE_FROM: usize = 262_144;

/// One block of entries. Those that were never in use are not initialised.
struct Page {
    block: NonNull<Entry>,
    layout: Layout,
    entries: usize,
}

impl Page {
    fn new(entries: usize) -> Self {
        let bytes = entries * size_of::<Entry>();
        let align = if bytes == LARGE_PAGE { LARGE_PAGE } else { align_of::<Entry>() };
        let layout = Layout::from_size_align(bytes, align).expect("a page is some megabytes at most");
        // SAFETY: a page has at least one entry, so the size is not zero.
        let block = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(block) else { handle_alloc_error(layout) };
        if bytes == LARGE_PAGE {
            prefer_large_pages(block.as_ptr(), bytes);
        }
        Self { block: block.cast(), layout, entries }
    }

    fn at(&self, index: usize) -> NonNull<Entry> {
        debug_assert!(index < self.entries);
        // SAFETY: the callers keep `index` below the count of entries.
        unsafe { self.block.add(index) }
    }
}

/// The memory of a wheel's entries. Entries never move; pages go when the wheel goes.
pub(crate) struct Pages {
    pages: Vec<Page>,
    /// How many entries of the last page were ever in use; of the others all were.
    carved: usize,
    /// An array beside the entries, so that taking one back need not touch it.
    free: Vec<EntryRef>,
    /// How many entries there are in the pages.
    entries: usize,
    /// How many entries handles own, once it has been [counted](Self::count_held); before that nobody needs to know.
    held: usize,
}

// SAFETY: the pages are owned; entries are Send.
unsafe impl Send for Pages {}

impl Pages {
    pub const fn new() -> Self {
        Self { pages: Vec::new(), carved: 0, free: Vec::new(), entries: 0, held: 0 }
    }

    /// A free entry. Allocates only when all entries are in use.
    #[inline]
    pub fn take(&mut self) -> EntryRef {
        self.free.pop().unwrap_or_else(|| self.carve())
    }

    /// Takes an entry back. It must be in no slot.
    #[inline]
    pub fn give_back(&mut self, entry: EntryRef) {
        self.free.push(entry);
    }

    /// Counts how many entries handles own; whether there are none.
    pub fn count_held(&mut self) -> bool {
        let unused = self.pages.last().map_or(0, |page| page.entries - self.carved);
        self.held = self.entries - unused - self.free.len();
        self.held == 0
    }

    /// All entries that were ever in use.
    fn carved(&self) -> impl Iterator<Item = NonNull<Entry>> {
        let last = self.pages.len().saturating_sub(1);
        self.pages.iter().enumerate().flat_map(move |(index, page)| {
            let carved = if index == last { self.carved } else { page.entries };
            (0..carved).map(|entry| page.at(entry))
        })
    }

    /// As [`give_back`](Self::give_back), where they have been counted; whether it was the last.
    pub fn give_back_counted(&mut self, entry: EntryRef) -> bool {
        self.give_back(entry);
        self.held -= 1;
        self.held == 0
    }

    /// An entry that was never in use.
    #[cold]
    fn carve(&mut self) -> EntryRef {
        if self.pages.last().is_none_or(|page| page.entries == self.carved) {
            self.grow();
        }
        let page = self.pages.last().expect("there is a page with room");
        let entry = page.at(self.carved);
        self.carved += 1;
        // SAFETY: the entry lies in the page, and nobody else has it.
        unsafe { entry.write(Entry::new()) };
        EntryRef::from(entry)
    }

    #[cold]
    fn grow(&mut self) {
        let entries = if self.entries >= LARGE_FROM {
            LARGE_PAGE / size_of::<Entry>()
        } else {
            (FIRST << self.pages.len().min(16)).min(LARGEST)
        };
        self.pages.push(Page::new(entries));
        self.entries += entries;
        self.carved = 0;
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if std::mem::needs_drop::<Entry>() {
            // What loom's cells hold; wakers are gone by now, as the wheel goes only when no handle owns an entry.
            // SAFETY: initialised, and nobody uses them any more.
            self.carved().for_each(|entry| unsafe { entry.drop_in_place() });
        }
        for page in self.pages.drain(..) {
            // SAFETY: allocated with this layout in `Page::new`, and nobody uses it any more.
            unsafe { dealloc(page.block.as_ptr().cast(), page.layout) };
        }
    }
}
