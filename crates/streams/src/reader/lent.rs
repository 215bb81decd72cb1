//! The input of a reader whose own is lent, and was not given back.

use std::io;
use std::task::{Context, Poll};

use crate::wire::ReadSide;

#[derive(Debug)]
pub(super) struct Lent;

impl ReadSide for Lent {
    fn poll_read(&mut self, _cx: &mut Context<'_>, _buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let message = "the connection was closed when the start of TLS failed, or was given up";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, message)))
    }
}
