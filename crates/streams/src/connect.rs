//! [`open_connection`]: a pair of streams to a server.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use crate::address::{Purpose, Target};
use crate::net::{connect_any, no_delay};
use crate::wire::streams_over_socket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter, ToAddress};

/// Connects to a server; asyncio's `open_connection`. Await it, perhaps after setting options.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::open_connection;
///
/// let (mut reader, writer) = open_connection(("localhost", 8888)).limit(4096).await?;
/// writer.write(b"Hello World!\n");
/// writer.drain().await?;
/// let line = reader.readline().await?;
/// println!("Received: {:?}", String::from_utf8_lossy(&line));
/// writer.close();
/// writer.wait_closed().await?;
/// # Ok(())
/// # }
/// ```
pub fn open_connection(address: impl ToAddress) -> OpenConnection {
    OpenConnection { target: address.to_target(), limit: DEFAULT_LIMIT, local: None }
}

/// A connection about to be made; see [`open_connection`].
///
/// # Errors
///
/// Awaiting it fails with a [`ConnectError`](crate::ConnectError) inside when no address answers (refused, unreachable,
/// out of descriptors): its message names each address with its error. A host that is unknown, an address that is none
/// and a limit of 0 are errors, too.
///
/// # Cancel safety
///
/// Dropping the future gives the attempt up and closes its socket.
#[must_use = "await it to connect"]
pub struct OpenConnection {
    target: io::Result<Target>,
    limit: usize,
    local: Option<SocketAddr>,
}

impl fmt::Debug for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnection").field("target", &self.target).field("limit", &self.limit).finish()
    }
}

impl OpenConnection {
    /// How many bytes the reader takes for one line; 64 KiB when not set.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The address of this end; asyncio's `local_addr`.
    pub fn local_addr(mut self, address: SocketAddr) -> Self {
        self.local = Some(address);
        self
    }

    async fn connect(self) -> io::Result<(StreamReader, StreamWriter)> {
        check_limit(self.limit)?;
        let addresses = self.target?.resolve(Purpose::Connect).await?;
        let (source, peer) = connect_any(&addresses, self.local).await?;
        no_delay(source.get_ref());
        Ok(streams_over_socket(source, peer.into(), self.limit, None))
    }
}

/// asyncio refuses a limit that no line fits.
pub(crate) fn check_limit(limit: usize) -> io::Result<()> {
    if limit == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the limit of a stream cannot be 0"));
    }
    Ok(())
}

impl IntoFuture for OpenConnection {
    type Output = io::Result<(StreamReader, StreamWriter)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}
