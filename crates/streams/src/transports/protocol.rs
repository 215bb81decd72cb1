//! [`Protocol`] and [`BufferedProtocol`]: what is called back.

use std::io;
use std::task::{Context, Poll, ready};

use super::Transport;
use super::call::{Call, Failure, guarded};
use crate::StreamReader;

/// What happens to a connection of bytes, as callbacks; asyncio's `Protocol`. All but [`data_received`](Self::data_received)
/// may be left out.
///
/// `connection_made` comes first, `connection_lost` last, each once. The callbacks of one connection are called one after the
/// other by its task; they must not block. To await something, create a task.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use std::io::{Read, Write};
/// use heist::transports::{Protocol, Transport, connect_accepted_socket};
///
/// struct Upper(Option<Transport>);
///
/// impl Protocol for Upper {
///     fn connection_made(&mut self, transport: Transport) {
///         self.0 = Some(transport);
///     }
///
///     fn data_received(&mut self, data: &[u8]) {
///         self.0.as_ref().unwrap().write(&data.to_ascii_uppercase());
///     }
/// }
///
/// # let (near, mut peer) = std::os::unix::net::UnixStream::pair()?;
/// let (transport, _protocol) = connect_accepted_socket(|| Upper(None), near).await?;
/// peer.write_all(b"hello")?;
/// let mut came = [0; 5];
/// # peer.set_nonblocking(true)?;
/// # while peer.read(&mut came).is_err() {
/// #     heist_scheduler::yield_now().await;
/// # }
/// assert_eq!(&came, b"HELLO");
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
pub trait Protocol: Send + 'static {
    /// The connection is made. Keep `transport` to write to it.
    fn connection_made(&mut self, transport: Transport) {
        drop(transport);
    }

    /// Bytes have come: at least one, and as they come, not as they were written.
    fn data_received(&mut self, data: &[u8]);

    /// The peer will send no more. `true`: go on writing. Otherwise, as when left out, the transport is closed.
    fn eof_received(&mut self) -> bool {
        false
    }

    /// The connection is gone: closed or aborted by this side or ended by the peer (`None`), or by that error.
    fn connection_lost(&mut self, error: Option<io::Error>) {
        drop(error);
    }

    /// More is kept in the transport than its high-water mark: write no more for now. Called after the callback that wrote
    /// too much, before any other; not at all where there is room again by then.
    fn pause_writing(&mut self) {}

    /// No more is kept than the low-water mark: write on. Once for each `pause_writing`, unless the connection is lost.
    fn resume_writing(&mut self) {}
}

/// A [`Protocol`] that is given its bytes in a buffer of its own; asyncio's `BufferedProtocol`. Bytes go from the system
/// straight there when it has room for 1 KiB or more.
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::transports::BufferedProtocol;
///
/// struct Receiver {
///     buffer: Vec<u8>,
///     filled: usize,
/// }
///
/// impl BufferedProtocol for Receiver {
///     fn get_buffer(&mut self) -> &mut [u8] {
///         if self.filled == self.buffer.len() {
///             self.buffer.resize(self.filled * 2 + 4096, 0);
///         }
///         &mut self.buffer[self.filled..]
///     }
///
///     fn buffer_updated(&mut self, nbytes: usize) {
///         self.filled += nbytes;
///     }
/// }
/// ```
pub trait BufferedProtocol: Send + 'static {
    /// The connection is made; as [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: Transport) {
        drop(transport);
    }

    /// Where the next bytes go. Asked for before each attempt to read, also one that then finds nothing. An empty buffer is a
    /// failure of the protocol, which ends the connection. (asyncio's has a size hint, which is always "unknown".)
    fn get_buffer(&mut self) -> &mut [u8];

    /// The first `nbytes` bytes of the buffer have come.
    fn buffer_updated(&mut self, nbytes: usize);

    /// The peer will send no more; as [`Protocol::eof_received`].
    fn eof_received(&mut self) -> bool {
        false
    }

    /// The connection is gone; as [`Protocol::connection_lost`].
    fn connection_lost(&mut self, error: Option<io::Error>) {
        drop(error);
    }

    /// Write no more for now; as [`Protocol::pause_writing`].
    fn pause_writing(&mut self) {}

    /// Write on; as [`Protocol::resume_writing`].
    fn resume_writing(&mut self) {}
}

/// A [`Protocol`] or a [`BufferedProtocol`]: implement one of these. `Kind` says which, and is never written out.
///
/// ```
/// # use heist_streams as heist;
/// use heist::transports::{Protocol, Transport};
///
/// struct Echo(Option<Transport>);
///
/// // This makes it a `StreamProtocol`.
/// impl Protocol for Echo {
///     fn connection_made(&mut self, transport: Transport) {
///         self.0 = Some(transport);
///     }
///
///     fn data_received(&mut self, data: &[u8]) {
///         if let Some(transport) = &self.0 {
///             transport.write(data);
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no protocol",
    note = "implement `Protocol` for it, or `BufferedProtocol`, and not both"
)]
pub trait StreamProtocol<Kind>: Send + 'static {
    /// Calls `connection_made`.
    #[doc(hidden)]
    fn made(&mut self, transport: Transport) -> Result<(), Failure>;

    /// Tells it; the answer is that of `eof_received`.
    #[doc(hidden)]
    fn tell(&mut self, call: Call) -> Result<bool, Failure>;

    /// Reads, and gives it what came: how many bytes that were, and 0 at the end.
    #[doc(hidden)]
    fn poll_take(&mut self, cx: &mut Context<'_>, reader: &mut StreamReader) -> Poll<Result<usize, Failure>>;
}

/// The kind of a [`Protocol`].
#[derive(Debug)]
pub enum Plain {}

/// The kind of a [`BufferedProtocol`].
#[derive(Debug)]
pub enum Buffered {}

/// What the two kinds have in common.
macro_rules! common_callbacks {
    ($trait:ident) => {
        fn made(&mut self, transport: Transport) -> Result<(), Failure> {
            guarded("connection_made", || $trait::connection_made(self, transport))
        }

        fn tell(&mut self, call: Call) -> Result<bool, Failure> {
            match call {
                Call::Ended => return guarded("eof_received", || $trait::eof_received(self)),
                Call::Paused => guarded("pause_writing", || $trait::pause_writing(self)),
                Call::Resumed => guarded("resume_writing", || $trait::resume_writing(self)),
                Call::Lost(error) => guarded("connection_lost", || $trait::connection_lost(self, error)),
            }
            .map(|()| false)
        }
    };
}

impl<P: Protocol> StreamProtocol<Plain> for P {
    common_callbacks!(Protocol);

    fn poll_take(&mut self, cx: &mut Context<'_>, reader: &mut StreamReader) -> Poll<Result<usize, Failure>> {
        ready!(reader.poll_some(cx, usize::MAX)).map_err(Failure::Io)?;
        let n = reader.buffered().len();
        if n > 0 {
            guarded("data_received", || self.data_received(reader.buffered()))?;
            reader.consume(n);
        }
        Poll::Ready(Ok(n))
    }
}

impl<P: BufferedProtocol> StreamProtocol<Buffered> for P {
    common_callbacks!(BufferedProtocol);

    fn poll_take(&mut self, cx: &mut Context<'_>, reader: &mut StreamReader) -> Poll<Result<usize, Failure>> {
        let this = &mut *self;
        let buffer = guarded("get_buffer", move || this.get_buffer())?;
        if buffer.is_empty() {
            let why = "gave an empty buffer: give one with room for at least a byte";
            return Poll::Ready(Err(Failure::Refused("get_buffer", why)));
        }
        let n = ready!(reader.poll_read_into(cx, buffer)).map_err(Failure::Io)?;
        if n > 0 {
            guarded("buffer_updated", || self.buffer_updated(n))?;
        }
        Poll::Ready(Ok(n))
    }
}
