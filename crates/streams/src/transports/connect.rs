//! [`create_connection`] and its kin: connections that this side makes.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::marker::PhantomData;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;

use super::driver::{running_loop, start};
use super::protocol::StreamProtocol;
use super::{ProtocolHandle, Transport};
use crate::ready::OwnedSocket;
use crate::{OpenConnection, ToAddress, open_connection, open_connection_on};

/// Connects to a server, and has a protocol called; asyncio's `create_connection`. Await it, perhaps after setting
/// [`options`](CreateConnection::options).
///
/// `factory` makes the protocol, once the connection is there; it is often a closure that captures what the protocol needs.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use std::time::Duration;
/// use heist::transports::{Protocol, Transport, create_connection};
///
/// struct Client {
///     message: &'static str,
/// }
///
/// impl Protocol for Client {
///     fn connection_made(&mut self, transport: Transport) {
///         transport.write(self.message.as_bytes());
///     }
///
///     fn data_received(&mut self, data: &[u8]) {
///         println!("Data received: {:?}", String::from_utf8_lossy(data));
///     }
/// }
///
/// let (transport, protocol) = create_connection(|| Client { message: "Hello World!" }, "127.0.0.1:8888")
///     .options(|open| open.timeout(Duration::from_secs(5)))
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn create_connection<F, P, Kind>(factory: F, address: impl ToAddress) -> CreateConnection<F, Kind>
where
    F: FnOnce() -> P,
    P: StreamProtocol<Kind>,
{
    CreateConnection::new(factory, open_connection(address))
}

/// As [`create_connection`], to a Unix socket; asyncio's `create_unix_connection`.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::Protocol;
/// # struct Quiet;
/// # impl Protocol for Quiet {
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use heist::transports::create_unix_connection;
///
/// # let directory = std::env::temp_dir().join(format!("heist-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("unix-connection");
/// let listener = std::os::unix::net::UnixListener::bind(&path)?;
/// let (transport, _protocol) = create_unix_connection(|| Quiet, &path).await?;
/// assert_eq!(transport.peer_name().to_string(), path.to_str().unwrap());
/// # std::fs::remove_file(&path)?;
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
#[cfg(unix)]
pub fn create_unix_connection<F, P, Kind>(factory: F, path: impl AsRef<Path>) -> CreateConnection<F, Kind>
where
    F: FnOnce() -> P,
    P: StreamProtocol<Kind>,
{
    CreateConnection::new(factory, crate::open_unix_connection(path))
}

/// As [`create_connection`], over a socket that is connected already: accepted elsewhere, passed in, half of a pair.
/// asyncio's `connect_accepted_socket`, and its `create_connection(sock=...)`.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::Protocol;
/// # struct Quiet;
/// # impl Protocol for Quiet {
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use std::io::Read;
/// use heist::transports::connect_accepted_socket;
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let (accepted, _) = listener.accept()?;
/// let (transport, _protocol) = connect_accepted_socket(|| Quiet, accepted).await?;
/// transport.write(b"welcome");
/// let mut came = [0; 7];
/// peer.read_exact(&mut came)?;
/// assert_eq!(&came, b"welcome");
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// As [`open_connection_on`].
pub fn connect_accepted_socket<F, P, Kind>(
    factory: F,
    socket: impl Into<OwnedSocket>,
) -> CreateConnection<F, Kind>
where
    F: FnOnce() -> P,
    P: StreamProtocol<Kind>,
{
    CreateConnection::new(factory, open_connection_on(socket))
}

/// A connection about to be made; see [`create_connection`]. Awaiting it gives the transport and the protocol, after
/// `connection_made`.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::Protocol;
/// # struct Quiet;
/// # impl Protocol for Quiet {
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use heist::transports::create_connection;
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let (transport, _protocol) = create_connection(|| Quiet, listener.local_addr()?).await?;
/// assert_eq!(transport.peer_addr()?, listener.local_addr()?);
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// Those of [`OpenConnection`]. The protocol is not made then.
///
/// # Cancel safety
///
/// Dropping the future gives the attempts up and closes their sockets.
#[must_use = "await it to connect"]
pub struct CreateConnection<F, Kind> {
    factory: F,
    open: OpenConnection,
    kind: PhantomData<fn() -> Kind>,
}

impl<F, Kind> CreateConnection<F, Kind> {
    fn new(factory: F, open: OpenConnection) -> Self {
        Self { factory, open, kind: PhantomData }
    }

    /// Sets options of the connection, by the methods of [`OpenConnection`]: `local_addr`, `family`, `happy_eyeballs_delay`,
    /// `interleave`, `timeout`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::Protocol;
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// use heist::transports::create_connection;
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let (transport, _protocol) = create_connection(|| Quiet, listener.local_addr()?)
    ///     .options(|open| open.timeout(std::time::Duration::from_secs(5)).local_addr("127.0.0.1:0"))
    ///     .await?;
    /// assert!(transport.local_addr()?.ip().is_loopback());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn options(mut self, set: impl FnOnce(OpenConnection) -> OpenConnection) -> Self {
        self.open = set(self.open);
        self
    }
}

impl<F, P, Kind> IntoFuture for CreateConnection<F, Kind>
where
    F: FnOnce() -> P + Send + 'static,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    type Output = io::Result<(Transport, ProtocolHandle<P>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { factory, open, .. } = self;
        Box::pin(async move {
            running_loop()?;
            let (reader, writer) = open.await?;
            start(factory(), Some(reader), writer, false)
        })
    }
}

impl<F, Kind> fmt::Debug for CreateConnection<F, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateConnection").field("open", &self.open).finish_non_exhaustive()
    }
}
