//! What our types can do, in the words that the other files of this directory translate.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::{AsIo, PollFill, PollRead, PollWrite, StreamPair};
use crate::{StreamReader, StreamWriter, fs};

impl PollRead for StreamReader {
    fn poll_read_into(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read_into(self, cx, into)
    }
}

impl PollFill for StreamReader {
    fn poll_buffered(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<&[u8]>> {
        ready!(self.poll_some(cx, wanted))?;
        Poll::Ready(Ok(self.buffered()))
    }

    fn take_buffered(&mut self, n: usize) {
        self.consume(n);
    }
}

impl PollWrite for StreamWriter {
    const VECTORED: bool = true;

    fn poll_write_pieces(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_write(cx, pieces)
    }

    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(cx)
    }
}

/// One value that reads as a part of it does.
macro_rules! reads_as {
    ($type:ty, $this:ident => $part:expr) => {
        impl PollRead for $type {
            fn poll_read_into(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
                let $this = self;
                PollRead::poll_read_into($part, cx, into)
            }
        }

        impl PollFill for $type {
            fn poll_buffered(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<&[u8]>> {
                let $this = self;
                PollFill::poll_buffered($part, cx, wanted)
            }

            fn take_buffered(&mut self, n: usize) {
                let $this = self;
                PollFill::take_buffered($part, n);
            }
        }
    };
}

/// One value that writes as a part of it does.
macro_rules! writes_as {
    ($type:ty, $this:ident => $part:expr) => {
        impl PollWrite for $type {
            const VECTORED: bool = true;

            fn poll_write_pieces(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                PollWrite::poll_write_pieces($part, cx, pieces)
            }

            fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                PollWrite::poll_flush_all($part, cx)
            }

            fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                PollWrite::poll_end($part, cx)
            }
        }
    };
}

reads_as!(StreamPair, this => &mut this.reader);
reads_as!(AsIo<'_, StreamReader>, this => &mut *this.0);
writes_as!(StreamPair, this => &mut this.writer);
writes_as!(AsIo<'_, StreamWriter>, this => &mut *this.0);

impl PollRead for fs::File {
    fn poll_read_into(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, into)
    }
}

/// The error of a write is that of the next operation; flushing and ending wait for it.
impl PollWrite for fs::File {
    const VECTORED: bool = false;

    fn poll_write_pieces(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let first = pieces.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, first.map_or(&[], |piece| &piece[..]))
    }

    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Says what a connection and its halves can do, beside their definitions: their fields are private. They keep nothing, so
/// there is nothing to flush.
macro_rules! poll_socket {
    ($stream:ty, $read_half:ty, $write_half:ty) => {
        $crate::compat::poll_socket!(read $stream, this => this.source);
        $crate::compat::poll_socket!(read $read_half, this => this.half);
        $crate::compat::poll_socket!(
            write $stream,
            this => this.source,
            this.shutdown(std::net::Shutdown::Write)
        );
        $crate::compat::poll_socket!(write $write_half, this => this.half()?, this.shutdown());
    };
    (read $type:ty, $this:ident => $source:expr) => {
        impl $crate::compat::PollRead for $type {
            fn poll_read_into(
                &mut self,
                cx: &mut Context<'_>,
                into: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $source.poll_read(cx, into)
            }

            fn poll_read_into_all(
                &mut self,
                cx: &mut Context<'_>,
                into: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $source.poll_read_vectored(cx, into)
            }
        }
    };
    (write $type:ty, $this:ident => $source:expr, $end:expr) => {
        impl $crate::compat::PollWrite for $type {
            const VECTORED: bool = true;

            fn poll_write_pieces(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                match pieces {
                    [piece] => $source.poll_write(cx, piece),
                    pieces => $source.poll_write_vectored(cx, pieces),
                }
            }

            fn poll_flush_all(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_end(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                Poll::Ready($end)
            }
        }
    };
}

pub(crate) use poll_socket;
