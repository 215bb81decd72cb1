//! [`HttpServer`]: a server that runs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::{Event, Server, ServerReport, ServerSocket, catch_cancelled};

/// An HTTP server that runs; made by awaiting [`serve()`](super::serve()).
///
/// Dropping it lets the server run on; [`close`](Self::close) or [`shutdown`](Self::shutdown) ends it.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
///     println!("Serving on {}", server.sockets()[0].local_addr()?);
///     let report = server.shutdown(Duration::from_secs(30)).await;
///     assert!(report.is_clean());
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct HttpServer {
    server: Server,
    /// Set when no more requests are to be taken.
    stopping: Arc<Event>,
}

/// Closes the server of a `serve_forever` that is dropped.
struct CloseOnDrop<'a>(&'a HttpServer);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl HttpServer {
    pub(super) fn new(server: Server, stopping: Arc<Event>) -> Self {
        Self { server, stopping }
    }

    /// The sockets that it listens on; none once it is closed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     assert_ne!(server.sockets()[0].local_addr()?.port(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn sockets(&self) -> Vec<ServerSocket> {
        self.server.sockets()
    }

    /// Whether it accepts connections.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     assert!(server.is_serving());
    ///     server.close();
    ///     assert!(!server.is_serving());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn is_serving(&self) -> bool {
        self.server.is_serving()
    }

    /// How many connections there are.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     assert_eq!(server.connections(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The server of streams below, which knows nothing of HTTP: its `close` lets connections go on.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let start = heist::serve("127.0.0.1:0", axum::Router::new());
    ///     let server = start.sockets(|start| start.start_serving(false)).await?;
    ///     server.server().start_serving()?;
    ///     assert!(server.is_serving());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Accepts connections until the server is closed; cancelled, it closes it, and waits until what is being answered has
    /// been. As [`Server::serve_forever`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     assert!(heist::timeout(Duration::from_millis(10), server.serve_forever()).await.is_err());
    ///     assert!(!server.is_serving());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server is closed already, or cannot listen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the server.
    pub async fn serve_forever(&self) -> io::Result<()> {
        let close = CloseOnDrop(self);
        self.server.start_serving()?;
        let closed = catch_cancelled(self.server.wait_closed()).await;
        drop(close);
        self.server.wait_closed().await;
        match closed {
            Ok(()) => Ok(()),
            Err(cancelled) => cancelled.resume().await,
        }
    }

    /// Takes no more connections and no more requests. What is being answered goes on; connections that are idle end. Does
    /// not wait: [`wait_closed`](Self::wait_closed) does.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     server.close();
    ///     server.wait_closed().await;
    ///     assert_eq!(server.connections(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn close(&self) {
        self.server.close();
        self.stopping.set();
    }

    /// Waits until the server is closed and all its connections have ended. Cancel safe.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).await?;
    ///     server.close();
    ///     server.wait_closed().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn wait_closed(&self) {
        self.server.wait_closed().await;
    }

    /// Closes the server and gives what is being answered `limit` to end; what has not ended by then is cancelled, and the
    /// report says which connections that were.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::get};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// heist::run(async {
    ///     let slow = get(async || heist::sleep(Duration::from_secs(3600)).await);
    ///     let server = heist::serve("127.0.0.1:0", Router::new().route("/", slow)).await?;
    ///     let (_reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
    ///     writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    ///     while server.connections() == 0 {
    ///         heist::yield_now().await;
    ///     }
    ///     # heist::sleep(Duration::from_millis(10)).await;
    ///     let report = server.shutdown(Duration::from_millis(10)).await;
    ///     assert_eq!(report.cancelled.len(), 1);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The server stays closed; the connections go on, without a limit.
    pub async fn shutdown(&self, limit: Duration) -> ServerReport {
        self.close();
        self.server.shutdown(limit).await
    }
}
