//! [`create_server`] and its kin: protocols for connections that are accepted.

#[cfg(unix)]
use std::path::Path;

use super::driver::{Driver, begin};
use super::protocol::StreamProtocol;
use crate::ready::OwnedSocket;
use crate::{StartServer, StreamReader, StreamWriter, ToAddress, start_server, start_server_on};

/// Starts a server that makes a protocol for each connection; asyncio's `create_server`. Await it, perhaps after setting
/// options: those of [`start_server`].
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::transports::{Protocol, Transport, create_server};
///
/// struct Greeter;
///
/// impl Protocol for Greeter {
///     fn connection_made(&mut self, transport: Transport) {
///         transport.write(b"hello\n");
///         transport.close();
///     }
///
///     fn data_received(&mut self, _data: &[u8]) {}
/// }
///
/// let server = create_server(|| Greeter, "127.0.0.1:8888").backlog(1024).await?;
/// server.serve_forever().await
/// # }
/// ```
pub fn create_server<F, P, Kind>(
    factory: F,
    address: impl ToAddress,
) -> StartServer<impl FnOnce(StreamReader, StreamWriter) -> Driver + Clone + Send + 'static>
where
    F: FnOnce() -> P + Clone + Send + 'static,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    start_server(handler(factory), address)
}

/// As [`create_server`], on a socket that is bound already; asyncio's `create_server(sock=...)`. See [`start_server_on`].
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::{Protocol, Transport};
/// # struct Greeter;
/// # impl Protocol for Greeter {
/// #     fn connection_made(&mut self, transport: Transport) {
/// #         transport.write(b"hello\n");
/// #         transport.close();
/// #     }
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use heist::transports::create_server_on;
///
/// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = socket.local_addr()?;
/// let server = create_server_on(|| Greeter, socket).await?;
/// let (mut reader, _writer) = heist::open_connection(address).await?;
/// assert_eq!(reader.readline().await?, b"hello\n"[..]);
/// # server.close();
/// # Ok(())
/// # }) }
/// ```
pub fn create_server_on<F, P, Kind>(
    factory: F,
    socket: impl Into<OwnedSocket>,
) -> StartServer<impl FnOnce(StreamReader, StreamWriter) -> Driver + Clone + Send + 'static>
where
    F: FnOnce() -> P + Clone + Send + 'static,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    start_server_on(handler(factory), socket)
}

/// As [`create_server`], on a Unix socket; asyncio's `create_unix_server`. See [`start_unix_server`](crate::start_unix_server).
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::{Protocol, Transport};
/// # struct Greeter;
/// # impl Protocol for Greeter {
/// #     fn connection_made(&mut self, transport: Transport) {
/// #         transport.write(b"hello\n");
/// #         transport.close();
/// #     }
/// #     fn data_received(&mut self, _data: &[u8]) {}
/// # }
/// use heist::transports::create_unix_server;
///
/// # let directory = std::env::temp_dir().join(format!("heist-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("unix-server");
/// let server = create_unix_server(|| Greeter, &path).await?;
/// let (mut reader, _writer) = heist::open_unix_connection(&path).await?;
/// assert_eq!(reader.readline().await?, b"hello\n"[..]);
/// # server.close();
/// # Ok(())
/// # }) }
/// ```
#[cfg(unix)]
pub fn create_unix_server<F, P, Kind>(
    factory: F,
    path: impl AsRef<Path>,
) -> StartServer<impl FnOnce(StreamReader, StreamWriter) -> Driver + Clone + Send + 'static>
where
    F: FnOnce() -> P + Clone + Send + 'static,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    crate::start_unix_server(handler(factory), path)
}

/// What a server's connections are handed to: the task of each is its driver.
fn handler<F, P, Kind>(
    factory: F,
) -> impl FnOnce(StreamReader, StreamWriter) -> Driver + Clone + Send + 'static
where
    F: FnOnce() -> P + Clone + Send + 'static,
    P: StreamProtocol<Kind>,
    Kind: 'static,
{
    move |reader, writer| begin(factory(), Some(reader), writer).0
}
