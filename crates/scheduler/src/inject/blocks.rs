//! A line of tasks without an end, in blocks of slots: one writer, one reader, and nothing that both write.
//!
//! The slots are pointers side by side, so a reader knows the next 32 tasks without a look at any of them: it can ask the
//! cache for all of them at once, where a chain through the tasks gives away the next one only when the last has come.
//!
//! Neither end is synchronised here: the [`Injector`](super::Injector) has a lock for each, and a count that goes from the
//! writer to the reader. The reader reads no slot that the count has not told it of, and follows no link from a block whose
//! slots are not all told.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::{Mutex, hint};

/// Slots of a block, which is 2 KiB with its link. Two in a model, so that a few tasks cross from block to block.
const SLOTS: usize = if cfg!(heist_loom) { 2 } else { 255 };

/// Blocks that are kept for the next burst, 64 KiB of them; beyond that they are freed.
const KEEP: usize = 32;

/// Slots of a line of the cache.
const LINE: usize = 8;

/// How many slots ahead of the writer the cache fetches: the reader had these lines the last time, and a line comes from
/// another core in the time of several pushes.
const AHEAD: usize = 4 * LINE;

/// The slots come first: [`Writer::fetch`] counts from the start.
#[repr(C)]
struct Block<T> {
    slots: [UnsafeCell<MaybeUninit<T>>; SLOTS],
    next: UnsafeCell<*mut Block<T>>,
}

impl<T> Block<T> {
    fn make() -> NonNull<Self> {
        let slots = std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit()));
        NonNull::from(Box::leak(Box::new(Self { slots, next: UnsafeCell::new(ptr::null_mut()) })))
    }
}

/// Where the writer, or the reader, is.
struct Place<T> {
    block: NonNull<Block<T>>,
    at: usize,
}

// SAFETY: a place is used by one thread at a time, whoever holds its lock; what goes from place to place may change threads.
unsafe impl<T: Send> Send for Place<T> {}

/// A new line: its two ends. The writer must not be used once the reader is dropped, which frees the blocks.
pub(super) fn line<T: Copy>() -> (Writer<T>, Reader<T>) {
    let block = Block::make();
    (Writer(Place { block, at: 0 }), Reader(Place { block, at: 0 }))
}

/// The end where tasks go in.
pub(super) struct Writer<T>(Place<T>);

/// The end where they come out.
pub(super) struct Reader<T>(Place<T>);

impl<T: Copy> Writer<T> {
    /// Puts something in. The reader must not be told of it before.
    ///
    /// # Safety
    ///
    /// The reader exists.
    pub(super) unsafe fn write(&mut self, value: T, spares: &Spares<T>) {
        if self.0.at == SLOTS {
            self.go_on(spares);
        }
        // SAFETY: the reader frees no block before it has read all of its slots.
        let block = unsafe { self.0.block.as_ref() };
        // SAFETY: the reader has not been told of this slot, so the writer alone has it.
        block.slots[self.0.at].with_mut(|slot| unsafe { slot.write(MaybeUninit::new(value)) });
        self.0.at += 1;
        if self.0.at % LINE == 0 {
            self.fetch(self.0.at + AHEAD);
        }
    }

    /// Has the cache fetch the line of a slot.
    #[inline]
    fn fetch(&self, slot: usize) {
        let address = self.0.block.as_ptr().cast_const().wrapping_byte_add(slot * size_of::<T>());
        hint::prefetch_to_write(address.cast());
    }

    /// The block is full.
    #[cold]
    fn go_on(&mut self, spares: &Spares<T>) {
        let next = spares.take();
        // SAFETY: the reader follows the link only once it has been told of what is written behind it.
        let block = unsafe { self.0.block.as_ref() };
        // SAFETY: as above.
        block.next.with_mut(|link| unsafe { *link = next.as_ptr() });
        self.0 = Place { block: next, at: 0 };
        (0..=AHEAD).step_by(LINE).for_each(|slot| self.fetch(slot));
    }
}

impl<T: Copy> Reader<T> {
    /// Takes the oldest.
    ///
    /// # Safety
    ///
    /// The reader was told of one that it has not read, by an access that synchronises with what the writer did.
    pub(super) unsafe fn read(&mut self, spares: &Spares<T>) -> T {
        if self.0.at == SLOTS {
            // SAFETY: there is another one, so the writer has gone on.
            unsafe { self.go_on(spares) };
        }
        // SAFETY: a block is freed by the reader only, once it has gone on.
        let block = unsafe { self.0.block.as_ref() };
        // SAFETY: the writer has filled the slot, and does not come back to it.
        let value = block.slots[self.0.at].with(|slot| unsafe { *slot });
        self.0.at += 1;
        // SAFETY: as above.
        unsafe { value.assume_init() }
    }

    /// Gives the block back and goes on to the next one.
    ///
    /// # Safety
    ///
    /// All of its slots were read, and the writer has gone on.
    #[cold]
    unsafe fn go_on(&mut self, spares: &Spares<T>) {
        // SAFETY: the caller says that the writer has set the link and left the block.
        let next = unsafe { self.0.block.as_ref() }.next.with_mut(|link| {
            // SAFETY: as above.
            unsafe { std::mem::replace(&mut *link, ptr::null_mut()) }
        });
        let Some(next) = NonNull::new(next) else { unreachable!("the writer has gone on") };
        spares.give(std::mem::replace(&mut self.0, Place { block: next, at: 0 }).block);
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        let mut next = self.0.block.as_ptr();
        while !next.is_null() {
            // SAFETY: the blocks from here on came from `Block::make`; the writer is used no more.
            let block = unsafe { Box::from_raw(next) };
            // SAFETY: the block is this function's alone.
            next = block.next.with(|link| unsafe { *link });
        }
    }
}

/// Blocks that the reader is done with. One lock for 255 tasks, at each end.
pub(super) struct Spares<T>(Mutex<Vec<Emptied<T>>>);

struct Emptied<T>(Box<Block<T>>);

// SAFETY: nobody else knows an emptied block, and nothing is in it.
unsafe impl<T> Send for Emptied<T> {}

impl<T> Spares<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self) -> NonNull<Block<T>> {
        let spare = self.0.lock().pop();
        spare.map_or_else(Block::make, |spare| NonNull::from(Box::leak(spare.0)))
    }

    /// Takes a block back that nobody knows any more.
    fn give(&self, block: NonNull<Block<T>>) {
        // SAFETY: every block comes from `Block::make`, and this one is out of the line.
        let block = unsafe { Box::from_raw(block.as_ptr()) };
        let mut kept = self.0.lock();
        if kept.len() < KEEP {
            kept.push(Emptied(block));
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_order_through_many_blocks() {
        let (mut writer, mut reader) = line();
        let spares = Spares::new();
        let (mut written, mut read) = (0, 0);
        for burst in [1, 254, 1, 255, 256, 2000, 20_000, 2] {
            for _ in 0..burst {
                // SAFETY: the reader is there.
                unsafe { writer.write(written, &spares) };
                written += 1;
            }
            for _ in 0..burst {
                // SAFETY: as many were written, on this thread.
                assert_eq!(unsafe { reader.read(&spares) }, read);
                read += 1;
            }
        }
        assert!(spares.0.lock().len() <= KEEP);
    }

    #[test]
    fn what_is_left_goes_with_the_reader() {
        let (mut writer, reader) = line();
        let spares = Spares::new();
        for value in 0..1000 {
            // SAFETY: the reader is there.
            unsafe { writer.write(value, &spares) };
        }
        drop(reader);
    }
}
