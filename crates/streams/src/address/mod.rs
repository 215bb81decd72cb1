//! What stands for an address, and how names become addresses.
//!
//! A numeric address is used as it is. A name is looked up by the system, which blocks, so that happens on the loop's
//! blocking pool; or by somebody else, a [`Resolve`].

mod resolve;
mod system;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

use heist_scheduler::Handle;

pub use resolve::{Resolve, Resolving};
pub(crate) use system::name_of;

/// What stands for an address: a [`SocketAddr`], several of them, `"host:port"`, a pair of host and port, or of several
/// hosts and their port.
///
/// A host of `None` or `""` means every interface to a server, and this machine to a client, as in asyncio.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{ToAddress, open_connection};
///
/// # #[allow(dead_code)]
/// async fn ask(address: impl ToAddress) -> std::io::Result<Vec<u8>> {
///     Ok(open_connection(address).await?.0.readline().await?)
/// }
/// assert!(ask("no port").await.is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say an address",
    label = "no address",
    note = "write `\"host:port\"`, `(\"host\", port)`, or give a `SocketAddr`"
)]
pub trait ToAddress: sealed::ToTarget {}

impl<T: sealed::ToTarget> ToAddress for T {}

/// A family of addresses; asyncio's `family`.
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
/// assert_eq!(Family::default(), Family::Any);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Family {
    /// Either of them.
    #[default]
    Any,
    /// IPv4 alone; `AF_INET`.
    V4,
    /// IPv6 alone; `AF_INET6`.
    V6,
}

impl Family {
    pub(crate) fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// An address as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(hidden)]
pub enum Target {
    /// Nothing to look up.
    Known(Vec<SocketAddr>),
    /// A name to look up.
    Name(String, u16),
    /// No host, only a port.
    AnyHost(u16),
    /// Several hosts.
    Several(Vec<Target>),
}

/// Whom the addresses are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Connect,
    Listen,
}

impl Target {
    /// The addresses, each once: at least one.
    pub(crate) async fn resolve(self, purpose: Purpose) -> io::Result<Vec<SocketAddr>> {
        self.resolve_in(purpose, Family::Any).await
    }

    /// The addresses of that family, each once: at least one.
    pub(crate) async fn resolve_in(self, purpose: Purpose, family: Family) -> io::Result<Vec<SocketAddr>> {
        self.resolve_by(None, purpose, family).await
    }

    /// As [`resolve_in`](Self::resolve_in), with names looked up by `resolver`, or by the system without one.
    pub(crate) async fn resolve_by(
        self,
        resolver: Option<&dyn Resolve>,
        purpose: Purpose,
        family: Family,
    ) -> io::Result<Vec<SocketAddr>> {
        let found = match self {
            Self::Several(targets) => {
                let mut found = Vec::new();
                for target in targets {
                    found.extend(target.look_up(resolver, purpose).await?);
                }
                found
            }
            one => one.look_up(resolver, purpose).await?,
        };
        let mut addresses = Vec::with_capacity(found.len());
        for address in found.iter().filter(|address| family.has(address)) {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        match (addresses.is_empty(), found.is_empty()) {
            (false, _) => Ok(addresses),
            (true, true) => Err(io::Error::new(io::ErrorKind::InvalidInput, "no address was given")),
            (true, false) => {
                let message = format!("none of the addresses {found:?} is of the family {family:?}");
                Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message))
            }
        }
    }

    async fn look_up(self, resolver: Option<&dyn Resolve>, purpose: Purpose) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Known(addresses) => Ok(addresses),
            Self::AnyHost(port) => {
                let (v4, v6) = match purpose {
                    Purpose::Connect => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
                    Purpose::Listen => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
                };
                Ok(vec![(v4, port).into(), (v6, port).into()])
            }
            Self::Name(host, port) => look_up(resolver, host, port).await,
            // Lists have one level, since no list stands for an address.
            Self::Several(_) => Ok(Vec::new()),
        }
    }
}

async fn look_up(resolver: Option<&dyn Resolve>, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = match resolver {
        Some(resolver) => resolver.resolve(&host, port).await,
        None => ask_system(host.clone(), port).await,
    };
    match found {
        Ok(addresses) if addresses.is_empty() => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("host {host:?} has no address")))
        }
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot look up host {host:?}: {error}"))),
    }
}

async fn ask_system(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let Some(handle) = Handle::current() else {
        return Err(io::Error::other("no event loop runs on this thread; await this inside heist::run"));
    };
    let found = handle.to_thread(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
    found.await.unwrap_or_else(|error| Err(io::Error::other(format!("the look-up did not end: {error}"))))
}

fn parse(text: &str) -> io::Result<Target> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Target::Known(vec![address]));
    }
    let split = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match split {
        Some((host, port)) if !host.contains(':') => host_and_port(host, port),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{text:?} is no address: write host:port, such as \"127.0.0.1:8888\" or \"[::1]:8888\""),
        )),
    }
}

fn host_and_port(host: &str, port: u16) -> io::Result<Target> {
    if host.is_empty() {
        return Ok(Target::AnyHost(port));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(Target::Known(vec![(ip, port).into()]));
    }
    if host.contains('\0') {
        let message = format!("{host:?} is no host name: it has a zero byte in it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(Target::Name(host.to_owned(), port))
}

mod sealed {
    use super::*;

    /// The way from what stands for an address to a target.
    pub trait ToTarget {
        /// The target; an error says how to write an address.
        fn to_target(&self) -> io::Result<Target>;
    }

    macro_rules! known {
        ($($type:ty),*) => {$(
            impl ToTarget for $type {
                fn to_target(&self) -> io::Result<Target> {
                    Ok(Target::Known(vec![SocketAddr::from(*self)]))
                }
            }
        )*};
    }
    known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

    macro_rules! text {
        ($($type:ty),*) => {$(
            impl ToTarget for ($type, u16) {
                fn to_target(&self) -> io::Result<Target> {
                    host_and_port(&self.0, self.1)
                }
            }
            impl ToTarget for (Option<$type>, u16) {
                fn to_target(&self) -> io::Result<Target> {
                    match &self.0 {
                        None => Ok(Target::AnyHost(self.1)),
                        Some(host) => host_and_port(host, self.1),
                    }
                }
            }
        )*};
    }
    text!(&str, String);

    /// Several hosts with one port.
    fn hosts<H: AsRef<str>>(hosts: &[H], port: u16) -> io::Result<Target> {
        let targets = hosts.iter().map(|host| host_and_port(host.as_ref(), port));
        Ok(Target::Several(targets.collect::<io::Result<_>>()?))
    }

    impl<H: AsRef<str>> ToTarget for (&[H], u16) {
        fn to_target(&self) -> io::Result<Target> {
            hosts(self.0, self.1)
        }
    }

    impl<H: AsRef<str>, const N: usize> ToTarget for ([H; N], u16) {
        fn to_target(&self) -> io::Result<Target> {
            hosts(&self.0, self.1)
        }
    }

    impl<H: AsRef<str>> ToTarget for (Vec<H>, u16) {
        fn to_target(&self) -> io::Result<Target> {
            hosts(&self.0, self.1)
        }
    }

    impl ToTarget for str {
        fn to_target(&self) -> io::Result<Target> {
            parse(self)
        }
    }

    impl ToTarget for String {
        fn to_target(&self) -> io::Result<Target> {
            parse(self)
        }
    }

    impl ToTarget for [SocketAddr] {
        fn to_target(&self) -> io::Result<Target> {
            Ok(Target::Known(self.to_vec()))
        }
    }

    impl<const N: usize> ToTarget for [SocketAddr; N] {
        fn to_target(&self) -> io::Result<Target> {
            Ok(Target::Known(self.to_vec()))
        }
    }

    impl ToTarget for Vec<SocketAddr> {
        fn to_target(&self) -> io::Result<Target> {
            Ok(Target::Known(self.clone()))
        }
    }

    impl<T: ToTarget + ?Sized> ToTarget for &T {
        fn to_target(&self) -> io::Result<Target> {
            (**self).to_target()
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::sealed::ToTarget;
    use super::*;

    fn known(text: &str) -> Target {
        Target::Known(vec![text.parse().unwrap()])
    }

    #[test]
    fn numbers_need_no_look_up() {
        for (target, expected) in [
            ("127.0.0.1:80".to_target(), "127.0.0.1:80"),
            ("[::1]:80".to_target(), "[::1]:80"),
            (("::1", 80).to_target(), "[::1]:80"),
            (("[::1]", 80).to_target(), "[::1]:80"),
            ((Some(String::from("127.0.0.1")), 80).to_target(), "127.0.0.1:80"),
            ((Ipv4Addr::LOCALHOST, 80).to_target(), "127.0.0.1:80"),
        ] {
            assert_eq!(target.unwrap(), known(expected));
        }
    }

    #[test]
    fn names_and_empty_hosts() {
        assert_eq!("localhost:8888".to_target().unwrap(), Target::Name("localhost".into(), 8888));
        assert_eq!(("localhost", 1).to_target().unwrap(), Target::Name("localhost".into(), 1));
        for target in [":8888".to_target(), ("", 8888).to_target(), (None::<&str>, 8888).to_target()] {
            assert_eq!(target.unwrap(), Target::AnyHost(8888));
        }
    }

    #[test]
    fn what_is_no_address_says_how_to_write_one() {
        for text in ["localhost", "localhost:", "host:70000", "::1:80", "a:b"] {
            let error = text.to_target().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("127.0.0.1:8888"), "{error}");
        }
        assert!(("a\0b", 1).to_target().is_err());
    }
}
