//! What streams run over: sockets, pipes, terminals, and layers over these, such as TLS.
//!
//! A [`StreamReader`] has an [`Input`], a [`StreamWriter`] an [`Output`]. Sockets are named in both, so that the
//! common case is a branch that is always taken the same way; everything else is behind [`ReadSide`] and [`WriteSide`].
//!
//! Whoever has a new kind of stream to offer makes the two sides and calls [`streams_over`], or, for one direction alone,
//! `StreamReader::over` or `StreamWriter::over`. See `docs/design/streams.md`.

mod input;
mod name;
mod output;
#[cfg(target_os = "linux")]
mod reset;
mod source;

use heist_reactor::IoSource;

pub(crate) use input::{Input, ReadSide};
pub(crate) use name::ShortName;
pub use name::StreamAddr;
pub(crate) use output::{Output, WriteSide};
pub(crate) use source::{SocketHalf, StreamSocket};

use crate::writer::Ending;
use crate::{StreamReader, StreamWriter};

/// A pair of streams over the two directions of a connection.
///
/// `peer` is who is at the other end, as far as that is known without asking the system; `ending` is dropped when the
/// writer's connection has ended.
pub(crate) fn streams_over(
    input: Input,
    output: Output,
    peer: StreamAddr,
    limit: usize,
    ending: Option<Ending>,
) -> (StreamReader, StreamWriter) {
    (StreamReader::over(input, limit), StreamWriter::over(output, peer, ending))
}

/// As [`streams_over`], over a connected socket.
pub(crate) fn streams_over_socket(
    source: IoSource<StreamSocket>,
    peer: StreamAddr,
    limit: usize,
    ending: Option<Ending>,
) -> (StreamReader, StreamWriter) {
    let (read, writer) = StreamWriter::over_socket(source, peer, ending);
    (StreamReader::over(Input::Socket(read), limit), writer)
}
