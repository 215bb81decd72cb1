//! The buffer of a reader: bytes that have come and that nobody has asked for yet.
//!
//! A connection that is idle has no buffer: while nothing is buffered, a read goes into a page on the stack, and only what
//! is left after the request is kept. A peer that sends much gets a real one, which begins at [`FIRST_ROOM`], doubles while
//! reads fill it, up to [`GREEDY`], and grows beyond that only as far as a single request needs. It goes when a read finds
//! nothing and the last one came to less than a page.

use std::task::Poll;
use std::{io, mem};

/// The room that a first read finds, in bytes: most requests, and one page.
pub(super) const FIRST_ROOM: usize = 4 << 10;
/// How far the buffer grows only because there is much to read, in bytes.
const GREEDY: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Buffer {
    /// All of it is initialised; the bytes that wait are `start..end`.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled its room: there is more than that.
    full: bool,
    /// The last read came to more than a page could take.
    busy: bool,
}

impl Buffer {
    /// A buffer that has `bytes` in it.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), bytes, ..Self::default() }
    }

    pub(super) fn get(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes in what `read` gives, once; 0 is the end of the stream.
    #[inline]
    pub(super) fn poll_fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.is_empty() && !self.full && !self.busy {
            return self.poll_fill_by_the_stack(read);
        }
        self.make_room();
        let room = self.bytes.len() - self.end;
        let filled = read(&mut self.bytes[self.end..]);
        match filled {
            Poll::Ready(Ok(n)) => {
                self.end += n;
                self.full = n == room;
                self.busy = n >= FIRST_ROOM;
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.is_empty() && !self.busy => self.bytes = Vec::new(),
            Poll::Pending => {}
        }
        filled
    }

    fn poll_fill_by_the_stack(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut page = [0; FIRST_ROOM];
        let filled = read(&mut page);
        match filled {
            Poll::Ready(Ok(n)) => {
                (self.start, self.end) = (0, n);
                if self.bytes.len() < n {
                    self.bytes = page[..n].to_vec();
                } else {
                    self.bytes[..n].copy_from_slice(&page[..n]);
                }
                self.full = n == FIRST_ROOM;
                self.busy = self.full;
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.bytes = Vec::new(),
        }
        filled
    }

    /// Makes sure that there is room behind `end`.
    fn make_room(&mut self) {
        let len = self.bytes.len();
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            let wanted = if self.full && len < GREEDY { len * 2 } else { len };
            self.resize(wanted.max(FIRST_ROOM));
            self.full = false;
        } else if self.end == len {
            if len >= FIRST_ROOM && self.start >= len / 2 {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.resize((len * 2).max(FIRST_ROOM));
            }
        }
    }

    fn resize(&mut self, len: usize) {
        if self.is_empty() && len > self.bytes.capacity() {
            // Nothing to carry over, and the system may have zeroed pages.
            self.bytes = vec![0; len];
        } else {
            self.bytes.resize(len, 0);
        }
    }

    /// Puts `data` behind what is there.
    pub(super) fn append(&mut self, data: &[u8]) {
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(data);
        self.end = self.bytes.len();
    }

    /// Takes the first `n` bytes out.
    pub(super) fn take(&mut self, n: usize) -> Vec<u8> {
        if self.start == 0 && n == self.end && (n > GREEDY || n == self.bytes.len()) {
            // A whole moves instead of being copied.
            let mut taken = mem::take(&mut self.bytes);
            taken.truncate(n);
            self.end = 0;
            return taken;
        }
        let taken = self.bytes[self.start..self.start + n].to_vec();
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
    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > GREEDY {
                // One large request is no reason to keep its room.
                self.bytes = Vec::new();
            }
        }
    }
}
