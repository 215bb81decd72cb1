//! What a writer was given and the system has not taken yet.

use std::collections::VecDeque;

/// The least and the most room, in bytes, that a piece made for short writes has: in between it is as much as is kept before it, so
/// that many short writes are few pieces, and one that is kept alone holds no memory to speak of.
const ROOM: (usize, usize) = (1 << 10, 64 << 10);

/// Bytes in the order of their writes, in pieces: what the writer was given to keep is one as it is, and no piece is ever moved
/// to make room in it. One word where nothing was ever kept.
#[derive(Default)]
pub(super) struct Kept(Option<Box<Pieces>>);

#[derive(Default)]
struct Pieces {
    /// Used up only where nothing is kept at all.
    first: Piece,
    behind: VecDeque<Piece>,
    len: usize,
}

/// What is kept is `sent..` of it.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |pieces| pieces.len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that are next, as far as they lie in one piece.
    pub(super) fn next(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |pieces| pieces.next())
    }

    /// Copies `data` behind what is there.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.0.get_or_insert_default().push(data);
    }

    /// Takes what is left of `data` behind its first `sent` bytes, without a copy.
    pub(super) fn push_owned(&mut self, data: Vec<u8>, sent: usize) {
        self.0.get_or_insert_default().push_owned(data, sent);
    }

    /// The first `n` bytes of [`next`](Self::next) have been sent.
    pub(super) fn advance(&mut self, n: usize) {
        if let Some(pieces) = &mut self.0 {
            pieces.advance(n);
        }
    }
}

impl Pieces {
    fn next(&self) -> &[u8] {
        &self.first.bytes[self.first.sent..]
    }

    fn push(&mut self, data: &[u8]) {
        let last = &mut self.behind.back_mut().unwrap_or(&mut self.first).bytes;
        let (here, rest) = data.split_at(data.len().min(last.capacity() - last.len()));
        last.extend_from_slice(here);
        self.len += here.len();
        if !rest.is_empty() {
            let mut piece = Vec::with_capacity(self.len.clamp(ROOM.0, ROOM.1).max(rest.len()));
            piece.extend_from_slice(rest);
            self.push_owned(piece, 0);
        }
    }

    fn push_owned(&mut self, data: Vec<u8>, sent: usize) {
        let piece = Piece { bytes: data, sent };
        let len = piece.bytes.len() - sent;
        if self.len == 0 {
            self.first = piece;
        } else {
            self.behind.push_back(piece);
        }
        self.len += len;
    }

    fn advance(&mut self, n: usize) {
        self.first.sent += n;
        self.len -= n;
        if self.next().is_empty() {
            self.first = self.behind.pop_front().unwrap_or_default();
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    /// Writes of all sizes, copied and owned, sent in parts of all sizes.
    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let (mut kept, mut came, mut left) = (Kept::default(), Vec::new(), Vec::new());
        for round in 0..500_usize {
            let data: Vec<u8> = (0..round * 37 % 3000).map(|at| (at + round) as u8).collect();
            if round % 3 == 0 && !data.is_empty() {
                let sent = round % data.len();
                came.extend_from_slice(&data[sent..]);
                kept.push_owned(data, sent);
            } else {
                came.extend_from_slice(&data);
                kept.push(&data);
            }
            for _ in 0..round % 4 {
                let n = kept.next().len().min(round * 53 % 4000);
                left.extend_from_slice(&kept.next()[..n]);
                kept.advance(n);
            }
            assert_eq!(kept.len(), came.len() - left.len());
            assert_eq!(kept.is_empty(), kept.next().is_empty());
        }
        while !kept.is_empty() {
            left.extend_from_slice(kept.next());
            kept.advance(kept.next().len());
        }
        assert!(left == came);
    }

    #[test]
    fn short_writes_share_a_piece_and_one_alone_is_small() {
        let mut kept = Kept::default();
        kept.push(b"alone");
        let pieces =
            |kept: &Kept| kept.0.as_ref().map(|pieces| (pieces.first.bytes.capacity(), pieces.behind.len()));
        assert_eq!(pieces(&kept), Some((ROOM.0, 0)));
        for _ in 0..100_000 {
            kept.push(b"0123456789");
        }
        assert!(
            pieces(&kept).is_some_and(|(_, behind)| behind < 40),
            "{:?} pieces for a million bytes",
            pieces(&kept)
        );
    }
}
