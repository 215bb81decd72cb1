//! A buffer for the readers of a thread that have none.
//!
//! A reader that waits has given its buffer back. Most reads are short and the next one comes soon, on the same thread: then the
//! buffer goes from reader to reader, and no allocator is asked.

use std::cell::Cell;

use super::buffer::FIRST_ROOM;

thread_local! {
    /// Empty, and with a capacity of [`FIRST_ROOM`] or none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer with a capacity of [`FIRST_ROOM`].
#[inline]
pub(super) fn take() -> Vec<u8> {
    // On a thread that ends there is none.
    let spare = SPARE.try_with(Cell::take).unwrap_or_default();
    if spare.capacity() == 0 { Vec::with_capacity(FIRST_ROOM) } else { spare }
}

/// Takes a buffer that is not needed now.
#[inline]
pub(super) fn keep(mut buffer: Vec<u8>) {
    if buffer.capacity() == FIRST_ROOM {
        buffer.clear();
        // On a thread that ends it is dropped.
        let _ = SPARE.try_with(|spare| spare.set(buffer));
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn buffer_goes_round() {
        let mut first = take();
        first.extend_from_slice(b"left over");
        let address = first.as_ptr();
        keep(first);
        let second = take();
        assert!(second.is_empty());
        assert_eq!((second.as_ptr(), second.capacity()), (address, FIRST_ROOM));
        assert_eq!(take().capacity(), FIRST_ROOM, "a second reader has one of its own");
    }

    #[test]
    fn buffer_of_another_size_is_not_kept() {
        keep(Vec::with_capacity(FIRST_ROOM * 2));
        assert_eq!(take().capacity(), FIRST_ROOM);
    }
}
