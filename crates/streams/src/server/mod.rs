//! [`start_server`] and [`Server`].
//!
//! Each listening socket has a task that accepts; each connection has a task that runs the handler. What they share is
//! the [`Server`]'s state behind one lock. How a connection lives and how a server ends is in `docs/design/server.md`.
//!
//! | module | what it is |
//! |---|---|
//! | `options` | [`StartServer`] |
//! | `bind` | the sockets |
//! | `unix` | [`start_unix_server`], and the file of its socket |
//! | `listener` | a socket that listens, and [`ServerSocket`] |
//! | `accept` | the task that accepts |
//! | `connection` | the task of a connection |
//! | `protected` | handlers behind TLS |
//! | `outcome` | what a handler may give |
//! | `registry`, `state` | who is connected, who waits |
//! | `handle` | [`Server`] |
//! | `unclosed` | what is said of one that nobody closed |
//! | `shutdown` | [`Server::shutdown`] and its report |

mod accept;
mod bind;
mod connection;
mod handle;
mod listener;
mod options;
mod outcome;
#[cfg(feature = "tls")]
mod protected;
mod registry;
mod shutdown;
mod state;
mod unclosed;
#[cfg(unix)]
mod unix;

use std::future::Future;

use crate::ready::{OwnedSocket, ReadySocket};
use crate::{StreamReader, StreamWriter, ToAddress};
pub(crate) use connection::{OpenConnection, Owner};
pub use handle::Server;
pub use listener::ServerSocket;
use options::Place;
pub use options::StartServer;
pub use outcome::Outcome;
pub(crate) use registry::Slot;
pub use shutdown::{ServerConnection, ServerReport, ServerShutdown};
#[cfg(unix)]
pub use unix::start_unix_server;

/// Starts a server that calls `handler` with the streams of each connection; asyncio's `start_server`. Await it, perhaps
/// after setting options.
///
/// The handler runs in a task of its own per connection, whose name says the peer. It may be a closure, an async closure or
/// a function; its future is Send. A handler that fails or panics is reported to the loop's exception handler and ends its
/// connection; one that is cancelled ends its connection quietly. The server goes on.
///
/// The address may have several: `"localhost:8888"` listens on IPv4 and IPv6, `(None, 8888)` on all interfaces of both.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::start_server;
///
/// let server = start_server(
///     async |mut reader, writer| {
///         let data = reader.read(100).await?;
///         println!("Received {:?} from {}", String::from_utf8_lossy(&data), writer.peer_addr()?);
///         writer.write(&data);
///         writer.drain().await?;
///         writer.close();
///         std::io::Result::Ok(())
///     },
///     "127.0.0.1:8888",
/// )
/// .await?;
/// println!("Serving on {}", server.sockets()[0].local_addr()?);
/// server.serve_forever().await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn start_server<H, Fut>(handler: H, address: impl ToAddress) -> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    StartServer::new(handler, address.to_target().map(Place::Address))
}

/// As [`start_server`], on a socket that is bound already, listening or not; asyncio's `start_server(sock=...)`.
///
/// Takes the standard library's listeners of TCP and Unix sockets, and any other owned stream socket: one of socket2, one
/// that was passed in by a supervisor. Makes it non-blocking.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::{StreamWriter, start_server_on};
///
/// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let server = start_server_on(async |_reader, writer: StreamWriter| writer.write(b"hello\n"), socket).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`InvalidInput`](std::io::ErrorKind::InvalidInput) for a socket of another kind, and with options that are about
/// addresses. The socket is closed.
#[track_caller]
pub fn start_server_on<H, Fut>(handler: H, socket: impl Into<OwnedSocket>) -> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    StartServer::new(handler, ReadySocket::new(socket.into()).map(Place::Socket))
}
