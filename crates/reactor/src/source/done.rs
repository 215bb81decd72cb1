//! What an operation came to, and what that says about its source.

use heist_core::budget;

use super::IoSafe;
use crate::Direction;
use crate::platform::HANGUP;

/// How many pieces one system call takes of a vectored transfer: Linux' `UIO_MAXIOV`.
const PIECES: usize = 1024;

/// What an operation came to.
pub(super) struct Done<R> {
    value: R,
    /// How many bytes it moved, as far as that is known.
    moved: usize,
    /// Whether it shows that the source is drained, or full, now.
    drained: bool,
}

impl<R> Done<R> {
    /// An operation of which nothing is known but its result.
    pub(super) fn with(value: R) -> Self {
        Self { value, moved: 0, drained: false }
    }

    /// Whether it shows that the source is drained, or full, now.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.drained
    }

    /// The result, once the task is charged for the bytes.
    #[inline]
    pub(super) fn settle(self, direction: Direction) -> R {
        match direction {
            Direction::Read => budget::received(self.moved),
            Direction::Write => budget::sent(self.moved),
        }
        self.value
    }
}

impl Done<usize> {
    /// So many bytes went to or from buffers with that much room. Falling short of it shows that the source of a stream is
    /// drained.
    #[inline]
    pub(super) fn transfer<T: IoSafe>(moved: usize, room: usize) -> Self {
        Self { value: moved, moved, drained: HANGUP && T::IS_BYTE_STREAM && 0 < moved && moved < room }
    }

    /// As `transfer`, with buffers of these lengths. Falling short of what one call takes shows something, not falling short
    /// of all.
    pub(super) fn transfer_of_pieces<T: IoSafe>(moved: usize, lengths: impl Iterator<Item = usize>) -> Self {
        // Others may take the first piece only: that is what `Read` and `Write` do where nothing else is said.
        let (of_call, of_others) = if T::IS_PLAIN_SOCKET { (PIECES, usize::MAX) } else { (usize::MAX, 1) };
        let taken = lengths.take(of_call).filter(|&length| length > 0).take(of_others);
        Self::transfer::<T>(moved, taken.fold(0, usize::saturating_add))
    }
}
