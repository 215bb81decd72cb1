//! [`Serve`]: what can be chosen about an HTTP server, and its start.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::connection::Plan;
use super::{HttpServer, Serving};
#[cfg(feature = "tls")]
use crate::tls::TlsAcceptor;
use crate::{StartServer, StreamReader, StreamWriter};

/// How long the head of a request may take, when nothing else is said; the same that hyper has.
const HEADER_READ: Duration = Duration::from_secs(30);
/// How large the head of a request may be, when nothing else is said, in bytes: what common servers take.
const HEADER_SIZE: usize = 32 << 10;
/// The smallest limit of that: HTTP/2 counts 32 bytes for each header, and every request has a few.
const LEAST_HEADER_SIZE: usize = 512;

/// What was chosen.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    pub(super) header_read: Duration,
    pub(super) header_size: usize,
    pub(super) half_close: bool,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsAcceptor>,
}

impl Choices {
    fn check(&self) -> io::Result<()> {
        let message = if self.header_read.is_zero() {
            "header_read_timeout must be more than zero".to_owned()
        } else if self.header_size < LEAST_HEADER_SIZE || u32::try_from(self.header_size).is_err() {
            format!(
                "max_header_size must be from {LEAST_HEADER_SIZE} to {} bytes, not {}",
                u32::MAX,
                self.header_size
            )
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

/// An HTTP server about to be started; see [`serve()`](super::serve()).
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let server = heist::serve("127.0.0.1:0", axum::Router::new())
///         .max_connections(10_000)
///         .header_read_timeout(Duration::from_secs(5))
///         .max_header_size(8 << 10)
///         .await?;
///     assert!(server.is_serving());
///     Ok(())
/// })
/// # }
/// ```
#[must_use = "await it to start the server"]
pub struct Serve<H> {
    start: StartServer<H>,
    plan: Arc<OnceLock<Plan>>,
    choices: Choices,
}

impl<H> fmt::Debug for Serve<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("start", &self.start).field("choices", &self.choices).finish()
    }
}

impl<H> Serve<H> {
    pub(super) fn new(start: StartServer<H>, plan: Arc<OnceLock<Plan>>) -> Self {
        let choices = Choices {
            header_read: HEADER_READ,
            header_size: HEADER_SIZE,
            half_close: false,
            #[cfg(feature = "tls")]
            tls: None,
        };
        Self { start, plan, choices }
    }

    /// How many connections there may be at a time; without limit when not set. The others wait in the backlog. See
    /// [`StartServer::max_connections`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     assert!(heist::serve("127.0.0.1:0", axum::Router::new()).max_connections(0).await.is_err());
    ///     heist::serve("127.0.0.1:0", axum::Router::new()).max_connections(1).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.start = self.start.max_connections(connections);
        self
    }

    /// How long a peer may take for what comes before its request is known: the TLS handshake, the first bytes, and the
    /// head of each request of HTTP/1, which includes the idle time between two; 30 s when not set. The connection is
    /// closed then.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let limit = Duration::from_millis(10);
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).header_read_timeout(limit).await?;
    ///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
    ///     writer.write(b"GET / HT");
    ///     // And no more.
    ///     reader.read_to_end().await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn header_read_timeout(mut self, limit: Duration) -> Self {
        self.choices.header_read = limit;
        self
    }

    /// How large the head of a request may be, in bytes; 32 KiB when not set. One that is larger is answered with status
    /// 431.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).max_header_size(1024).await?;
    ///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
    ///     writer.write(format!("GET /{} HTTP/1.1\r\n", "x".repeat(1024)).as_bytes());
    ///     assert!(reader.readline().await?.starts_with(b"HTTP/1.1 431 "));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn max_header_size(mut self, bytes: usize) -> Self {
        self.choices.header_size = bytes;
        self
    }

    /// Whether a peer of HTTP/1 that has ended its own direction still gets its answer; no when not set. The end of a
    /// direction looks like a peer that has gone away, and a request of such a one is dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new()).half_close(true).await?;
    ///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
    ///     writer.write(b"GET / HTTP/1.0\r\n\r\n");
    ///     writer.write_eof();
    ///     assert!(reader.readline().await?.starts_with(b"HTTP/1.0 404 "));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn half_close(mut self, keep: bool) -> Self {
        self.choices.half_close = keep;
        self
    }

    /// Has the server speak TLS. Where the acceptor names no protocols of its own, `h2` and `http/1.1` are offered.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let chain = heist::fs::read("chain.pem").await?;
    /// let key = heist::fs::read("key.pem").await?;
    /// let acceptor = heist::tls::TlsAcceptor::from_pem(chain, key)?;
    /// let server = heist::serve("0.0.0.0:443", axum::Router::new()).tls(acceptor).await?;
    /// server.serve_forever().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, acceptor: impl Into<TlsAcceptor>) -> Self {
        self.choices.tls = Some(acceptor.into().with_default_alpn(["h2", "http/1.1"]));
        self
    }

    /// Changes what is about sockets: `backlog`, `reuse_port`, `family`, `keep_alive`, `start_serving`, and so on. The options of
    /// [`StartServer`] for lines and for TLS have no meaning here.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// heist::run(async {
    ///     let server = heist::serve("127.0.0.1:0", axum::Router::new())
    ///         .sockets(|start| start.reuse_port(true).start_serving(false))
    ///         .await?;
    ///     assert!(!server.is_serving());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn sockets(mut self, change: impl FnOnce(StartServer<H>) -> StartServer<H>) -> Self {
        self.start = change(self.start);
        self
    }
}

impl<H> IntoFuture for Serve<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Serving + Clone + Send + 'static,
{
    type Output = io::Result<HttpServer>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.choices.check()?;
            let plan = self.plan.get_or_init(|| Plan::new(&self.choices));
            let stopping = plan.stopping.clone();
            Ok(HttpServer::new(self.start.await?, stopping))
        })
    }
}
