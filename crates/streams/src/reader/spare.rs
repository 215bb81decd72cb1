//! A buffer for the readers of a thread that have none.
//!
//! A reader that waits has given its buffer back. Most reads are short and the next one comes soon, on the same thread: then the
//! buffer goes from reader to reader, and no allocator is asked.

use std::cell::Cell;

use super::buffer::{FIRST_ROOM, Held};

thread_local! {
    /// Empty, and with a capacity of [`FIRST_ROOM`].
    static SPARE: Cell<Option<Box<Held>>> = const { Cell::new(None) };
}

/// An empty buffer with a capacity of [`FIRST_ROOM`].
#[inline]
pub(super) fn take() -> Box<Held> {
    // On a thread that ends there is none.
    let spare = SPARE.try_with(Cell::take).unwrap_or_default();
    spare.unwrap_or_else(|| Held::with_room(FIRST_ROOM))
}

/// Takes a buffer that is not needed now.
#[inline]
pub(super) fn keep(mut buffer: Box<Held>) {
    if buffer.capacity() == FIRST_ROOM {
        buffer.clear();
        // On a thread that ends it is dropped.
        let _ = SPARE.try_with(|spare| spare.set(Some(buffer)));
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn buffer_goes_round() {
        let first = take();
        let address: *const Held = &*first;
        keep(first);
        let second = take();
        assert!(std::ptr::eq(&*second, address));
        assert_eq!(second.capacity(), FIRST_ROOM);
        assert_eq!(take().capacity(), FIRST_ROOM, "a second reader has one of its own");
    }

    #[test]
    fn buffer_of_another_size_is_not_kept() {
        keep(Held::with_room(FIRST_ROOM * 2));
        assert_eq!(take().capacity(), FIRST_ROOM);
    }
}
