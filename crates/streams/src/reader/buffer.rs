//! The buffer of a reader: bytes that have come and that nobody has asked for yet.
//!
//! A connection that is idle has none: it is given back ([`spare`]) when a read finds nothing. One whose peer sends much keeps it
//! meanwhile. It begins at [`FIRST_ROOM`], doubles while reads fill it, up to [`GREEDY`], and grows beyond that only as far as
//! a single request needs. Its room is not initialised before the system fills it.

use std::io;
use std::mem;
use std::task::{Context, Poll};

use super::spare;
use crate::wire::Input;

/// The room that a first read finds, in bytes: most requests, and what allocators hand out and take back at once.
pub(super) const FIRST_ROOM: usize = 1 << 10;
/// From how many bytes a read is a sign of more to come, soon.
const BUSY: usize = 16 << 10;
/// How far the buffer grows only because there is much to read, in bytes.
const GREEDY: u32 = 64 << 10;

#[derive(Default)]
pub(crate) struct Buffer {
    /// What waits is `start..` of it; the room is the capacity that is left.
    bytes: Vec<u8>,
    start: usize,
    /// How much room a read gets that finds the buffer empty, once the peer is busy.
    greed: u32,
    /// The last read filled its room: there is more than that.
    full: bool,
    /// The last read came to [`BUSY`] or more.
    busy: bool,
}

impl Buffer {
    /// A buffer that has `bytes` in it.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Takes in what `input` gives, once, for a request of `wanted` bytes; 0 is the end of the stream.
    #[inline]
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input,
        wanted: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room(wanted);
        let room = self.bytes.capacity() - self.bytes.len();
        let filled = input.poll_read_behind(cx, &mut self.bytes);
        match filled {
            Poll::Ready(Ok(n)) => {
                self.full = n == room;
                self.busy = n >= BUSY;
            }
            Poll::Pending if self.is_empty() && !self.busy => spare::keep(mem::take(&mut self.bytes)),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        filled
    }

    /// Makes sure that there is room behind what is there.
    fn make_room(&mut self, wanted: usize) {
        let capacity = self.bytes.capacity();
        if self.is_empty() {
            self.greed = if self.full { self.greed * 2 } else { self.greed }.clamp(FIRST_ROOM as u32, GREEDY);
            self.start = 0;
            self.bytes.clear();
            // No more than a large request asks for: then what comes is handed out as it is.
            let room = wanted.clamp(FIRST_ROOM, self.greed as usize);
            if capacity == 0 && room == FIRST_ROOM {
                self.bytes = spare::take();
            } else {
                self.bytes.reserve_exact(room);
            }
        } else if self.bytes.len() == capacity {
            if capacity >= FIRST_ROOM && self.start >= capacity / 2 {
                self.bytes.drain(..self.start);
                self.start = 0;
            } else {
                self.bytes.reserve_exact(capacity.max(FIRST_ROOM));
            }
        }
    }

    /// Puts `data` behind what is there.
    pub(super) fn append(&mut self, data: &[u8]) {
        if self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Takes the first `n` bytes out.
    pub(super) fn take(&mut self, n: usize) -> Vec<u8> {
        if self.start == 0 && n == self.bytes.len() && n >= FIRST_ROOM && n >= self.bytes.capacity() / 2 {
            // A large whole moves instead of being copied.
            return mem::take(&mut self.bytes);
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
        self.start += n;
        if self.is_empty() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > GREEDY as usize {
                // One large request is no reason to keep its room.
                self.bytes = Vec::new();
            }
        }
    }
}
