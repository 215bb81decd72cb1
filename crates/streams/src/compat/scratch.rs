//! A buffer of each thread's own, for reads whose bytes are copied on at once.

use std::cell::Cell;

/// Its length in bytes: as much as a socket gives in one read, mostly.
const LENGTH: usize = 64 << 10;

thread_local! {
    /// Empty before the first use, and while it is in use.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with at most `room` bytes of the buffer, whose content means nothing. It is filled with zeros once a thread, and
/// not once a read.
pub(super) fn with<R>(room: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
    // On a thread that ends, and inside of another `with`, there is none.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.resize(LENGTH, 0);
    let result = f(&mut scratch[..room.min(LENGTH)]);
    let _ = SCRATCH.try_with(|kept| kept.set(scratch));
    result
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_stays_with_its_thread() {
        let address = with(10, |room| {
            assert_eq!(room.len(), 10);
            room.as_ptr()
        });
        with(usize::MAX, |room| {
            assert_eq!((room.as_ptr(), room.len()), (address, LENGTH));
            with(1, |inner| assert_ne!(inner.as_ptr(), address, "two in use at once are two"));
        });
    }
}
