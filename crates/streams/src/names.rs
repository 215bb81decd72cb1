//! Names of hosts: [`getaddrinfo`] and [`getnameinfo`].
//!
//! The system's calls block, so they run on the loop's blocking pool. What is a number already needs no call.

use std::ffi::CString;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use heist_reactor::{NameHints, look_up_address, look_up_name};
use heist_scheduler::Handle;

use crate::address::Family;
use crate::error::explained;

/// The kind of a socket; asyncio's `type`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{SocketKind, getaddrinfo};
///
/// let answers = getaddrinfo("127.0.0.1", 80).kind(SocketKind::Datagram).await?;
/// assert!(answers.iter().all(|info| info.kind == SocketKind::Datagram));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketKind {
    /// A stream of bytes, such as TCP; `SOCK_STREAM`.
    Stream,
    /// Datagrams, such as UDP; `SOCK_DGRAM`.
    Datagram,
    /// Whole packets; `SOCK_RAW`.
    Raw,
}

impl SocketKind {
    const ALL: [Self; 3] = [Self::Stream, Self::Datagram, Self::Raw];

    fn number(self) -> i32 {
        match self {
            Self::Stream => libc::SOCK_STREAM,
            Self::Datagram => libc::SOCK_DGRAM,
            Self::Raw => libc::SOCK_RAW,
        }
    }

    fn protocol(self) -> i32 {
        match self {
            Self::Stream => libc::IPPROTO_TCP,
            Self::Datagram => libc::IPPROTO_UDP,
            Self::Raw => 0,
        }
    }
}

/// One answer of [`getaddrinfo`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{AddrInfo, SocketKind, getaddrinfo};
///
/// let answers: Vec<AddrInfo> = getaddrinfo("::1", 80).kind(SocketKind::Stream).await?;
/// assert_eq!(answers[0].address, "[::1]:80".parse()?);
/// assert_eq!(answers[0].canonical_name, None);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddrInfo {
    /// What kind of socket it is for.
    pub kind: SocketKind,
    /// The number of the protocol; 0 is the usual one.
    pub protocol: i32,
    /// The host's proper name, where it was asked for.
    pub canonical_name: Option<String>,
    /// The address.
    pub address: SocketAddr,
}

/// Looks up the addresses of a host, and the port of a service: a number, or a name such as `"http"`. asyncio's
/// `loop.getaddrinfo`. Await it, perhaps after setting options.
///
/// An empty host is this machine, or every interface for [`passive`](GetAddrInfo::passive). Numbers are not sent to the
/// resolver.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist::{SocketKind, getaddrinfo};
///
/// for info in getaddrinfo("localhost", 80).kind(SocketKind::Stream).await? {
///     println!("{}", info.address);
/// }
/// # Ok(())
/// # }
/// ```
pub fn getaddrinfo(host: &str, service: impl fmt::Display) -> GetAddrInfo {
    GetAddrInfo {
        host: host.to_owned(),
        service: service.to_string(),
        family: Family::Any,
        kind: None,
        canonical_name: false,
        passive: false,
    }
}

/// A look-up about to be made; see [`getaddrinfo`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{Family, GetAddrInfo, SocketKind, getaddrinfo};
///
/// let look_up: GetAddrInfo = getaddrinfo("127.0.0.1", 80).family(Family::V4).kind(SocketKind::Stream);
/// assert_eq!(look_up.clone().await?, look_up.await?);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) for an unknown host, with its name; the resolver's, in its words; when no event
/// loop runs here.
///
/// # Cancel safety
///
/// Dropping the future lets the call end on its thread; its answer is lost.
#[derive(Debug, Clone)]
#[must_use = "await it to look the host up"]
pub struct GetAddrInfo {
    host: String,
    service: String,
    family: Family,
    kind: Option<SocketKind>,
    canonical_name: bool,
    passive: bool,
}

impl GetAddrInfo {
    /// Which family of addresses is wanted; either when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::{Family, getaddrinfo};
    ///
    /// let answers = getaddrinfo("localhost", 80).family(Family::V4).await?;
    /// assert!(answers.iter().all(|info| info.address.is_ipv4()));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Which kind of socket the addresses are for; each, one after the other, when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::{SocketKind, getaddrinfo};
    ///
    /// assert_eq!(getaddrinfo("127.0.0.1", 80).kind(SocketKind::Stream).await?.len(), 1);
    /// assert_eq!(getaddrinfo("127.0.0.1", 80).await?.len(), 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn kind(mut self, kind: SocketKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Whether the host's proper name is wanted, in the first answer; `AI_CANONNAME`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::getaddrinfo;
    ///
    /// let answers = getaddrinfo("localhost", 80).canonical_name(true).await?;
    /// assert!(answers[0].canonical_name.is_some());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn canonical_name(mut self, wanted: bool) -> Self {
        self.canonical_name = wanted;
        self
    }

    /// Whether the addresses are to be listened on; `AI_PASSIVE`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::{Family, getaddrinfo};
    ///
    /// let answers = getaddrinfo("", 80).family(Family::V4).passive(true).await?;
    /// assert!(answers[0].address.ip().is_unspecified(), "every interface");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn passive(mut self, passive: bool) -> Self {
        self.passive = passive;
        self
    }

    /// The answers, where host and service are numbers.
    fn numeric(&self) -> Option<Vec<AddrInfo>> {
        let (ip, port) = (self.host.parse::<IpAddr>().ok()?, self.service.parse::<u16>().ok()?);
        if self.canonical_name || !self.family.has(&(ip, port).into()) {
            return None;
        }
        let kinds = SocketKind::ALL.into_iter().filter(|kind| self.kind.is_none_or(|wanted| wanted == *kind));
        let answer = |kind: SocketKind| AddrInfo {
            kind,
            protocol: kind.protocol(),
            canonical_name: None,
            address: (ip, port).into(),
        };
        Some(kinds.map(answer).collect())
    }

    async fn look_up(self) -> io::Result<Vec<AddrInfo>> {
        if let Some(answers) = self.numeric() {
            return Ok(answers);
        }
        let subject = format!("look up host {:?}, service {:?}", self.host, self.service);
        on_pool(subject, move || self.ask()).await
    }

    /// Blocks.
    fn ask(self) -> io::Result<Vec<AddrInfo>> {
        let mut hints = NameHints {
            family: match self.family {
                Family::V4 => libc::AF_INET,
                Family::V6 => libc::AF_INET6,
                _ => libc::AF_UNSPEC,
            },
            kind: self.kind.map_or(0, SocketKind::number),
            ..NameHints::default()
        };
        if self.canonical_name {
            hints.flags |= libc::AI_CANONNAME;
        }
        if self.passive {
            hints.flags |= libc::AI_PASSIVE;
        }
        let (host, service) = (c_text(self.host)?, c_text(self.service)?);
        let found = look_up_name(host.as_deref(), service.as_deref(), hints)?;
        let answers = found.into_iter().filter_map(|found| {
            let kind = SocketKind::ALL.into_iter().find(|kind| kind.number() == found.kind)?;
            let (protocol, canonical_name) = (found.protocol, found.canonical_name);
            Some(AddrInfo { kind, protocol, canonical_name, address: found.address })
        });
        Ok(answers.collect())
    }
}

impl IntoFuture for GetAddrInfo {
    type Output = io::Result<Vec<AddrInfo>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.look_up())
    }
}

/// Looks up the host and the service at an address; asyncio's `loop.getnameinfo`. Await it, perhaps after setting options.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// let address = "127.0.0.1:80".parse().unwrap();
/// let (host, service) = heist::getnameinfo(address).numeric_service(true).await?;
/// println!("{host}:{service}");
/// # Ok(())
/// # }
/// ```
pub fn getnameinfo(address: SocketAddr) -> GetNameInfo {
    GetNameInfo {
        address,
        numeric_host: false,
        numeric_service: false,
        name_required: false,
        datagram: false,
    }
}

/// A look-up about to be made; see [`getnameinfo`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{GetNameInfo, getnameinfo};
///
/// let look_up: GetNameInfo = getnameinfo("127.0.0.1:80".parse()?).numeric_host(true).numeric_service(true);
/// assert_eq!(look_up.await?, ("127.0.0.1".to_owned(), "80".to_owned()));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// The resolver's, with the address; [`NotFound`](io::ErrorKind::NotFound) where a name is required and there is none; when
/// no event loop runs here.
///
/// # Cancel safety
///
/// Dropping the future lets the call end on its thread; its answer is lost.
#[derive(Debug, Clone)]
#[must_use = "await it to look the address up"]
pub struct GetNameInfo {
    address: SocketAddr,
    numeric_host: bool,
    numeric_service: bool,
    name_required: bool,
    datagram: bool,
}

impl GetNameInfo {
    /// Whether the host is wanted as a number; `NI_NUMERICHOST`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::getnameinfo;
    ///
    /// let (host, _) = getnameinfo("127.0.0.1:80".parse()?).numeric_host(true).await?;
    /// assert_eq!(host, "127.0.0.1");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn numeric_host(mut self, numeric: bool) -> Self {
        self.numeric_host = numeric;
        self
    }

    /// Whether the service is wanted as a number; `NI_NUMERICSERV`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::getnameinfo;
    ///
    /// let (_, service) = getnameinfo("127.0.0.1:80".parse()?).numeric_service(true).await?;
    /// assert_eq!(service, "80");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn numeric_service(mut self, numeric: bool) -> Self {
        self.numeric_service = numeric;
        self
    }

    /// Whether a host without a name is an error, instead of a number; `NI_NAMEREQD`.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::getnameinfo;
    ///
    /// // An address of a range that is nobody's.
    /// let nobody = getnameinfo("192.0.2.1:80".parse()?).name_required(true).await;
    /// assert_eq!(nobody.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub fn name_required(mut self, required: bool) -> Self {
        self.name_required = required;
        self
    }

    /// Whether the service is one of datagrams; `NI_DGRAM`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::getnameinfo;
    ///
    /// let look_up = getnameinfo("127.0.0.1:9".parse()?).numeric_host(true).numeric_service(true);
    /// assert_eq!(look_up.datagram(true).await?.1, "9");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn datagram(mut self, datagram: bool) -> Self {
        self.datagram = datagram;
        self
    }

    fn flags(&self) -> i32 {
        [
            (self.numeric_host, libc::NI_NUMERICHOST),
            (self.numeric_service, libc::NI_NUMERICSERV),
            (self.name_required, libc::NI_NAMEREQD),
            (self.datagram, libc::NI_DGRAM),
        ]
        .into_iter()
        .fold(0, |flags, (wanted, flag)| if wanted { flags | flag } else { flags })
    }

    async fn look_up(self) -> io::Result<(String, String)> {
        let subject = format!("look up the name of {}", self.address);
        on_pool(subject, move || look_up_address(self.address, self.flags())).await
    }
}

impl IntoFuture for GetNameInfo {
    type Output = io::Result<(String, String)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.look_up())
    }
}

/// Runs a look-up where it may block; an error says what it was about.
async fn on_pool<R: Send + 'static>(
    subject: String,
    ask: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> io::Result<R> {
    let Some(handle) = Handle::current() else {
        let message =
            format!("cannot {subject}: no event loop runs on this thread; await this inside heist::run");
        return Err(io::Error::other(message));
    };
    match handle.to_thread(ask).await {
        Ok(answer) => answer.map_err(|error| {
            let message = format!("cannot {subject}: {error}");
            explained(error, message)
        }),
        Err(error) => Err(io::Error::other(format!("cannot {subject}: {error}"))),
    }
}

/// The name as the system takes it; none where it is empty.
fn c_text(text: String) -> io::Result<Option<CString>> {
    if text.is_empty() {
        return Ok(None);
    }
    let message = format!("{text:?} has a zero byte in it");
    CString::new(text).map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, message))
}
