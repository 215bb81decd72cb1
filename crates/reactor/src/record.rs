//! Records, the keys that name them to the kernel, and the slab that they live in.
//!
//! A record is what the reactor keeps of one registered source. The kernel gives back a [`Key`] with each event: the
//! record's index and its generation. Records are reused but never freed while the reactor lives, so a late event leads
//! to a valid record, and the generation tells that it is another source's now. (An event that slips between that check
//! and the reuse marks the new source ready: a spurious edge, which costs one system call.)

use std::sync::OnceLock;
use std::task::Waker;

use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use heist_core::sync::mutant;

use crate::Direction;
use crate::platform::Arming;
use crate::reactor::Shard;
use crate::word::{Beyond, Link, Word, Words};

/// What the kernel gives back with an event: which record, and which of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u16,
}

impl Key {
    /// How many low bits hold the index: half a word, but no fewer than what half a million sources need.
    const INDEX_BITS: u32 = if usize::BITS >= 64 { 32 } else { 22 };
    const INDEX_MASK: u64 = (1 << Self::INDEX_BITS) - 1;
    /// How many low bits of the index hold the place in a page; the rest is the page's number. So an event finds its record
    /// without computing where the pages begin.
    const PLACE_BITS: u32 = if usize::BITS >= 64 { 23 } else { 16 };
    const PLACE_MASK: u32 = (1 << Self::PLACE_BITS) - 1;
    /// Generations count modulo 65536, or what is left of a `usize`.
    const GENERATION_MASK: u16 = (usize::MAX >> Self::INDEX_BITS) as u16;
    /// An index of a page that there never is: the platform's own events carry it.
    pub(crate) const RESERVED: u32 = (Self::INDEX_MASK as u32) - 1;

    /// The index of a record by its page and its place there.
    const fn index(page: usize, place: usize) -> u32 {
        (page as u32) << Self::PLACE_BITS | place as u32
    }

    /// The page and the place there of a record by its index.
    #[inline]
    const fn place(index: u32) -> (usize, usize) {
        ((index >> Self::PLACE_BITS) as usize, (index & Self::PLACE_MASK) as usize)
    }

    pub(crate) const fn to_u64(self) -> u64 {
        (self.generation as u64) << Self::INDEX_BITS | self.index as u64
    }

    pub(crate) const fn from_u64(key: u64) -> Self {
        Self { index: (key & Self::INDEX_MASK) as u32, generation: (key >> Self::INDEX_BITS) as u16 }
    }
}

/// What the reactor keeps of one registered source: one cache line on 64-bit Linux, and what is [`Beyond`] it.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Record {
    words: Words,
    /// Where it is in its slab.
    index: u32,
    /// Which life this is. Written under the slab's lock. A late event would have to wait for 65536 of them.
    generation: AtomicU16,
    pub(crate) arming: Arming,
}

impl Record {
    fn new(index: u32, beyond: Link) -> Self {
        Self { words: Words::new(beyond), index, generation: AtomicU16::new(0), arming: Arming::new() }
    }

    pub(crate) fn beyond(&self) -> &Link {
        self.words.beyond()
    }

    /// What the kernel is to give back for the source that has the record.
    #[inline]
    pub(crate) fn key(&self) -> Key {
        // Relaxed: it changes only when the source gives the record back.
        Key { index: self.index, generation: self.generation.load(Ordering::Relaxed) }
    }

    #[inline]
    pub(crate) fn word(&self, direction: Direction) -> Word<'_> {
        self.words.of(direction)
    }

    #[inline]
    pub(crate) fn is_of(&self, generation: u16) -> bool {
        // Relaxed: a wrong answer either way is a spurious or a late edge, and both are harmless.
        self.generation.load(Ordering::Relaxed) == generation
    }
}

/// Records in each of the first [`STEPS`] pages; the next as many pages have twice as many each, and so on. So at most one of
/// `STEPS` records has never been in use. 64 records are one 4 KiB page of memory.
#[cfg(not(heist_loom))]
const FIRST_PAGE: u32 = 64;
/// In a model each record costs; one is enough.
#[cfg(heist_loom)]
const FIRST_PAGE: u32 = 1;
/// How many pages come before the next ones are larger. Each idle connection pays for the room of others; an index of 32 bits
/// has no room for the numbers of so many pages.
const STEPS: usize = if usize::BITS >= 64 { 16 } else { 4 };
/// Pages, the largest of them as large as a place in one can tell: 268 million records, more than a process has descriptors
/// (half a million where a `usize` has 32 bits).
const PAGES: usize = (Key::PLACE_BITS - FIRST_PAGE.ilog2() + 1) as usize * STEPS;

// What is reserved is of no page.
const _: () = assert!(PAGES <= Key::place(Key::RESERVED).0);

/// The records of one shard.
pub(crate) struct Slab {
    /// Set once each, from the front. `OnceLock` publishes a page; no protocol of ours hangs on it.
    pages: [OnceLock<Box<[Record]>>; PAGES],
    /// What a record has beyond itself before it has something of its own. Dropped after the pages.
    common: OnceLock<Box<Beyond>>,
    /// How many sources are registered. Written under the lock, read by anybody as a hint.
    live: AtomicUsize,
    /// Odd while a harvest is at work: it may then be reading waker slots of records that have been released since.
    harvest: AtomicU64,
    /// Whether `Book::late` holds something. Written under the lock.
    late: AtomicBool,
    book: Mutex<Book>,
}

impl std::fmt::Debug for Slab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slab").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Which records are free.
#[derive(Debug, Default)]
struct Book {
    /// Records that were in use and are free: last in, first out, for warm cache lines.
    free: Vec<u32>,
    /// Released while a harvest was at work, with their wakers still inside.
    late: Vec<u32>,
    /// How many records have ever been in use: those of the first pages.
    fresh: u32,
    closed: bool,
}

/// Why [`Slab::insert`] has no record to give.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Full,
}

impl Slab {
    pub(crate) fn new() -> Self {
        Self {
            pages: [const { OnceLock::new() }; PAGES],
            common: OnceLock::new(),
            live: AtomicUsize::new(0),
            harvest: AtomicU64::new(0),
            late: AtomicBool::new(false),
            book: Mutex::new(Book::default()),
        }
    }

    /// How many sources are registered.
    #[inline]
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// The page of the record that is made after so many others, and its place there.
    fn place_of_next(made: u32) -> (usize, usize) {
        // In units of a first page, from where the sizes are powers of two times STEPS.
        let unit = u64::from(made / FIRST_PAGE) + STEPS as u64;
        let doubled = unit.ilog2() - STEPS.ilog2();
        let step = unit >> doubled;
        let before = ((step << doubled) - STEPS as u64) * u64::from(FIRST_PAGE);
        let page = doubled as usize * STEPS + step as usize - STEPS;
        (page, (u64::from(made) - before) as usize)
    }

    /// How many records a page has.
    fn size_of_page(page: usize) -> u32 {
        FIRST_PAGE << (page / STEPS)
    }

    /// The record of that index, if there is one.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Record> {
        let (page, place) = Key::place(index);
        self.pages.get(page)?.get()?.get(place)
    }

    /// Gives a record to a new source. Its words are ready: nothing has been found out about the source yet. `shard` is the
    /// one that the slab belongs to, always the same.
    pub(crate) fn insert(&self, shard: *const Shard) -> Result<(Key, &Record), Refused> {
        let mut book = self.book.lock();
        if book.closed {
            return Err(Refused::Closed);
        }
        let index = match book.free.pop() {
            Some(index) => index,
            None => {
                let (page, place) = Self::place_of_next(book.fresh);
                if page >= PAGES {
                    return Err(Refused::Full);
                }
                let index = Key::index(page, place);
                let first = Key::index(page, 0);
                let common: *const Beyond = &**self.common.get_or_init(|| Box::new(Beyond::common(shard)));
                let make = |index| {
                    // SAFETY: it is set once, lies in a box, and is dropped after the pages.
                    Record::new(index, unsafe { Link::new(common) })
                };
                let records = first..first + Self::size_of_page(page);
                self.pages[page].get_or_init(|| records.map(make).collect());
                book.fresh += 1;
                index
            }
        };
        let record = self.get(index).expect("a record handed out lies in a page that exists");
        for word in [record.words.read(), record.words.write()] {
            word.renew();
        }
        // A plain store is enough: only holders of the lock write.
        self.live.store(self.live() + 1, Ordering::Relaxed);
        Ok((record.key(), record))
    }

    /// Takes the record of a source back.
    ///
    /// # Safety
    ///
    /// `key` came from [`insert`](Self::insert), is given back once, and nobody waits in either direction any more: the
    /// caller holds both lanes.
    pub(crate) unsafe fn remove(&self, key: Key) {
        let record = self.get(key.index).expect("a record handed out lies in a page that exists");
        for word in [record.words.read(), record.words.write()] {
            // From here on no event consumes WAITING. One that did so before began its harvest before, too, and this
            // read-modify-write sees it: `harvest` is then odd until that harvest has ended.
            word.retire();
        }
        let mut book = self.book.lock();
        let next = key.generation.wrapping_add(1) & Key::GENERATION_MASK;
        record.generation.store(next, Ordering::Relaxed);
        self.live.store(self.live() - 1, Ordering::Relaxed);
        let wakers = if self.is_harvesting() && !mutant("reactor-remove-ignores-harvest") {
            book.late.push(key.index);
            self.late.store(true, Ordering::Relaxed);
            None
        } else {
            book.free.push(key.index);
            // SAFETY: the lanes are the caller's; no harvest that saw WAITING here is at work, as `retire` and the even
            // `harvest` say, and `close` reads slots under the lock that we hold.
            Some(unsafe { Self::clear(record) })
        };
        drop(book);
        drop(wakers);
    }

    /// Whether a harvest may be reading waker slots.
    fn is_harvesting(&self) -> bool {
        // Acquire pairs with the Release in `end_harvest`: who sees the end sees the reads done.
        self.harvest.load(Ordering::Acquire) % 2 == 1
    }

    /// A harvest begins. Harvests of one shard do not overlap.
    pub(crate) fn begin_harvest(&self) {
        // Relaxed: the Release of `Word::event` puts it before whatever the harvest reads of a slot.
        self.harvest.store(self.harvest.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A harvest ends: what was released meanwhile is cleaned and free.
    pub(crate) fn end_harvest(&self) {
        // Release pairs with the Acquire in `is_harvesting`.
        self.harvest.store(self.harvest.load(Ordering::Relaxed) + 1, Ordering::Release);
        // A release that saw the harvest at work but whose flag is not seen here is cleaned by the next harvest.
        if self.late.load(Ordering::Relaxed) {
            self.clean();
        }
    }

    #[cold]
    fn clean(&self) {
        let mut book = self.book.lock();
        let late = std::mem::take(&mut book.late);
        self.late.store(false, Ordering::Relaxed);
        let mut wakers = Vec::with_capacity(late.len());
        for &index in &late {
            let record = self.get(index).expect("a record handed out lies in a page that exists");
            // SAFETY: the source released it, so the lanes are nobody's; the harvest that could read has just ended, on
            // this thread, and the next begins here; `close` holds the lock while it reads.
            wakers.push(unsafe { Self::clear(record) });
        }
        book.free.extend(late);
        drop(book);
        drop(wakers);
    }

    /// # Safety
    ///
    /// That of [`Word::clear_wakers`], for both words.
    unsafe fn clear(record: &Record) -> [[Option<Waker>; 2]; 2] {
        // SAFETY: passed on from the caller.
        let read = unsafe { record.words.read().clear_wakers() };
        // SAFETY: passed on from the caller.
        let write = unsafe { record.words.write().clear_wakers() };
        [read, write]
    }

    /// Closes all words for good and refuses new sources. Returns the wakers of all who waited, to be woken by the
    /// caller outside the lock.
    pub(crate) fn close(&self) -> Vec<Waker> {
        let mut book = self.book.lock();
        book.closed = true;
        let mut wakers = Vec::new();
        for made in 0..book.fresh {
            let (page, place) = Self::place_of_next(made);
            let Some(record) = self.get(Key::index(page, place)) else { continue };
            for word in [record.words.read(), record.words.write()] {
                word.close(&mut wakers);
            }
        }
        wakers
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn key_survives_the_kernel() {
        for (index, generation) in [(0, 0), (7, 1), (Key::RESERVED - 1, Key::GENERATION_MASK)] {
            let key = Key { index, generation };
            assert_eq!(Key::from_u64(key.to_u64()), key);
        }
    }

    #[test]
    fn places_fill_pages_without_a_gap() {
        let mut expected = (0, 0);
        for made in 0..10_000 {
            assert_eq!(Slab::place_of_next(made), expected);
            assert_eq!(Key::place(Key::index(expected.0, expected.1)), expected);
            expected.1 += 1;
            if expected.1 == Slab::size_of_page(expected.0) as usize {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn reuse_changes_the_generation() {
        let slab = Slab::new();
        let (first, _) = slab.insert(ptr::null()).unwrap();
        // SAFETY: nobody waits.
        unsafe { slab.remove(first) };
        let (second, record) = slab.insert(ptr::null()).unwrap();
        assert_eq!(first.index, second.index);
        assert_ne!(first.generation, second.generation);
        assert!(record.is_of(second.generation) && !record.is_of(first.generation));
    }

    #[test]
    fn record_released_during_a_harvest_is_free_after_it() {
        let slab = Slab::new();
        let (key, _) = slab.insert(ptr::null()).unwrap();
        slab.begin_harvest();
        // SAFETY: nobody waits.
        unsafe { slab.remove(key) };
        assert_ne!(
            slab.insert(ptr::null()).unwrap().0.index,
            key.index,
            "not reused while the harvest is at work"
        );
        slab.end_harvest();
        assert_eq!(slab.insert(ptr::null()).unwrap().0.index, key.index);
        assert_eq!(slab.live(), 2);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64", not(polling_test_poll_backend)))]
    fn record_is_a_cache_line() {
        assert!(size_of::<Record>() <= 64, "{} bytes", size_of::<Record>());
    }
}
