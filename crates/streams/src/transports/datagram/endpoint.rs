//! [`create_datagram_endpoint`].

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;

use super::driver::start;
use super::{DatagramProtocol, DatagramSocket, DatagramTransport};
use crate::ToAddress;
use crate::net::{UdpBuilder, UdpSocket};
use crate::transports::ProtocolHandle;
use crate::transports::driver::running_loop;

/// A UDP socket with a protocol; asyncio's `create_datagram_endpoint`. Await it after setting at least one address.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use std::net::SocketAddr;
/// use heist::transports::{DatagramProtocol, DatagramTransport, create_datagram_endpoint};
///
/// #[derive(Default)]
/// struct Echo(Option<DatagramTransport>);
///
/// impl DatagramProtocol for Echo {
///     fn connection_made(&mut self, transport: DatagramTransport) {
///         self.0 = Some(transport);
///     }
///
///     fn datagram_received(&mut self, data: &[u8], addr: SocketAddr) {
///         if let Some(transport) = &self.0 {
///             // Only an address that does not fit is an error here.
///             let _ = transport.sendto(data, addr);
///         }
///     }
/// }
///
/// let (transport, protocol) = create_datagram_endpoint(Echo::default).local_addr("127.0.0.1:9999").await?;
/// # Ok(())
/// # }
/// ```
pub fn create_datagram_endpoint<F, P>(factory: F) -> CreateDatagramEndpoint<F>
where
    F: FnOnce() -> P,
    P: DatagramProtocol,
{
    CreateDatagramEndpoint { factory, socket: UdpSocket::builder() }
}

/// As [`create_datagram_endpoint`], over a socket that is there already, of UDP or of Unix datagrams; asyncio's
/// `create_datagram_endpoint(sock=...)`. What it is connected to counts as it is now.
///
/// ```no_run
/// # use heist_streams as heist;
/// # #[cfg(unix)]
/// # async fn example() -> std::io::Result<()> {
/// use heist::StreamAddr;
/// use heist::net::UnixDatagram;
/// use heist::transports::{DatagramProtocol, create_datagram_endpoint_on};
///
/// struct Log;
///
/// impl DatagramProtocol<UnixDatagram> for Log {
///     fn datagram_received(&mut self, data: &[u8], _addr: StreamAddr) {
///         println!("{}", String::from_utf8_lossy(data));
///     }
/// }
///
/// let socket = UnixDatagram::bind("/run/example/log")?;
/// let (transport, protocol) = create_datagram_endpoint_on(|| Log, socket).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When no event loop runs on this thread.
#[allow(
    clippy::unused_async,
    reason = "asyncio awaits it; it must run inside the loop, not where it is called"
)]
pub async fn create_datagram_endpoint_on<F, P, S>(
    factory: F,
    socket: S,
) -> io::Result<(DatagramTransport<S>, ProtocolHandle<P>)>
where
    F: FnOnce() -> P,
    P: DatagramProtocol<S>,
    S: DatagramSocket,
{
    running_loop()?;
    start(factory(), socket)
}

/// A UDP socket about to be made; see [`create_datagram_endpoint`]. Awaiting it gives the transport and the protocol, after
/// `connection_made`.
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
/// assert!(transport.sock_name().unwrap().ip().is_loopback());
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// As [`UdpBuilder::build`]: no address, two without a common family, one that is in use.
#[must_use = "await it to make the socket"]
pub struct CreateDatagramEndpoint<F> {
    factory: F,
    socket: UdpBuilder,
}

impl<F> CreateDatagramEndpoint<F> {
    /// The address to bind to; without one, the system chooses.
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
    /// assert_eq!(transport.peer_name(), None);
    /// assert_ne!(transport.sock_name().unwrap().port(), 0);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn local_addr(mut self, address: impl ToAddress) -> Self {
        self.socket = self.socket.local_addr(address);
        self
    }

    /// The address to connect to: datagrams go there, and come from there only.
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
    /// transport.sendto(b"hello", None)?;
    /// let mut came = [0; 16];
    /// assert_eq!(peer.recv(&mut came)?, 5);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn remote_addr(mut self, address: impl ToAddress) -> Self {
        self.socket = self.socket.remote_addr(address);
        self
    }

    /// Whether other sockets may have the same port; no when not set.
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
    /// let open = |port| create_datagram_endpoint(|| Quiet).local_addr(("127.0.0.1", port)).reuse_port(true);
    /// let (transport, _protocol) = open(0).await?;
    /// let port = transport.sock_name().unwrap().port();
    /// let (second, _protocol) = open(port).await?;
    /// assert_eq!(second.sock_name(), transport.sock_name());
    /// # second.abort();
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.socket = self.socket.reuse_port(reuse);
        self
    }

    /// Whether datagrams may be sent to everybody on the network; no when not set.
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
    /// let (transport, _protocol) =
    ///     create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").allow_broadcast(true).await?;
    /// assert!(transport.with_socket(|socket| socket.broadcast()).unwrap()?);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn allow_broadcast(mut self, allow: bool) -> Self {
        self.socket = self.socket.broadcast(allow);
        self
    }
}

impl<F, P> IntoFuture for CreateDatagramEndpoint<F>
where
    F: FnOnce() -> P + Send + 'static,
    P: DatagramProtocol,
{
    type Output = io::Result<(DatagramTransport, ProtocolHandle<P>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            running_loop()?;
            let socket = self.socket.build().await?;
            start((self.factory)(), socket)
        })
    }
}

impl<F> fmt::Debug for CreateDatagramEndpoint<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateDatagramEndpoint").field("socket", &self.socket).finish_non_exhaustive()
    }
}
