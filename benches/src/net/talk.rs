//! What a client says, and what it takes for an answer.

use super::{MESSAGE, http};

/// What a client says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Talk {
    /// So many messages at a time, each of which comes back.
    Echo(usize),
    /// A request of HTTP/1.1.
    Http,
}

impl Talk {
    /// A request, before it is numbered.
    pub(crate) fn request(self) -> Vec<u8> {
        match self {
            Self::Echo(at_once) => vec![0; MESSAGE * at_once],
            Self::Http => http::REQUEST.to_vec(),
        }
    }

    /// Bytes of an answer.
    pub(crate) fn reply_length(self) -> usize {
        match self {
            Self::Echo(at_once) => MESSAGE * at_once,
            Self::Http => http::PLAIN.len(),
        }
    }

    /// How many messages a request is.
    pub(crate) fn messages(self) -> usize {
        match self {
            Self::Echo(at_once) => at_once,
            Self::Http => 1,
        }
    }

    /// Makes a request unlike every other, where it may be.
    pub(crate) fn number(self, request: &mut [u8], number: u64) {
        if let Self::Echo(_) = self {
            for (i, word) in request.chunks_exact_mut(8).enumerate() {
                word.copy_from_slice(&(number.wrapping_mul(i as u64 + 1)).to_le_bytes());
            }
        }
    }

    /// Whether the reply is the answer to the request.
    pub(crate) fn is_answer(self, request: &[u8], reply: &[u8]) -> bool {
        match self {
            Self::Echo(_) => request == reply,
            Self::Http => http::is_answer(reply),
        }
    }
}
