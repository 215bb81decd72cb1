//! [`StreamWriter`]: the half of a stream that writes.
//!
//! [`write`](StreamWriter::write) on an empty buffer tries the system call at once; the rest is kept, and a *flusher*, a
//! task of the loop, writes it as room comes. How bytes leave, the phases of a writer and what it runs over are in
//! `docs/design/streams.md`.
//!
//! All is behind one lock, which is held for a system call or two and never while anything foreign runs.
//!
//! | module | what it is |
//! |---|---|
//! | `link` | what a writer shares with its flusher, its server and its handler's task |
//! | `state` | what is behind the lock |
//! | `poll` | writing for hand-written futures |
//! | `changes` | being told of what becomes of a writer |
//! | `raw` | writing past the buffer |
//! | `socket` | a look at the socket below |
//! | `kept` | the bytes that the system has not taken yet |
//! | `loan` | a writer whose output gets a layer under it, or is lent to who sends past it |
//! | `write_all` | sending from where the bytes are |
//! | `flusher` | the task that writes what is kept |
//! | `parting` | a writer that is dropped just before its reader |

mod changes;
mod flusher;
mod kept;
mod link;
mod loan;
mod parting;
mod poll;
#[cfg(unix)]
mod raw;
#[cfg(unix)]
mod socket;
mod state;
#[cfg(all(test, not(heist_loom)))]
mod tests;
mod write_all;

use std::io;
use std::net::{Shutdown, SocketAddr};

use heist_core::services;
use heist_reactor::IoSource;

use crate::wire::{Output, SocketHalf, StreamAddr, StreamSocket};
pub(crate) use changes::{Change, Told};
use link::Link;
pub(crate) use link::{Ending, PeerOf, Shared, WeakWriter};
#[cfg(unix)]
pub(crate) use loan::Lent;
#[cfg(feature = "tls")]
pub(crate) use loan::Loan;
pub(crate) use parting::HandlerPoll;
#[cfg(unix)]
pub use socket::TransportSocket;
pub(crate) use state::HIGH_WATER;
use state::{Phase, State};

/// The half of a stream that writes; asyncio's `StreamWriter`.
///
/// All methods take a shared borrow: an `Arc<StreamWriter>` may be used by many tasks.
///
/// What does not wait cannot fail either: the first error, of the connection or of a misuse, is kept and given by every
/// [`drain`](Self::drain), [`flushed`](Self::flushed) and [`wait_closed`](Self::wait_closed) from then on.
///
/// Dropping a writer sends what was written before, then ends the stream for the peer; the reader of the same connection
/// may go on. In a server's handler the peer hears of that end when the handler next waits or ends. [`close`](Self::close) ends both directions. In debug mode there is a warning of a writer that is dropped
/// without it, except for one that a server's handler was given, whose connection ends with the handler.
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # #[allow(unused_mut, unused_variables)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut far, _) = listener.accept()?;
/// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
/// use std::io::Read;
///
/// writer.write(b"Hello ");
/// writer.write(b"World!\n");
/// writer.drain().await?;
/// writer.close();
/// writer.wait_closed().await?;
/// let mut received = String::new();
/// far.read_to_string(&mut received)?;
/// assert_eq!(received, "Hello World!\n");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
pub struct StreamWriter {
    shared: Link,
}

impl StreamWriter {
    /// A writer to `output`; see [`streams_over`](crate::wire::streams_over).
    pub(crate) fn over(output: Output, peer: StreamAddr, ending: Option<Ending>) -> Self {
        Self { shared: Link::over(output, peer, ending) }
    }

    /// A writer to a connected socket, and what is left for a reader.
    pub(crate) fn over_socket(
        source: IoSource<StreamSocket>,
        peer: StreamAddr,
        ending: Option<Ending>,
    ) -> (SocketHalf, Self) {
        let (read, shared) = Link::over_socket(source, peer, ending);
        (read, Self { shared })
    }

    /// Who is at the other end, for as long as it is kept, whatever becomes of the writer.
    pub(crate) fn peer_of(&self) -> PeerOf {
        PeerOf(self.shared.clone())
    }

    /// Something that can close this writer from elsewhere.
    pub(crate) fn downgrade(&self) -> WeakWriter {
        self.shared.downgrade()
    }

    /// Writes `data`: what the system takes at once is sent, the rest is kept and sent as room comes. Never waits; asyncio's
    /// `write`. Follow it with [`drain`](Self::drain), which waits while too much is kept and reports errors. To send much,
    /// [`write_all`](Self::write_all) is the cheaper call.
    ///
    /// After [`close`](Self::close) or an error the data is thrown away. Where nothing is kept: one system call, two atomic
    /// read-modify-writes, no allocation.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// use std::io::Read;
    ///
    /// writer.write(b"Hello World!");
    /// writer.drain().await?;
    /// let mut received = [0; 12];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"Hello World!");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn write(&self, data: &[u8]) {
        if !data.is_empty() {
            self.shared.change(|state| state.write(data));
        }
    }

    /// As [`write`](Self::write), of bytes that the writer may keep: what the system does not take at once stays where it
    /// is, and is sent from there. Nothing is copied, whatever waits before it.
    ///
    /// ```no_run
    /// # async fn example(writer: heist_streams::StreamWriter) -> std::io::Result<()> {
    /// writer.write_bytes(vec![0; 1 << 20]);
    /// writer.drain().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_bytes(&self, data: impl Into<Vec<u8>>) {
        let data = data.into();
        if !data.is_empty() {
            self.shared.change(|state| state.write_owned(data));
        }
    }

    /// asyncio's `ResourceWarning`.
    fn warn_unclosed(&self) {
        let Some(services) = services::current().filter(|services| services.is_debug()) else { return };
        let peer = self.shared.peer();
        services.warn(&format_args!(
            "a StreamWriter to {peer} was dropped unclosed: close it when it is no longer needed"
        ));
    }

    /// Waits until all is sent that was written, then gives the output away, still open, and what its end would tell.
    pub(crate) async fn hand_over(&self) -> io::Result<(Output, Option<Ending>)> {
        self.flushed().await?;
        self.shared.hand_over().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What `look` says of the output, while there is one.
    pub(crate) fn with_output<R>(&self, look: impl FnOnce(&Output) -> R) -> Option<R> {
        let state = self.shared.state.lock();
        (!state.output.is_gone()).then(|| look(&state.output))
    }

    /// Writes several pieces, one after the other, in one system call where possible; asyncio's `writelines`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// use std::io::Read;
    ///
    /// writer.writelines([&b"200"[..], b" ", b"OK"]);
    /// writer.drain().await?;
    /// let mut received = [0; 6];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"200 OK");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn writelines<I>(&self, pieces: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let pieces: Vec<I::Item> = pieces.into_iter().collect();
        self.shared.change(|state| state.write_pieces(&pieces));
    }

    /// Waits while more is kept than the high-water mark, until it is no more than the low-water mark; asyncio's `drain`.
    /// Any number of tasks may wait.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// for chunk in [[1; 1000], [2; 1000]] {
    ///     writer.write(&chunk);
    ///     writer.drain().await?;
    /// }
    /// assert!(writer.write_buffer_size() <= 64 << 10);
    /// writer.close();
    /// assert!(writer.drain().await.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The connection's, once it has failed; [`ConnectionReset`](io::ErrorKind::ConnectionReset) after it was closed;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) after a write after [`write_eof`](Self::write_eof).
    ///
    /// # Cancel safety
    ///
    /// What was written is sent all the same.
    pub fn drain(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.shared.wait(State::drained)
    }

    /// Waits until the system has taken all that was written; `drain` with marks of 0.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// writer.write(b"the last word");
    /// writer.flushed().await?;
    /// assert_eq!(writer.write_buffer_size(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    ///
    /// # Cancel safety
    ///
    /// What was written is sent all the same.
    pub async fn flushed(&self) -> io::Result<()> {
        self.shared.wait(State::flush_outcome).await
    }

    /// Ends the stream for the peer after all that was written; the reader goes on. asyncio's `write_eof`. Without effect
    /// once it was called, and after [`close`](Self::close).
    ///
    /// Where asyncio raises at once, the error is kept for [`drain`](Self::drain): of a kind of stream that cannot be ended
    /// this way, and of a write that comes after it.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// use std::io::Read;
    ///
    /// writer.write(b"that is all");
    /// writer.write_eof();
    /// writer.flushed().await?;
    /// let mut received = String::new();
    /// // The end of the stream comes after what was written; the other direction is still open.
    /// far.read_to_string(&mut received)?;
    /// assert_eq!(received, "that is all");
    /// assert!(!writer.is_closing());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn write_eof(&self) {
        self.shared.change(State::write_eof);
    }

    /// Whether [`write_eof`](Self::write_eof) works on this kind of stream; asyncio's `can_write_eof`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert!(writer.can_write_eof(), "it is a TCP socket");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn can_write_eof(&self) -> bool {
        self.shared.state.lock().output.can_write_eof()
    }

    /// Closes the connection, both directions, after all that was written has been sent; asyncio's `close`. Writes from
    /// here on are thrown away. Does not wait: [`wait_closed`](Self::wait_closed) does.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// use std::io::Read;
    ///
    /// writer.write(b"bye");
    /// writer.close();
    /// writer.write(b"thrown away");
    /// writer.wait_closed().await?;
    /// let mut received = String::new();
    /// far.read_to_string(&mut received)?;
    /// assert_eq!(received, "bye");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn close(&self) {
        self.shared.change(|state| state.close(Shutdown::Both));
    }

    /// Closes the connection at once and throws away what has not been sent; asyncio's `transport.abort`.
    ///
    /// The peer is told what the closing of the socket tells it: as a rule the end of the stream, and a reset once it sends
    /// more. On Linux a connection of TCP is reset at once where bytes have come that nobody has read, or where
    /// [`set_linger`](TransportSocket::set_linger) has asked for that; those bytes are lost.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// writer.abort();
    /// assert!(writer.is_closing());
    /// writer.wait_closed().await?;
    /// assert_eq!(writer.write_buffer_size(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn abort(&self) {
        self.shared.change(State::abort);
    }

    /// Whether the connection is closed or about to be; asyncio's `is_closing`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert!(!writer.is_closing());
    /// writer.close();
    /// assert!(writer.is_closing());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn is_closing(&self) -> bool {
        self.shared.state.lock().phase != Phase::Open
    }

    /// Waits until the connection is closed, by [`close`](Self::close) or by an error; asyncio's `wait_closed`. Cancel
    /// safe.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// writer.write(b"bye");
    /// writer.close();
    /// writer.wait_closed().await?;
    /// // The socket is given back, and with it its name.
    /// assert!(writer.sock_name().is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The one that ended the connection, if one did.
    pub async fn wait_closed(&self) -> io::Result<()> {
        self.shared.wait(State::close_outcome).await
    }

    /// How many bytes are kept; asyncio's `transport.get_write_buffer_size`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert_eq!(writer.write_buffer_size(), 0);
    /// writer.write(b"what the system takes at once is not kept");
    /// assert_eq!(writer.write_buffer_size(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn write_buffer_size(&self) -> usize {
        self.shared.state.lock().kept()
    }

    /// Above how many kept bytes `drain` waits, and until how many; 64 KiB and 16 KiB when not set. asyncio's
    /// `transport.set_write_buffer_limits`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// writer.set_write_buffer_limits(1 << 20, 1 << 18)?;
    /// assert!(writer.set_write_buffer_limits(1, 2).is_err(), "the low mark is the higher one");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `low` exceeds `high`.
    pub fn set_write_buffer_limits(&self, high: usize, low: usize) -> io::Result<()> {
        check_marks(high, low)?;
        self.shared.change(|state| state.set_marks(high, low));
        Ok(())
    }

    /// The peer's internet address; asyncio's `get_extra_info('peername')`. Stays known after the connection has ended.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert_eq!(writer.peer_addr()?, listener.local_addr()?);
    /// writer.close();
    /// assert_eq!(writer.peer_addr()?, listener.local_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) where the peer was gone before the streams were made, and
    /// [`Unsupported`](io::ErrorKind::Unsupported) where it is no internet socket: [`peer_name`](Self::peer_name) knows.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.peer().to_socket()
    }

    /// Who is at the other end, of whatever kind; asyncio's `get_extra_info('peername')`. Stays known after the
    /// connection has ended.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert_eq!(writer.peer_name().as_socket(), Some(listener.local_addr()?));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn peer_name(&self) -> StreamAddr {
        self.shared.peer()
    }

    /// This end's internet address; asyncio's `get_extra_info('sockname')`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert_eq!(writer.local_addr()?, far.peer_addr()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sock_name`](Self::sock_name); [`Unsupported`](io::ErrorKind::Unsupported) where it is no internet socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sock_name()?.to_socket()
    }

    /// The name of this end, of whatever kind; asyncio's `get_extra_info('sockname')`. One system call.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// assert_eq!(writer.sock_name()?.as_socket(), Some(far.peer_addr()?));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the connection was closed; the system's.
    pub fn sock_name(&self) -> io::Result<StreamAddr> {
        self.shared.state.lock().output.local_name()
    }
}

/// Refuses a low-water mark above the high one.
pub(crate) fn check_marks(high: usize, low: usize) -> io::Result<()> {
    if low > high {
        let message = format!("the low-water mark, {low}, is above the high-water mark, {high}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        if parting::waits(&self.shared) {
            return;
        }
        let mut forgotten = false;
        self.shared.change(|state| {
            forgotten = state.is_open() && !state.has_ending() && !self.shared.is_servers();
            state.close(Shutdown::Write)
        });
        if forgotten {
            self.warn_unclosed();
        }
    }
}
