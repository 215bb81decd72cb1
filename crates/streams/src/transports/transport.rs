//! [`Transport`]: the program's handle of a connection that is driven by callbacks.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::Waker;

use heist_core::services;
use heist_core::sync::atomic::{AtomicU32, Ordering};
use heist_core::sync::{Mutex, mutant};
use heist_scheduler::Handle;
use heist_sync::Lock;

use super::ProtocolHandle;
use super::driver::{Session, session_of};
#[cfg(any(feature = "tls", all(test, heist_loom)))]
use super::lending::Lending;
use super::protocol::StreamProtocol;
#[cfg(any(feature = "tls", all(test, heist_loom)))]
use crate::StreamReader;
#[cfg(unix)]
use crate::TransportSocket;
use crate::ready::OwnedSocket;
use crate::writer::{HIGH_WATER, check_marks};
use crate::{StreamAddr, StreamWriter};

/// From which write in vain on there is a warning; asyncio's `LOG_THRESHOLD_FOR_CONNLOST_WRITES`.
pub(super) const PATIENCE: u32 = 5;

/// A connection whose events go to a protocol; asyncio's `Transport`, and its `ReadTransport` and `WriteTransport` for what
/// has one direction only. Clones are the same transport.
///
/// No method waits, and each may be called from anywhere: from callbacks, tasks, other threads. What is written is sent at
/// once as far as the system takes it, and the rest by the loop. Dropping the handles changes nothing: the connection is
/// open until one side ends it.
///
/// ```
/// # use std::io::{Read, Write};
/// # use heist_streams::transports::{Protocol, connect_accepted_socket};
/// # struct Quiet;
/// # impl Protocol for Quiet {
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut peer, address) = listener.accept()?;
/// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
/// transport.write(b"hello");
/// let mut came = [0; 5];
/// peer.read_exact(&mut came)?;
/// assert_eq!(&came, b"hello");
/// transport.close();
/// assert!(transport.is_closing());
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
#[derive(Clone)]
pub struct Transport {
    core: Arc<Core>,
}

struct Core {
    writer: StreamWriter,
    /// The loop that sends what is kept: who writes may be on another one, or on none.
    home: Option<Handle>,
    /// Writes since nothing is taken any more. Bookkeeping.
    in_vain: AtomicU32,
    control: Mutex<Control>,
}

/// What the connection's task is to do.
struct Control {
    reading: bool,
    /// The task's.
    waker: Option<Waker>,
    /// Who is to be called from now on.
    next: Option<Box<dyn Session>>,
    /// A `Lock<P>`. Weak, since protocols hold transports.
    protocol: Weak<dyn Any + Send + Sync>,
    /// The task has ended: nobody will be called any more.
    over: bool,
    /// Where the reader is, while somebody else wants it.
    #[cfg(any(feature = "tls", all(test, heist_loom)))]
    reader: Lending,
}

/// What the connection's task finds out at each turn.
pub(super) struct Wanted {
    pub(super) reading: bool,
    pub(super) next: Option<Box<dyn Session>>,
}

impl Transport {
    /// The loop of the connection.
    #[cfg(unix)]
    pub(crate) fn home(&self) -> Option<&Handle> {
        self.core.home.as_ref()
    }

    /// A transport that writes to `writer`, of the loop that this thread runs.
    pub(super) fn new(writer: StreamWriter) -> Self {
        let control = Control {
            reading: true,
            waker: None,
            next: None,
            protocol: Weak::<Lock<()>>::new() as Weak<_>,
            over: false,
            #[cfg(any(feature = "tls", all(test, heist_loom)))]
            reader: Lending::default(),
        };
        let (in_vain, control) = (AtomicU32::new(0), Mutex::new(control));
        Self { core: Arc::new(Core { writer, home: Handle::current(), in_vain, control }) }
    }

    pub(crate) fn writer(&self) -> &StreamWriter {
        &self.core.writer
    }

    /// The task's turn begins: what it is to do, and whom to wake when that changes.
    pub(super) fn attend(&self, waker: &Waker) -> Wanted {
        let mut control = self.core.control.lock();
        let known = control.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        let old = if known { None } else { control.waker.replace(waker.clone()) };
        let wanted = Wanted { reading: control.reading, next: control.next.take() };
        drop(control);
        drop(old);
        wanted
    }

    /// The task ends: nothing of it or of a protocol is kept here, since handles may stay.
    pub(super) fn leave(&self) {
        let mut control = self.core.control.lock();
        control.over = true;
        let left = (control.waker.take(), control.next.take());
        #[cfg(any(feature = "tls", all(test, heist_loom)))]
        let reader = std::mem::take(&mut control.reader);
        drop(control);
        drop(left);
        #[cfg(any(feature = "tls", all(test, heist_loom)))]
        reader.wake();
    }

    /// Where the reader is while somebody else wants it, and whether the task has ended; `change` changes that, and the task is
    /// woken to look.
    #[cfg(any(feature = "tls", all(test, heist_loom)))]
    pub(super) fn with_lending<R>(&self, change: impl FnOnce(&mut Lending, bool) -> R) -> R {
        let mut control = self.core.control.lock();
        let over = control.over;
        let result = change(&mut control.reader, over);
        let waker = if mutant("streams-lending-wakes") { None } else { control.waker.take() };
        drop(control);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// The task's turn: takes part in lending `reader`.
    #[cfg(any(feature = "tls", all(test, heist_loom)))]
    pub(super) fn lend_reader(&self, reader: &mut Option<StreamReader>) {
        let waker = self.core.control.lock().reader.turn(reader);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Who is called, for [`get_protocol`](Self::get_protocol).
    pub(super) fn introduce<P: Send + 'static>(&self, lock: &Arc<Lock<P>>) {
        let weak = Arc::downgrade(lock);
        self.core.control.lock().protocol = weak;
    }

    /// Writes `data`: what the system takes at once is sent, the rest is kept and sent as room comes; asyncio's `write`.
    /// Nothing at all is nothing to do.
    ///
    /// After [`close`](Self::close), [`write_eof`](Self::write_eof) or the loss of the connection the data is thrown away; a
    /// program that goes on so is warned from the fifth time on. A write after `write_eof` is an error that
    /// `connection_lost` gets.
    ///
    /// Where nothing is kept: one system call, two atomic read-modify-writes, no allocation.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.write(b"ping\n");
    /// let mut came = [0; 5];
    /// peer.read_exact(&mut came)?;
    /// assert_eq!(&came, b"ping\n");
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn write(&self, data: &[u8]) {
        if !data.is_empty() && !self.core.writer.offer(self.core.home.as_ref(), data) {
            self.wrote_in_vain();
        }
    }

    /// Writes several pieces, one after the other, in one system call where possible; asyncio's `writelines`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.writelines(["Host: ", "example.org", "\r\n"]);
    /// let mut came = [0; 19];
    /// peer.read_exact(&mut came)?;
    /// assert_eq!(&came, b"Host: example.org\r\n");
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn writelines<I>(&self, pieces: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let pieces: Vec<I::Item> = pieces.into_iter().collect();
        if !self.core.writer.offer_pieces(self.core.home.as_ref(), &pieces) {
            self.wrote_in_vain();
        }
    }

    #[cold]
    fn wrote_in_vain(&self) {
        let before = self.core.in_vain.fetch_add(1, Ordering::Relaxed);
        if before + 1 < PATIENCE {
            return;
        }
        if let Some(services) = services::current() {
            let peer = self.peer_name();
            services.warn(&format_args!(
                "{} writes to a transport that takes no more (peer: {peer}): stop at connection_lost, or ask is_closing",
                before + 1
            ));
        }
    }

    /// Ends the stream for the peer after all that was written; reading goes on. asyncio's `write_eof`. Again, or after
    /// [`close`](Self::close), it does nothing.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.write(b"all");
    /// transport.write_eof();
    /// let mut came = String::new();
    /// peer.read_to_string(&mut came)?;
    /// assert_eq!(came, "all");
    /// assert!(!transport.is_closing());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn write_eof(&self) {
        self.core.writer.write_eof();
    }

    /// Whether [`write_eof`](Self::write_eof) works on this kind of connection; asyncio's `can_write_eof`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert!(transport.can_write_eof(), "TCP has two directions that end apart");
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn can_write_eof(&self) -> bool {
        self.core.writer.can_write_eof()
    }

    /// Closes the connection after all that was written has been sent; asyncio's `close`. Nothing is read any more. Then the
    /// protocol is told that the connection is lost, without an error.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.close();
    /// transport.write(b"too late");
    /// assert!(transport.is_closing());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn close(&self) {
        self.core.writer.close();
    }

    /// Closes the connection at once, and throws away what has not been sent; asyncio's `abort`. The protocol is told as
    /// by [`close`](Self::close).
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.abort();
    /// assert!(transport.is_closing());
    /// assert_eq!(transport.get_write_buffer_size(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn abort(&self) {
        self.core.writer.abort();
    }

    /// Whether the connection is closed or about to be; asyncio's `is_closing`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert!(!transport.is_closing());
    /// transport.close();
    /// assert!(transport.is_closing());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn is_closing(&self) -> bool {
        self.core.writer.is_closing()
    }

    /// Reads no more until [`resume_reading`](Self::resume_reading); asyncio's `pause_reading`. From `connection_made`, nothing is
    /// read before it is resumed. From a callback, the next one that brings bytes comes after it is resumed; from elsewhere,
    /// one may just be under way.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.pause_reading();
    /// assert!(!transport.is_reading());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn pause_reading(&self) {
        self.core.control.lock().reading = false;
    }

    /// Reads on; asyncio's `resume_reading`. Does nothing where reading was not paused, and on a closed transport.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.pause_reading();
    /// transport.resume_reading();
    /// assert!(transport.is_reading());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn resume_reading(&self) {
        let mut control = self.core.control.lock();
        let paused = !std::mem::replace(&mut control.reading, true);
        let wakes = paused && !mutant("streams-resume-wakes");
        let waker = if wakes { control.waker.take() } else { None };
        drop(control);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether bytes are read as they come; asyncio's `is_reading`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert!(transport.is_reading());
    /// transport.close();
    /// assert!(!transport.is_reading());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn is_reading(&self) -> bool {
        self.core.control.lock().reading && !self.is_closing()
    }

    /// Above how many kept bytes the protocol is told to pause writing, and until how many; asyncio's
    /// `set_write_buffer_limits`. 64 KiB and a quarter of it when not set; `None` derives the one from the other. More than
    /// `high` being kept already counts at once.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.set_write_buffer_limits(1 << 20, None)?;
    /// assert_eq!(transport.get_write_buffer_limits(), (256 << 10, 1 << 20));
    /// assert!(transport.set_write_buffer_limits(10, 20).is_err());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `low` exceeds `high`.
    pub fn set_write_buffer_limits(
        &self,
        high: impl Into<Option<usize>>,
        low: impl Into<Option<usize>>,
    ) -> io::Result<()> {
        let (high, low) = marks(high.into(), low.into())?;
        self.core.writer.set_write_buffer_limits(high, low)
    }

    /// The low-water mark and the high one, in asyncio's order; its `get_write_buffer_limits`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert_eq!(transport.get_write_buffer_limits(), (16 << 10, 64 << 10));
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_write_buffer_limits(&self) -> (usize, usize) {
        let (high, low) = self.core.writer.marks();
        (low, high)
    }

    /// How many bytes are kept; asyncio's `get_write_buffer_size`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.write(b"there is room for this");
    /// assert_eq!(transport.get_write_buffer_size(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_write_buffer_size(&self) -> usize {
        self.core.writer.write_buffer_size()
    }

    /// The peer's internet address; asyncio's `get_extra_info('peername')`. Stays known after the connection was lost.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert_eq!(transport.peer_addr()?, peer.local_addr()?);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`StreamWriter::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.core.writer.peer_addr()
    }

    /// Who is at the other end, of whatever kind; asyncio's `get_extra_info('peername')`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert_eq!(transport.peer_name().to_string(), peer.local_addr()?.to_string());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn peer_name(&self) -> StreamAddr {
        self.core.writer.peer_name()
    }

    /// This end's internet address; asyncio's `get_extra_info('sockname')`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert_eq!(transport.local_addr()?, peer.peer_addr()?);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`StreamWriter::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.core.writer.local_addr()
    }

    /// The name of this end, of whatever kind; asyncio's `get_extra_info('sockname')`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert_eq!(transport.sock_name()?.to_string(), peer.peer_addr()?.to_string());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`StreamWriter::sock_name`].
    pub fn sock_name(&self) -> io::Result<StreamAddr> {
        self.core.writer.sock_name()
    }

    /// The socket, to look at and to set options of; asyncio's `get_extra_info('socket')`. `None` where there is none: a pipe, a
    /// lost connection.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert!(transport.socket().is_some());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    #[cfg(unix)]
    pub fn socket(&self) -> Option<TransportSocket> {
        self.core.writer.socket()
    }

    /// Another descriptor of the same socket or pipe; asyncio's `get_extra_info('pipe')`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// let other = std::net::TcpStream::from(transport.try_clone_socket()?);
    /// assert_eq!(other.peer_addr()?, peer.local_addr()?);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the connection was lost;
    /// [`Unsupported`](io::ErrorKind::Unsupported) for a pipe that is only read; the system's.
    #[cfg(unix)]
    pub fn try_clone_socket(&self) -> io::Result<OwnedSocket> {
        let cloned = self.core.writer.with_output(|output| match output.descriptor() {
            Some(descriptor) => descriptor.try_clone_to_owned(),
            None => Err(io::ErrorKind::Unsupported.into()),
        });
        cloned.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }

    /// Has another protocol called from now on; asyncio's `set_protocol`. `connection_made` is not called again.
    ///
    /// From a callback, the next one goes to the new protocol; from elsewhere, one of the old one's may just be under way. After
    /// the connection was lost nobody is called.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// struct Body(Vec<u8>);
    ///
    /// impl Protocol for Body {
    ///     fn data_received(&mut self, data: &[u8]) {
    ///         self.0.extend_from_slice(data);
    ///     }
    /// }
    ///
    /// let body = transport.set_protocol(Body(Vec::new()));
    /// assert!(body.lock().await.0.is_empty());
    /// assert!(transport.get_protocol::<Body>().is_some());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn set_protocol<P: StreamProtocol<Kind>, Kind: 'static>(&self, protocol: P) -> ProtocolHandle<P> {
        let lock = Arc::new(Lock::new(protocol));
        self.introduce(&lock);
        let session = session_of(lock.clone());
        let mut control = self.core.control.lock();
        let refused = control.over && !mutant("streams-no-session-after-the-end");
        let replaced = if refused { Some(session) } else { control.next.replace(session) };
        let waker = control.waker.take();
        drop(control);
        drop(replaced);
        if let Some(waker) = waker {
            waker.wake();
        }
        ProtocolHandle::new(lock)
    }

    /// The protocol, if it is of that type and the connection is not lost; asyncio's `get_protocol`. `None` inside of
    /// `connection_made`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// assert!(transport.get_protocol::<Quiet>().is_some());
    /// assert!(transport.get_protocol::<String>().is_none());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_protocol<P: Send + 'static>(&self) -> Option<ProtocolHandle<P>> {
        let protocol = self.core.control.lock().protocol.upgrade()?;
        protocol.downcast::<Lock<P>>().ok().map(ProtocolHandle::new)
    }
}

/// The high-water mark and the low one: the one is derived from the other where it is not given.
pub(super) fn marks(high: Option<usize>, low: Option<usize>) -> io::Result<(usize, usize)> {
    let high = high.unwrap_or_else(|| low.map_or(HIGH_WATER, |low| low.saturating_mul(4)));
    let low = low.unwrap_or(high / 4);
    check_marks(high, low)?;
    Ok((high, low))
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("peer", &self.peer_name())
            .field("reading", &self.is_reading())
            .field("closing", &self.is_closing())
            .field("kept", &self.get_write_buffer_size())
            .finish()
    }
}
