//! [`StartServer`]: what can be chosen about a server, and its start.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use heist_core::Unawaited;
use heist_core::sync::Mutex;
use heist_scheduler::Handle;

use super::accept::{Accepting, accept_all};
use super::bind::{SocketOptions, bind_all};
use super::connection::Streams;
use super::listener::Listener;
use super::outcome::Outcome;
use super::state::{Begin, Shared, State};
#[cfg(unix)]
use super::unix;
use super::{Server, ServerSocket};
use crate::address::{Family, Purpose, Target, name_of};
use crate::connect::check_limit;
use crate::ready::ReadySocket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter};

/// How many connections may wait to be accepted, when nothing else is said; asyncio's default.
const BACKLOG: u32 = 100;

/// Where a server listens.
#[derive(Debug)]
pub(super) enum Place {
    Address(Target),
    #[cfg(unix)]
    Unix(unix::SocketPath),
    Socket(ReadySocket),
}

/// A server about to be started; see [`start_server`](crate::start_server).
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_streams::{StreamReader, StreamWriter, start_server};
/// # async fn echo(_: StreamReader, _: StreamWriter) {}
/// use heist::StartServer;
///
/// let start: StartServer<_> = start_server(echo, "127.0.0.1:0");
/// let server = start.limit(1 << 20).backlog(1000).start_serving(false).await?;
/// assert_eq!(server.sockets().len(), 1);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// Awaiting it fails when one of its addresses cannot be listened on, with the address and what to do in the message:
/// in use, not of this machine, no permission. An address family that the machine lacks is left out, as long as another
/// is there. A host that is unknown, an address that is none and a limit of 0 are errors, too. Whatever was bound by then is
/// closed.
#[must_use = "nothing listens before it is awaited: `start_server(handler, address).await?`"]
pub struct StartServer<H> {
    handler: H,
    place: io::Result<Place>,
    limit: usize,
    family: Family,
    sockets: SocketOptions,
    #[cfg(unix)]
    cleanup_socket: bool,
    max_connections: Option<usize>,
    start_serving: bool,
    made_at: &'static Location<'static>,
    /// Who forgets the `.await` is told so in debug mode.
    made: Unawaited,
    #[cfg(feature = "tls")]
    pub(crate) tls: crate::tls::Choices,
}

impl<H> fmt::Debug for StartServer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartServer")
            .field("place", &self.place)
            .field("limit", &self.limit)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl<H> StartServer<H> {
    #[track_caller]
    pub(super) fn new(handler: H, place: io::Result<Place>) -> Self {
        Self {
            handler,
            place,
            limit: DEFAULT_LIMIT,
            family: Family::Any,
            sockets: SocketOptions {
                backlog: BACKLOG,
                reuse_address: cfg!(unix),
                reuse_port: false,
                keep_alive: false,
            },
            #[cfg(unix)]
            cleanup_socket: true,
            max_connections: None,
            start_serving: true,
            made_at: Location::caller(),
            made: Unawaited::here(),
            #[cfg(feature = "tls")]
            tls: crate::tls::Choices::default(),
        }
    }

    /// How many bytes the readers take for one line; 64 KiB when not set.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").limit(1 << 20).start_serving(false).await?;
    /// assert!(start_server(echo, "127.0.0.1:0").limit(0).await.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// How many connections may wait to be accepted, and how many are accepted before other tasks have a turn; 100 when not
    /// set.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").backlog(1000).await?;
    /// assert!(server.is_serving());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn backlog(mut self, connections: u32) -> Self {
        self.sockets.backlog = connections;
        self
    }

    /// Only addresses of this family; asyncio's `family`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// use heist::Family;
    ///
    /// let server = start_server(echo, ("localhost", 0)).family(Family::V4).start_serving(false).await?;
    /// assert!(server.sockets()[0].local_addr()?.is_ipv4());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Whether the address may be used again while old connections on it are still timing out; yes on Unix when not set.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").reuse_address(false).start_serving(false).await?;
    /// assert!(!server.sockets()[0].reuse_address()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.sockets.reuse_address = reuse;
        self
    }

    /// Whether other sockets may listen on the same port, with connections spread among them; no when not set. An
    /// [`Unsupported`](io::ErrorKind::Unsupported) error where the system cannot.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let first = start_server(echo, "127.0.0.1:0").reuse_port(true).await?;
    /// let address = first.sockets()[0].local_addr()?;
    /// let second = start_server(echo, address).reuse_port(true).await?;
    /// assert_eq!(second.sockets()[0].local_addr()?, address);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.sockets.reuse_port = reuse;
        self
    }

    /// Whether idle connections are probed, so that a peer that is gone without a word is noticed in the end; no when not
    /// set.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").keep_alive(true).start_serving(false).await?;
    /// assert!(server.sockets()[0].keep_alive()?);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn keep_alive(mut self, keep: bool) -> Self {
        self.sockets.keep_alive = keep;
        self
    }

    /// How many connections there may be at a time; without limit when not set. While there are that many, no other is
    /// accepted: those who connect wait in the backlog. A connection counts until its handler has ended and all it wrote has
    /// been sent.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").max_connections(1000).start_serving(false).await?;
    /// assert!(start_server(echo, "127.0.0.1:0").max_connections(0).await.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting the start fails for 0.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Whether closing the server removes the file of its Unix socket; yes when not set. A file that somebody else has put
    /// there in the meantime is left alone.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let path = std::env::temp_dir().join(format!("heist-cleanup-{}.sock", std::process::id()));
    /// use heist::start_unix_server;
    ///
    /// let server = start_unix_server(echo, &path).cleanup_socket(false).start_serving(false).await?;
    /// server.close();
    /// assert!(path.exists());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    #[cfg(unix)]
    pub fn cleanup_socket(mut self, cleanup: bool) -> Self {
        self.cleanup_socket = cleanup;
        self
    }

    /// Whether to accept connections at once; yes when not set. Otherwise [`Server::start_serving`] or
    /// [`Server::serve_forever`] begins.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// assert!(!server.is_serving());
    /// server.start_serving()?;
    /// assert!(server.is_serving());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn start_serving(mut self, start: bool) -> Self {
        self.start_serving = start;
        self
    }

    /// Refuses what contradicts itself.
    fn check(&self) -> io::Result<()> {
        check_limit(self.limit)?;
        let has_addresses = matches!(self.place, Ok(Place::Address(_)) | Err(_));
        let message = if self.max_connections == Some(0) {
            "a server for no connection at all: give max_connections at least 1"
        } else if !has_addresses && (self.family != Family::Any || self.sockets.reuse_port) {
            "family and reuse_port are about addresses, which a ready socket has already and a Unix socket lacks: \
             leave them out"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    /// The bound sockets.
    async fn bind(&mut self, place: Place) -> io::Result<Vec<Listener>> {
        match place {
            Place::Address(target) => {
                let addresses = target.resolve_in(Purpose::Listen, self.family).await?;
                let bound = bind_all(&addresses, &self.sockets)?;
                Ok(bound.into_iter().map(|(socket, address)| Listener::tcp(socket, address)).collect())
            }
            #[cfg(unix)]
            Place::Unix(path) => Ok(vec![path.bind(self.cleanup_socket)?]),
            Place::Socket(socket) => Ok(vec![self.adopt(socket)?]),
        }
    }

    /// The listener on a socket of the caller's.
    fn adopt(&self, socket: ReadySocket) -> io::Result<Listener> {
        let socket = socket.into_socket();
        let address = socket.local_addr()?;
        #[cfg(unix)]
        if address.is_unix() {
            let name = name_of(&address);
            let file = if self.cleanup_socket { unix::SocketFile::of(&name) } else { None };
            return Ok(Listener::unix(socket, name, file));
        }
        match name_of(&address).as_socket() {
            Some(address) if address.port() != 0 => Ok(Listener::tcp(socket, address)),
            _ => {
                let message = "the socket is not bound: bind it first, or give an address instead";
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
        }
    }
}

impl<H, Fut> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    async fn start(mut self) -> io::Result<Server> {
        self.made.polled();
        self.check()?;
        let Some(handle) = Handle::current() else {
            return Err(io::Error::other("start_server needs an event loop: await it inside heist::run"));
        };
        let place = std::mem::replace(&mut self.place, Ok(Place::Address(Target::Known(Vec::new()))))?;
        let listeners = self.bind(place).await?;
        let streams = Streams {
            limit: self.limit,
            #[cfg(feature = "tls")]
            tls: self.tls.plan(None)?.map(Arc::new),
        };
        let handler = self.handler;
        let begin: Begin = Box::new(move |shared, listener| {
            let accepting = accept_all(listener, Accepting::new(shared), handler.clone(), streams.clone());
            shared.handle.create_task(accepting).with_name("server accepting")
        });
        let listeners = listeners.into_iter().map(Arc::new).collect();
        let state = State::new(begin, listeners);
        let server = Server {
            shared: Arc::new(Shared {
                handle,
                made_at: self.made_at,
                backlog: self.sockets.backlog,
                max_connections: self.max_connections,
                state: Mutex::new(state),
            }),
        };
        if self.sockets.keep_alive {
            server.sockets().iter().try_for_each(ServerSocket::set_keep_alive)?;
        }
        if self.start_serving {
            server.start_serving()?;
        }
        Ok(server)
    }
}

impl<H, Fut> IntoFuture for StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    type Output = io::Result<Server>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Server>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
