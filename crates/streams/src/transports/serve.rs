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
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::transports::{Protocol, Transport, create_server};
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
