//! Names looked up by the crate `hickory-resolver`: DNS without a thread that waits in `getaddrinfo`. The feature `hickory`,
//! which needs Rust 1.88.
//!
//! [`Resolver`] is hickory's resolver on the event loop, for [`open_connection`](crate::open_connection) and for questions of
//! other kinds (MX, SRV, TXT). Its look-ups are dropped with the future that asks, and what it sends and waits for is sockets,
//! timers and tasks of the loop, by [`Provider`]. DNS over TLS, HTTPS and DNSSEC are features of `hickory-resolver` itself; the first
//! two bring parts of tokio's runtime, and are not for here.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let resolver = heist::hickory::Resolver::from_system()?;
//! let (reader, writer) = heist::open_connection(("www.example.com", 80)).resolver(resolver).await?;
//! # drop((reader, writer));
//! # Ok(())
//! # }
//! ```

mod provider;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::IntoName;

use crate::{Resolve, Resolving};
pub use provider::{Provider, Spawner, Tcp, Timer, Udp};

/// A resolver on the event loop. A clone has the same cache.
///
/// It derefs to hickory's own, for every other question.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let resolver = heist::hickory::Resolver::from_system()?;
/// for address in resolver.lookup("www.example.com").await? {
///     println!("{address}");
/// }
/// println!("{:?}", resolver.mx_lookup("example.com.").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Resolver {
    inner: hickory_resolver::Resolver<Provider>,
}

impl Resolver {
    /// As the system is configured: on Unix by `/etc/resolv.conf` and `/etc/hosts`, which are read once, here.
    ///
    /// ```
    /// // No event loop runs here.
    /// assert!(heist::hickory::Resolver::from_system().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// When no event loop runs here; that of the files, where they cannot be read or understood.
    #[cfg(any(unix, windows))]
    pub fn from_system() -> io::Result<Self> {
        let builder = hickory_resolver::Resolver::builder(Provider::current()?).map_err(into_io)?;
        Ok(Self { inner: builder.build().map_err(into_io)? })
    }

    /// With those name servers and options.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist::run(async {
    /// use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
    ///
    /// let server = NameServerConfig::udp_and_tcp([127, 0, 0, 1].into());
    /// let config = ResolverConfig::from_parts(None, vec![], vec![server]);
    /// let resolver = heist::hickory::Resolver::new(config, ResolverOpts::default())?;
    /// // No name server is needed for this.
    /// assert_eq!(resolver.lookup("127.0.0.1").await?, [std::net::IpAddr::from([127, 0, 0, 1])]);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When no event loop runs here; hickory's, for a configuration that it cannot use.
    pub fn new(config: ResolverConfig, options: ResolverOpts) -> io::Result<Self> {
        let mut builder = hickory_resolver::Resolver::builder_with_config(config, Provider::current()?);
        *builder.options_mut() = options;
        Ok(Self { inner: builder.build().map_err(into_io)? })
    }

    /// The addresses of a host, IPv6 and IPv4; asyncio's `getaddrinfo`, without a port.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let addresses = heist::hickory::Resolver::from_system()?.lookup("localhost").await?;
    /// assert!(addresses.iter().all(|address| address.is_loopback()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) for a name that does not exist or has no address,
    /// [`TimedOut`](io::ErrorKind::TimedOut) where no name server answers in time,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no name, [`InvalidData`](io::ErrorKind::InvalidData) where an
    /// answer makes no sense. hickory's own error is inside.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the questions up.
    pub async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = host.into_name().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(self.inner.lookup_ip(name).await.map_err(into_io)?.iter().collect())
    }
}

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let addresses = self.lookup(host).await?;
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        })
    }
}

impl From<hickory_resolver::Resolver<Provider>> for Resolver {
    fn from(inner: hickory_resolver::Resolver<Provider>) -> Self {
        Self { inner }
    }
}

impl Deref for Resolver {
    type Target = hickory_resolver::Resolver<Provider>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

fn into_io(error: NetError) -> io::Error {
    let kind = match &error {
        NetError::Timeout => io::ErrorKind::TimedOut,
        NetError::Io(error) => error.kind(),
        NetError::Proto(_) => io::ErrorKind::InvalidData,
        error if error.is_no_records_found() => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
