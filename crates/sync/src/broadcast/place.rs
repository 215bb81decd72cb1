//! Where a receiver is.

use super::slot::{Block, Slot};

pub(super) struct Place<T> {
    /// The position of the value that it sees next.
    pub position: u64,
    /// The block of that position, once there is one and it has been looked up.
    block: Option<Block<T>>,
    /// Values that it has missed and has not been told of.
    missed: u64,
}

impl<T> Place<T> {
    pub fn at(position: u64) -> Self {
        Self { position, block: None, missed: 0 }
    }

    /// The slot of its position, where it knows it.
    #[inline]
    pub fn slot(&self) -> Option<&Slot<T>> {
        let block = self.block.as_ref()?;
        // The rest of the position fits.
        block.get(self.position as usize & (block.len() - 1))
    }

    /// Goes on to the next position. What comes back is not to be dropped before all else is done: values may go with it.
    #[inline]
    pub fn step(&mut self) -> Option<Block<T>> {
        self.position += 1;
        let block = self.block.as_ref()?;
        // The rest of the position fits.
        if self.position as usize & (block.len() - 1) == 0 { self.block.take() } else { None }
    }

    /// Misses what is before `oldest`. What comes back is to be dropped with no lock held: values may go with it.
    pub fn skip_to(&mut self, oldest: u64) -> Option<Block<T>> {
        self.missed += oldest - self.position;
        self.position = oldest;
        self.block.take()
    }

    /// How many it has missed since it was asked last.
    pub fn tell_missed(&mut self) -> Option<u64> {
        let missed = std::mem::take(&mut self.missed);
        (missed > 0).then_some(missed)
    }

    /// Gives it the block of its position, if it has none.
    pub fn enter(&mut self, block_of: impl FnOnce(u64) -> Option<Block<T>>) {
        if self.block.is_none() {
            self.block = block_of(self.position);
        }
    }
}
