//! [`open_connection`]: a pair of streams to a server.
//!
//! | module | what it is |
//! |---|---|
//! | `order` | in which order the addresses are tried |
//! | `attempt` | one attempt to connect, and several |
//! | `race` | [`staggered_race`], on which several attempts run |
//! | `unix` | [`open_unix_connection`] |
//! | `error` | [`ConnectError`] |

mod attempt;
mod error;
mod order;
mod race;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use heist_core::Unawaited;
use heist_reactor::IoSource;

use crate::address::{Family, Purpose, Resolve, Target};
use crate::net::no_delay;
use crate::ready::{OwnedSocket, ReadySocket};
use crate::wire::streams_over_socket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter, ToAddress};
pub(crate) use attempt::connect_socket;
use attempt::{HEAD_START, connect_any};
pub use error::ConnectError;
use order::interleave;
pub use race::{StaggeredRace, staggered_race};
#[cfg(unix)]
pub use unix::open_unix_connection;

/// How many addresses of the first family come before the families take turns, when nothing else is said; asyncio's and
/// RFC 8305's.
const LEAD: usize = 1;

/// Connects to a server; asyncio's `open_connection`. Await it, perhaps after setting options.
///
/// Where the host has several addresses, they race by Happy Eyeballs (RFC 8305): IPv6 and IPv4 take turns, and each attempt
/// has a head start of 250 ms before the next one begins beside it.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::open_connection;
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
#[track_caller]
pub fn open_connection(address: impl ToAddress) -> OpenConnection {
    OpenConnection::new(address.to_target().map(Way::Address))
}

/// Makes a pair of streams of a socket that is connected already; asyncio's `open_connection(sock=...)`. Await it, perhaps
/// after setting [`limit`](OpenConnection::limit).
///
/// Takes the standard library's streams, those of [`net`](crate::net) by their `into_std`, and any other owned stream socket
/// (socket2's, one that was passed in); makes it non-blocking.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::open_connection_on;
///
/// let socket = std::net::TcpStream::connect("127.0.0.1:8888")?;
/// let (reader, writer) = open_connection_on(socket).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a socket of another kind, and with options that are about addresses;
/// [`NotConnected`](io::ErrorKind::NotConnected) for one that is not connected. The socket is closed.
#[track_caller]
pub fn open_connection_on(socket: impl Into<OwnedSocket>) -> OpenConnection {
    OpenConnection::new(ReadySocket::new(socket.into()).map(Way::Socket))
}

/// How the connection is made.
#[derive(Debug)]
enum Way {
    Address(Target),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
    Socket(ReadySocket),
}

/// A connection about to be made; see [`open_connection`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
/// use heist::{OpenConnection, open_connection_on};
///
/// let connect: OpenConnection = open_connection_on(socket);
/// let (reader, writer) = connect.limit(4096).await?;
/// assert_eq!(reader.limit(), 4096);
/// assert_eq!(writer.peer_addr()?, listener.local_addr()?);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// Awaiting it fails with a [`ConnectError`] inside when no address answers (refused, unreachable, out of descriptors): its
/// message names each address with its error. A host that is unknown, an address that is none and a limit of 0 are errors,
/// too.
///
/// # Cancel safety
///
/// Dropping the future gives the attempts up and closes their sockets.
#[must_use = "await it to connect"]
pub struct OpenConnection {
    way: io::Result<Way>,
    limit: usize,
    route: Route,
    timeout: Option<Duration>,
    /// Who forgets the `.await` is told so in debug mode.
    made: Unawaited,
    #[cfg(feature = "tls")]
    pub(crate) tls: crate::tls::Choices,
}

/// What was chosen about the addresses.
struct Route {
    local: Option<io::Result<Target>>,
    family: Family,
    lead: usize,
    head_start: Option<Duration>,
    resolver: Option<Arc<dyn Resolve>>,
}

impl Default for Route {
    fn default() -> Self {
        Self { local: None, family: Family::Any, lead: LEAD, head_start: Some(HEAD_START), resolver: None }
    }
}

impl fmt::Debug for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnection")
            .field("way", &self.way)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl OpenConnection {
    #[track_caller]
    fn new(way: io::Result<Way>) -> Self {
        Self {
            way,
            limit: DEFAULT_LIMIT,
            route: Route::default(),
            timeout: None,
            made: Unawaited::here(),
            #[cfg(feature = "tls")]
            tls: crate::tls::Choices::default(),
        }
    }

    /// How many bytes the reader takes for one line; 64 KiB when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// use heist::open_connection_on;
    ///
    /// let (reader, _writer) = open_connection_on(socket).limit(4096).await?;
    /// assert_eq!(reader.limit(), 4096);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The address of this end; asyncio's `local_addr`. Of several, each attempt takes the first one of its family that can
    /// be bound.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::open_connection;
    ///
    /// let (_reader, writer) = open_connection("127.0.0.1:8888").local_addr("127.0.0.1:4000").await?;
    /// assert_eq!(writer.local_addr()?.port(), 4000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(mut self, address: impl ToAddress) -> Self {
        self.route.local = Some(address.to_target());
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
    /// use heist::{Family, open_connection};
    ///
    /// // That address is of the other family, so none is left to try.
    /// assert!(open_connection("127.0.0.1:8888").family(Family::V6).await.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn family(mut self, family: Family) -> Self {
        self.route.family = family;
        self
    }

    /// How long an attempt is alone before the next address is tried beside it; 250 ms when not set. `None`: each waits
    /// until the one before has failed. asyncio's `happy_eyeballs_delay`, which is `None` there when not set.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use heist::open_connection;
    ///
    /// let quick = open_connection(("www.example", 80)).happy_eyeballs_delay(Duration::from_millis(50)).await?;
    /// let one_by_one = open_connection(("www.example", 80)).happy_eyeballs_delay(None).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn happy_eyeballs_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.route.head_start = delay.into();
        self
    }

    /// How many addresses of the first family are tried before the families take turns; 1 when not set. With 0 the addresses
    /// are tried in the order of the resolver. asyncio's `interleave`.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::open_connection;
    ///
    /// // Two addresses of the first family, then one of each in turn.
    /// let (reader, writer) = open_connection(("www.example", 80)).interleave(2).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn interleave(mut self, lead: usize) -> Self {
        self.route.lead = lead;
        self
    }

    /// Who looks the host's name up; the system, on a thread of the loop's pool, when not set. A numeric address needs nobody.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::io;
    /// use heist::open_connection;
    ///
    /// let nobody = |host, _port| async move { Err(io::Error::new(io::ErrorKind::NotFound, format!("no {host} here"))) };
    /// let error = open_connection(("www.example", 80)).resolver(nobody).await.unwrap_err();
    /// assert_eq!(error.to_string(), "cannot look up host \"www.example\": no www.example here");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.route.resolver = Some(Arc::new(resolver));
        self
    }

    /// How long all of it may take, look-up, attempts and TLS together; without limit when not set. The error is
    /// [`TimedOut`](io::ErrorKind::TimedOut).
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    /// use heist::open_connection;
    ///
    /// match open_connection(("www.example", 80)).timeout(Duration::from_secs(5)).await {
    ///     Err(error) if error.kind() == ErrorKind::TimedOut => println!("no answer in five seconds"),
    ///     connected => println!("{connected:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    async fn connect(mut self) -> io::Result<(StreamReader, StreamWriter)> {
        self.made.polled();
        check_limit(self.limit)?;
        match self.timeout {
            None => self.connect_in_time().await,
            Some(limit) => {
                heist_timer::timeout(limit, self.connect_in_time()).await.map_err(|_| too_slow(limit))?
            }
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn connect_in_time(self) -> io::Result<(StreamReader, StreamWriter)> {
        self.connect_plainly().await
    }

    #[cfg(feature = "tls")]
    async fn connect_in_time(self) -> io::Result<(StreamReader, StreamWriter)> {
        let host = match &self.way {
            Ok(Way::Address(target)) => crate::tls::host_of(target),
            _ => None,
        };
        let plan = self.tls.plan(host.as_deref())?;
        let (reader, writer) = self.connect_plainly().await?;
        match plan {
            None => Ok((reader, writer)),
            Some(plan) => plan.protect(reader, writer).await,
        }
    }

    async fn connect_plainly(self) -> io::Result<(StreamReader, StreamWriter)> {
        match self.way? {
            Way::Address(target) => {
                let (source, peer) = self.route.connect(target).await?;
                no_delay(source.get_ref());
                Ok(streams_over_socket(source, peer.into(), self.limit, None))
            }
            #[cfg(unix)]
            Way::Unix(path) => {
                self.route.check_unused()?;
                let (source, peer) = unix::connect(path).await?;
                Ok(streams_over_socket(source, peer, self.limit, None))
            }
            Way::Socket(socket) => {
                self.route.check_unused()?;
                socket.into_streams(self.limit)
            }
        }
    }
}

impl Route {
    async fn connect(self, target: Target) -> io::Result<(IoSource<net::TcpStream>, SocketAddr)> {
        let addresses = target.resolve_by(self.resolver.as_deref(), Purpose::Connect, self.family).await?;
        let addresses = interleave(addresses, self.lead);
        let local = match self.local {
            Some(local) => local?.resolve_in(Purpose::Listen, self.family).await?,
            None => Vec::new(),
        };
        connect_any(&addresses, &local, self.head_start).await
    }

    /// A socket that is ready has its addresses, and a Unix socket has none.
    fn check_unused(&self) -> io::Result<()> {
        if self.local.is_some() || self.family != Family::Any || self.resolver.is_some() {
            let message = "local_addr, family and resolver are about internet addresses, which a ready socket has \
                           already and a Unix socket lacks: leave them out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}

fn too_slow(limit: Duration) -> io::Error {
    let message = format!("no connection within {limit:?}: check the address, or allow more time");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

/// Connects to an address with nothing chosen.
pub(crate) async fn connect_to(target: io::Result<Target>) -> io::Result<IoSource<net::TcpStream>> {
    Ok(Route::default().connect(target?).await?.0)
}

/// asyncio refuses a limit that no line fits.
pub(crate) fn check_limit(limit: usize) -> io::Result<()> {
    if limit == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the limit of a stream cannot be 0: give the bytes of the longest line, or leave it out",
        ));
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
