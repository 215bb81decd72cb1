//! Memory for cells that live briefly: each thread keeps a few freed blocks for its next cells.
//!
//! A oneshot's cell is made, used once and freed, often within a microsecond. The allocator's part of that is as much as all
//! the rest (136 of some 210 instructions); taking a block off a list of the thread's own, and putting it back, is some 20.
//!
//! A *class* is a size of blocks; each thread has one list a class, of at most [`KEEP`] bytes. A block belongs to nobody in
//! particular: it may be freed on another thread than the one that made it, and stays there. What does not fit into a class,
//! finds its list full, or comes when the thread's lists are gone already (its end), goes to the allocator. A thread that
//! ends frees its lists.

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The sizes of blocks, in bytes. Half of the smallest is a oneshot's state and waker.
const SIZES: [usize; 3] = [32, 64, 128];

/// What the blocks are aligned to, in bytes.
const ALIGN: usize = align_of::<u64>();

/// Bytes that a thread keeps of each class, at most: cells of 2000 tasks that wait for one another.
const KEEP: usize = 64 << 10;

/// A freed block; the rest of it is not used.
struct Free {
    below: *mut Free,
}

/// The freed blocks of one class, the last one first.
struct Stack {
    top: Cell<*mut Free>,
    /// How many more it takes.
    room: Cell<usize>,
}

impl Stack {
    const fn new(class: usize) -> Self {
        Self { top: Cell::new(ptr::null_mut()), room: Cell::new(KEEP / SIZES[class]) }
    }

    #[inline]
    fn pop(&self) -> Option<NonNull<u8>> {
        let top = NonNull::new(self.top.get())?;
        // SAFETY: what is on the stack is a free block, written by `push`, that the stack alone has.
        self.top.set(unsafe { top.as_ref() }.below);
        self.room.set(self.room.get() + 1);
        Some(top.cast())
    }

    /// Takes a block; `false` where there are enough.
    ///
    /// # Safety
    ///
    /// The block is of this stack's class, and the caller's.
    #[inline]
    unsafe fn push(&self, block: NonNull<u8>) -> bool {
        let Some(room) = self.room.get().checked_sub(1) else { return false };
        let free = block.cast::<Free>();
        // SAFETY: the caller's block, which is large enough and aligned as all of them are.
        unsafe { free.write(Free { below: self.top.get() }) };
        self.top.set(free.as_ptr());
        self.room.set(room);
        true
    }
}

struct Kept([Stack; SIZES.len()]);

impl Drop for Kept {
    fn drop(&mut self) {
        for (stack, &size) in self.0.iter().zip(&SIZES) {
            while let Some(block) = stack.pop() {
                // SAFETY: a free block of this class, made with this layout.
                unsafe { alloc::dealloc(block.as_ptr(), block_of(size)) };
            }
        }
    }
}

thread_local! {
    static KEPT: Kept = const { Kept([Stack::new(0), Stack::new(1), Stack::new(2)]) };
}

/// The layout of blocks of `size` bytes.
const fn block_of(size: usize) -> Layout {
    match Layout::from_size_align(size, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("every size of SIZES is a valid one"),
    }
}

/// Where a value of type `T` is put.
struct Home<T>(std::marker::PhantomData<T>);

impl<T> Home<T> {
    /// Its class. A model's cells go to the allocator: loom runs all threads on one.
    const CLASS: Option<usize> = {
        let (size, mut class) = (size_of::<T>(), 0);
        while class < SIZES.len() && SIZES[class] < size {
            class += 1;
        }
        let fits = class < SIZES.len() && size > 0 && align_of::<T>() <= ALIGN;
        if fits && !cfg!(heist_loom) { Some(class) } else { None }
    };
}

/// As `Box::leak(Box::new(value))`.
#[inline]
pub(crate) fn put<T>(value: T) -> NonNull<T> {
    let Some(class) = Home::<T>::CLASS else { return NonNull::from(Box::leak(Box::new(value))) };
    let kept = KEPT.try_with(|kept| kept.0[class].pop()).ok().flatten();
    let block = kept.unwrap_or_else(|| allocate(class)).cast::<T>();
    // SAFETY: a block of the class is large enough for the value and aligned for it, and nobody else has this one.
    unsafe { block.write(value) };
    block
}

#[cold]
#[inline(never)]
fn allocate(class: usize) -> NonNull<u8> {
    let layout = block_of(SIZES[class]);
    // SAFETY: the layout's size is not zero.
    let block = unsafe { alloc::alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}

/// Takes the value out, and frees its block: as `*Box::from_raw(place)`.
///
/// # Safety
///
/// `place` comes from [`put`], and nobody uses it any more.
#[inline]
pub(crate) unsafe fn take<T>(place: NonNull<T>) -> T {
    let Some(class) = Home::<T>::CLASS else {
        // SAFETY: without a class it was put into a box.
        return *unsafe { Box::from_raw(place.as_ptr()) };
    };
    // SAFETY: the caller's word: the value is there, and this is the last that is done with it.
    let value = unsafe { place.read() };
    let block = place.cast::<u8>();
    // SAFETY: `put` took a block of this class, and it is the caller's.
    let kept = KEPT.try_with(|kept| unsafe { kept.0[class].push(block) }).unwrap_or(false);
    if !kept {
        // SAFETY: as above; it is in no stack.
        unsafe { free(block, class) };
    }
    value
}

/// # Safety
///
/// The block is of this class, and nobody uses it any more.
#[cold]
#[inline(never)]
unsafe fn free(block: NonNull<u8>, class: usize) {
    // SAFETY: the caller's word: it was allocated with the layout of its class.
    unsafe { alloc::dealloc(block.as_ptr(), block_of(SIZES[class])) };
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn kept(class: usize) -> usize {
        KEPT.with(|kept| KEEP / SIZES[class] - kept.0[class].room.get())
    }

    /// On a thread whose lists are empty.
    fn on_a_new_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn values_go_to_the_smallest_class_that_holds_them() {
        assert_eq!(Home::<u8>::CLASS, Some(0));
        assert_eq!(Home::<[u64; 4]>::CLASS, Some(0));
        assert_eq!(Home::<[u64; 5]>::CLASS, Some(1));
        assert_eq!(Home::<[u64; 16]>::CLASS, Some(2));
        assert_eq!(Home::<[u64; 17]>::CLASS, None, "too large");
        assert_eq!(Home::<()>::CLASS, None, "nothing to keep");
        #[repr(align(32))]
        struct Wide(#[allow(dead_code, reason = "it is there to be aligned")] u8);
        assert_eq!(Home::<Wide>::CLASS, None, "blocks are not aligned for it");
    }

    #[test]
    fn a_freed_block_is_the_next_one() {
        on_a_new_thread(|| {
            let first = put([1u64; 4]);
            // SAFETY: put above, taken once.
            assert_eq!(unsafe { take(first) }, [1; 4]);
            assert_eq!(kept(0), 1);
            let second = put([2u64; 4]);
            assert_eq!((second, kept(0)), (first, 0));
            // SAFETY: put above, taken once.
            assert_eq!(unsafe { take(second) }, [2; 4]);
        });
    }

    #[test]
    fn a_thread_keeps_no_more_than_its_bound() {
        on_a_new_thread(|| {
            let bound = KEEP / size_of::<[u64; 8]>();
            let many: Vec<_> = (0..2 * bound as u64).map(|number| put([number; 8])).collect();
            for (place, number) in many.into_iter().zip(0..) {
                // SAFETY: put above, taken once.
                assert_eq!(unsafe { take(place) }, [number; 8]);
            }
            assert_eq!(kept(1), bound);
        });
    }

    #[test]
    fn a_block_stays_where_it_is_freed() {
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            for (place, number) in receive.iter().zip(0u64..) {
                let place = NonNull::<u64>::new(std::ptr::with_exposed_provenance_mut(place)).unwrap();
                // SAFETY: put by the other side, which has no more to do with it.
                assert_eq!(unsafe { take(place) }, number);
            }
            kept(0)
        });
        let before = kept(0);
        for number in 0..5u64 {
            send.send(put(number).as_ptr().expose_provenance()).unwrap();
        }
        drop(send);
        assert_eq!((thread.join().unwrap(), kept(0)), (5, before.saturating_sub(5)));
    }

    #[test]
    fn a_thread_that_has_lost_its_lists_uses_the_allocator() {
        /// Puts and takes a value when its thread ends, after or before the lists have gone.
        struct AtTheEnd(mpsc::Sender<u64>);
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                // SAFETY: put here, taken once.
                let _ = self.0.send(unsafe { take(put(7u64)) });
            }
        }
        thread_local! {
            static BEFORE: Cell<Option<AtTheEnd>> = const { Cell::new(None) };
            static AFTER: Cell<Option<AtTheEnd>> = const { Cell::new(None) };
        }
        let (send, receive) = mpsc::channel();
        on_a_new_thread(move || {
            BEFORE.set(Some(AtTheEnd(send.clone())));
            // SAFETY: put here, taken once.
            unsafe { take(put(1u64)) };
            AFTER.set(Some(AtTheEnd(send)));
        });
        assert_eq!(receive.iter().collect::<Vec<_>>(), [7, 7]);
    }
}
