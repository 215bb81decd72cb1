//! What a writer was given and the system has not taken yet.

/// Bytes in the order of their writes.
#[derive(Default)]
pub(super) struct Kept {
    /// What is kept is `sent..` of it.
    bytes: Vec<u8>,
    sent: usize,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < data.len() {
            // Room is made by what has gone, before more is asked for.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Takes what is left of `data` behind its first `sent` bytes, without a copy where nothing else is kept.
    pub(super) fn push_owned(&mut self, data: Vec<u8>, sent: usize) {
        if self.is_empty() {
            (self.bytes, self.sent) = (data, sent);
        } else {
            self.push(&data[sent..]);
        }
    }

    /// The first `n` bytes have been sent.
    pub(super) fn advance(&mut self, n: usize) {
        self.sent += n;
    }

    /// Forgets everything, and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
