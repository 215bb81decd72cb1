//! The buffer of a reader: bytes that have come and that nobody has asked for yet.
//!
//! A connection that is idle has none: it is given back ([`spare`]) when a read finds nothing. One whose peer sends much keeps it
//! meanwhile. It begins at [`FIRST_ROOM`], doubles while reads fill it, up to [`GREEDY`], and grows beyond that only as far as
//! a single request needs. Its room is not initialised before the system fills it.

use std::io;
use std::mem;
use std::task::{Context, Poll};

use super::spare;
use crate::error::Sticky;
use crate::wire::Input;

/// The room that a first read finds, in bytes: most requests, and what allocators hand out and take back at once.
pub(super) const FIRST_ROOM: usize = 1 << 10;
/// From how many bytes a read is a sign of more to come, soon.
const BUSY: usize = 16 << 10;
/// How often the room of a read doubles only because there is much to read, and how far that goes, in bytes.
const MOST_GREED: u8 = 6;
const GREEDY: usize = FIRST_ROOM << MOST_GREED;

/// The buffer of one reader: two words while nothing is held, since each idle connection has one. What the reader itself has
/// to keep beside it lies in the second, too.
#[derive(Default)]
pub(crate) struct Buffer {
    held: Option<Box<Held>>,
    /// How often the room of a read that finds the buffer empty has doubled, because the peer is busy.
    greed: u8,
    /// The last read filled its room: there is more than that.
    full: bool,
    /// The last read came to [`BUSY`] or more.
    busy: bool,
    /// The reader's: nothing comes any more.
    pub(super) eof: bool,
    /// The reader's: how much it keeps while it looks for the end of a line. [`u32::MAX`] is no limit. Half a word, since each
    /// idle connection has one.
    pub(super) limit: u32,
}

/// Bytes that wait, and the room behind them.
#[derive(Default)]
pub(super) struct Held {
    /// What waits is `start..` of it; the room is the capacity that is left.
    bytes: Vec<u8>,
    start: usize,
    /// The reader's: what its reads ended with. Here, since a reader that waits has none, and no word for it either.
    error: Option<Sticky>,
}

impl Held {
    /// Empty, with so much room.
    pub(super) fn with_room(room: usize) -> Box<Self> {
        Box::new(Self { bytes: Vec::with_capacity(room), ..Self::default() })
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.bytes.clear();
    }

    fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Moves what waits to the front.
    fn close_up(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }
}

impl Buffer {
    /// That of a reader, with its limit.
    pub(super) fn with_limit(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// A buffer that has `bytes` in it.
    #[cfg(feature = "tls")]
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let mut buffer = Self::default();
        buffer.replace(bytes);
        buffer
    }

    /// Holds `bytes`, instead of what it held.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        let error = self.held.take().and_then(|held| held.error);
        if !bytes.is_empty() || error.is_some() {
            self.held = Some(Box::new(Held { bytes, start: 0, error }));
        }
    }

    /// What reads ended with.
    #[inline]
    pub(super) fn error(&self) -> Option<&Sticky> {
        self.held.as_ref()?.error.as_ref()
    }

    /// Reads have ended with that.
    #[cold]
    pub(super) fn fail(&mut self, error: &io::Error) {
        self.held.get_or_insert_default().error = Some(Sticky::new(error));
    }

    pub(crate) fn get(&self) -> &[u8] {
        self.held.as_ref().map_or(&[], |held| &held.bytes[held.start..])
    }

    pub(crate) fn len(&self) -> usize {
        self.get().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.is_empty())
    }

    /// Takes in what `input` gives, once, for a request of `wanted` bytes; 0 is the end of the stream.
    #[inline]
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        let held = self.make_room(wanted);
        let room = held.bytes.capacity() - held.bytes.len();
        let filled = input.poll_read_behind(cx, &mut held.bytes);
        match filled {
            Poll::Ready(Ok(n)) => {
                self.full = n == room;
                self.busy = n >= BUSY;
            }
            Poll::Pending if !self.busy && self.is_empty() && self.error().is_none() => {
                self.held.take().into_iter().for_each(spare::keep)
            }
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        filled
    }

    /// Makes sure that there is room behind what is there.
    fn make_room(&mut self, wanted: usize) -> &mut Held {
        if self.is_empty() {
            self.greed = (self.greed + u8::from(self.full)).min(MOST_GREED);
            // No more than a large request asks for: then what comes is handed out as it is.
            let room = wanted.clamp(FIRST_ROOM, FIRST_ROOM << self.greed);
            if self.held.is_none() && room == FIRST_ROOM {
                return self.held.insert(spare::take());
            }
            let held = self.held.get_or_insert_default();
            held.clear();
            held.bytes.reserve_exact(room);
            return held;
        }
        let held = self.held.get_or_insert_default();
        let capacity = held.capacity();
        if held.bytes.len() == capacity {
            if capacity >= FIRST_ROOM && held.start >= capacity / 2 {
                held.close_up();
            } else {
                held.bytes.reserve_exact(capacity.max(FIRST_ROOM));
            }
        }
        held
    }

    /// Puts `data` behind what is there.
    pub(super) fn append(&mut self, data: &[u8]) {
        let held = self.held.get_or_insert_default();
        if held.start >= held.bytes.len() / 2 {
            held.close_up();
        }
        held.bytes.extend_from_slice(data);
    }

    /// Takes the first `n` bytes out.
    pub(super) fn take(&mut self, n: usize) -> Vec<u8> {
        if let Some(held) = &mut self.held {
            let whole = held.start == 0 && n == held.bytes.len();
            if whole && n >= FIRST_ROOM && n >= held.capacity() / 2 {
                // A large whole moves instead of being copied.
                return mem::take(&mut held.bytes);
            }
        }
        let taken = self.get()[..n].to_vec();
        self.consume(n);
        taken
    }

    /// Copies the first bytes out, as far as `into` has room.
    pub(super) fn copy_to(&mut self, into: &mut [u8]) -> usize {
        let n = into.len().min(self.len());
        into[..n].copy_from_slice(&self.get()[..n]);
        self.consume(n);
        n
    }

    /// Throws the first `n` bytes away.
    pub(crate) fn consume(&mut self, n: usize) {
        let Some(held) = &mut self.held else { return };
        held.start += n;
        if held.is_empty() {
            held.clear();
            if held.capacity() > GREEDY {
                // One large request is no reason to keep its room.
                self.replace(Vec::new());
            }
        }
    }
}

#[cfg(all(test, not(heist_loom), target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_two_words() {
        assert_eq!(size_of::<Buffer>(), 16);
    }
}
