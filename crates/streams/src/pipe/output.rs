//! The writing half of a pipe that is watched: as the wire's own side of a pipe, over a half.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use heist_reactor::Half;

use crate::wire::{StreamAddr, WriteSide};

/// The half that writes. The other half only watches, and goes when this one does: the writer's end tells it.
#[derive(Debug)]
pub(super) struct PipeOutput(Half<File>);

impl PipeOutput {
    pub(super) fn new(half: Half<File>) -> Self {
        Self(half)
    }
}

impl WriteSide for PipeOutput {
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.try_io(|mut end| end.write(data))
    }

    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_io(|mut end| end.write_vectored(pieces))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, data)
    }

    fn shutdown(&mut self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn eof_closes(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Ok(StreamAddr::Unnamed)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.get_ref().as_fd())
    }
}
