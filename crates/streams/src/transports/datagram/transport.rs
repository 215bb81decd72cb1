//! [`DatagramTransport`]: the program's handle of a socket of datagrams.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Waker;

use heist_core::services;
use heist_core::sync::Mutex;

use super::DatagramSocket;
use super::outbox::{Outbox, Phase};
use crate::net::UdpSocket;
use crate::transports::transport::{PATIENCE, marks};

/// A socket whose datagrams go to a protocol; asyncio's `DatagramTransport`. Clones are the same transport.
///
/// No method waits, and each may be called from anywhere. Dropping the handles changes nothing.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
/// # struct Quiet;
/// # impl DatagramProtocol for Quiet {
/// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
/// # }
/// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # let at = peer.local_addr()?;
/// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
/// transport.sendto(b"hello", at)?;
/// let mut came = [0; 16];
/// assert_eq!(peer.recv_from(&mut came)?, (5, transport.sock_name().unwrap()));
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
pub struct DatagramTransport<S: DatagramSocket = UdpSocket> {
    core: Arc<Core<S>>,
}

struct Core<S: DatagramSocket> {
    local: Option<S::Addr>,
    peer: Option<S::Addr>,
    outbox: Mutex<Outbox<S>>,
}

impl<S: DatagramSocket> DatagramTransport<S> {
    pub(super) fn new(outbox: Outbox<S>) -> Self {
        let socket = outbox.socket();
        let (local, peer) = (socket.and_then(|socket| S::local(socket).ok()), socket.and_then(S::peer));
        Self { core: Arc::new(Core { local, peer, outbox: Mutex::new(outbox) }) }
    }

    pub(super) fn outbox(&self) -> &Mutex<Outbox<S>> {
        &self.core.outbox
    }

    fn change(&self, change: impl FnOnce(&mut Outbox<S>) -> Option<Waker>) {
        let waker = change(&mut self.core.outbox.lock());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Sends a datagram, which may be empty, to `to`, or to the address that the socket is connected to; asyncio's `sendto`. Sent
    /// at once where there is room; otherwise a copy is kept, and sent in its turn. What the system refuses is told to
    /// `error_received`. After [`close`](Self::close) it is thrown away; a program that goes on so is warned from the fifth
    /// time on.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.sendto(b"hello", at)?;
    /// let mut came = [0; 16];
    /// assert_eq!(peer.recv(&mut came)?, 5);
    /// assert!(transport.sendto(b"to whom?", None).is_err());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for another address than that of a connected socket, and for none where
    /// it is not connected.
    pub fn sendto(&self, data: &[u8], to: impl Into<Option<S::Addr>>) -> io::Result<()> {
        let to = self.destination(to.into())?;
        let mut in_vain = 0;
        self.change(|outbox| {
            if outbox.phase == Phase::Open {
                return outbox.send(data, to.as_ref());
            }
            outbox.in_vain = outbox.in_vain.saturating_add(1);
            in_vain = outbox.in_vain;
            None
        });
        if in_vain >= PATIENCE {
            warn_in_vain(in_vain);
        }
        Ok(())
    }

    /// Where a datagram goes, for the system: nowhere in particular where the socket is connected.
    fn destination(&self, to: Option<S::Addr>) -> io::Result<Option<S::Addr>> {
        let refused = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        match (&self.core.peer, to) {
            (Some(_), None) => Ok(None),
            (Some(peer), Some(to)) if S::is_same(peer, &to) => Ok(None),
            (Some(peer), Some(to)) => {
                refused(format!("the socket is connected to {peer:?}: give None or that, not {to:?}"))
            }
            (None, Some(to)) => Ok(Some(to)),
            (None, None) => refused("the socket is not connected: say where the datagram goes".to_owned()),
        }
    }

    /// Closes the socket after all that is kept has been sent; asyncio's `close`. Nothing is received any more. Then the
    /// protocol is told, by `connection_lost(None)`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.close();
    /// assert!(transport.is_closing());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn close(&self) {
        self.change(|outbox| outbox.close(false));
    }

    /// Closes the socket at once, and throws away what is kept; asyncio's `abort`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.abort();
    /// assert!(transport.is_closing());
    /// assert_eq!(transport.get_write_buffer_size(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn abort(&self) {
        self.change(|outbox| outbox.close(true));
    }

    /// Whether it is closed or about to be; asyncio's `is_closing`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// assert!(!transport.is_closing());
    /// transport.close();
    /// assert!(transport.is_closing());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn is_closing(&self) -> bool {
        self.core.outbox.lock().phase != Phase::Open
    }

    /// Above how many kept bytes the protocol is told to pause, and until how many; asyncio's `set_write_buffer_limits`. 64 KiB
    /// and a quarter of it when not set; `None` derives the one from the other. Each datagram counts 8 bytes more than it has.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.set_write_buffer_limits(4096, 512)?;
    /// assert_eq!(transport.get_write_buffer_limits(), (512, 4096));
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
        self.change(|outbox| outbox.set_marks(high, low));
        Ok(())
    }

    /// The low-water mark and the high one, in asyncio's order; its `get_write_buffer_limits`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// assert_eq!(transport.get_write_buffer_limits(), (16 << 10, 64 << 10));
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_write_buffer_limits(&self) -> (usize, usize) {
        self.core.outbox.lock().marks()
    }

    /// How many bytes are kept; asyncio's `get_write_buffer_size`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.sendto(b"there is room for this", at)?;
    /// assert_eq!(transport.get_write_buffer_size(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_write_buffer_size(&self) -> usize {
        self.core.outbox.lock().kept
    }

    /// This end's address, as it was when the transport was made; asyncio's `get_extra_info('sockname')`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// assert_ne!(transport.sock_name().unwrap().port(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn sock_name(&self) -> Option<S::Addr> {
        self.core.local.clone()
    }

    /// The address that the socket is connected to, if it is; asyncio's `get_extra_info('peername')`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).remote_addr(at).await?;
    /// assert_eq!(transport.peer_name(), Some(at));
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn peer_name(&self) -> Option<S::Addr> {
        self.core.peer.clone()
    }

    /// Has `look` use the socket, for its options; asyncio's `get_extra_info('socket')`. `None` once it is closed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{DatagramProtocol, create_datagram_endpoint};
    /// # struct Quiet;
    /// # impl DatagramProtocol for Quiet {
    /// #     fn datagram_received(&mut self, _data: &[u8], _addr: std::net::SocketAddr) {}
    /// # }
    /// # let peer = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// # let at = peer.local_addr()?;
    /// let (transport, _protocol) = create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
    /// transport.with_socket(|socket| socket.set_ttl(3)).unwrap()?;
    /// assert_eq!(transport.with_socket(|socket| socket.ttl()).unwrap()?, 3);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn with_socket<R>(&self, look: impl FnOnce(&S::Inner) -> R) -> Option<R> {
        self.core.outbox.lock().socket().map(look)
    }
}

#[cold]
fn warn_in_vain(times: u32) {
    if let Some(services) = services::current() {
        services.warn(&format_args!(
            "{times} datagrams to a transport that is closed: stop at connection_lost, or ask is_closing"
        ));
    }
}

impl<S: DatagramSocket> Clone for DatagramTransport<S> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone() }
    }
}

impl<S: DatagramSocket> fmt::Debug for DatagramTransport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramTransport")
            .field("local", &self.core.local)
            .field("peer", &self.core.peer)
            .field("closing", &self.is_closing())
            .field("kept", &self.get_write_buffer_size())
            .finish()
    }
}
