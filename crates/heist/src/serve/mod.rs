//! [`serve()`]: HTTP servers. Needs the feature `serve`.
//!
//! A service of tower, such as a router of axum, answers HTTP/1 and HTTP/2 on the same port; hyper speaks the protocols, and
//! [`start_server`] has the sockets, the tasks and the limits. Which version a peer speaks is seen from its
//! first bytes. How a connection lives:
//!
//! 1. with TLS, the handshake;
//! 2. the first bytes tell the version; who says TLS to a plain port, or HTTP to one with TLS, is told so and sent away;
//! 3. requests, each given to a clone of the service: one after the other in HTTP/1, side by side in HTTP/2, each in a
//!    task of its own there;
//! 4. the end: the peer's, a limit's, or [`shutdown`](HttpServer::shutdown), which lets what is being answered be answered.
//!
//! Steps 1 and 2, and the head of each request of HTTP/1, must come within
//! [`header_read_timeout`](Serve::header_read_timeout): who sends a byte at a time is cut off. What peers do wrong is their own affair: the
//! connection ends, and debug mode tells of it. What the service does wrong, an error or a panic, goes to the loop's exception handler.
//! The server goes on in any case.
//!
//! | module | what it is |
//! |---|---|
//! | `options` | [`Serve`] |
//! | `server` | [`HttpServer`] |
//! | `connection` | how a connection lives |
//! | `opening` | its first bytes |
//! | `service` | services of tower, called by hyper |
//! | `info` | [`ConnectionInfo`] |
//! | `upgrade` | [`upgraded`]: connections that stop being HTTP |

mod connection;
mod info;
mod opening;
mod options;
mod server;
mod service;
mod upgrade;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use connection::Plan;
pub use connection::ServeError;
pub use info::ConnectionInfo;
pub use options::Serve;
pub use server::HttpServer;
pub use service::HttpService;
pub use upgrade::upgraded;

use crate::{OwnedSocket, StreamReader, StreamWriter, ToAddress, start_server, start_server_on};

/// The error that services and bodies may fail with.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a connection's task runs.
type Serving = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// Starts an HTTP server: `service` answers what comes to `address`. Await it, perhaps after setting options.
///
/// The service is any of tower's that takes `hyper::Request<Incoming>`: a router of axum (without axum's own feature `tokio`), or a
/// `tower::service_fn`. Each request gets a clone of it. In the request's extensions is [`ConnectionInfo`]: who asks.
///
/// asyncio has no HTTP; it is what `aiohttp` and `uvicorn` are for there.
///
/// ```
/// use std::time::Duration;
/// use axum::{Json, Router, routing::get};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// heist::run(async {
///     let router = Router::new().route("/", get(async || Json([1, 2, 3])));
///     let server = heist::serve("127.0.0.1:0", router).max_connections(1000).await?;
///
///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
///     writer.write(b"GET / HTTP/1.1\r\nhost: example\r\nconnection: close\r\n\r\n");
///     let answer = String::from_utf8(reader.read_to_end().await?)?;
///     assert!(answer.ends_with("[1,2,3]"));
///
///     let report = server.shutdown(Duration::from_secs(10)).await;
///     assert!(report.is_clean());
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// Awaiting it fails as [`start_server`] does, and for options that contradict themselves.
#[track_caller]
pub fn serve<A: ToAddress, S: HttpService>(
    address: A,
    service: S,
) -> Serve<impl FnOnce(StreamReader, StreamWriter) -> Serving + Clone + Send + 'static> {
    let plan = Arc::new(OnceLock::new());
    Serve::new(start_server(handler(service, plan.clone()), address), plan)
}

/// As [`serve()`], on a socket that is bound already: one of the standard library's listeners, of TCP or Unix, or one that was
/// passed in by a supervisor.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// heist::run(async {
///     let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
///     let address = socket.local_addr()?;
///     let server = heist::serve::serve_on(socket, axum::Router::new()).await?;
///     assert_eq!(server.sockets()[0].local_addr()?, address);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`start_server_on`].
#[track_caller]
pub fn serve_on<O: Into<OwnedSocket>, S: HttpService>(
    socket: O,
    service: S,
) -> Serve<impl FnOnce(StreamReader, StreamWriter) -> Serving + Clone + Send + 'static> {
    let plan = Arc::new(OnceLock::new());
    Serve::new(start_server_on(handler(service, plan.clone()), socket), plan)
}

/// The handler of connections. What was chosen is not known before the server starts.
fn handler<S: HttpService>(
    service: S,
    plan: Arc<OnceLock<Plan>>,
) -> impl FnOnce(StreamReader, StreamWriter) -> Serving + Clone + Send + 'static {
    move |reader, writer| {
        Box::pin(async move {
            match plan.get() {
                Some(plan) => plan.serve(service, reader, writer).await,
                None => unreachable!("the server was not started"),
            }
        })
    }
}
