//! [`UdpSocket`] and its builder.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use heist_reactor::{Direction, IoSource};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::datagram::datagram_socket;
use super::options::{buffer_options, socket_options, ttl_options};
use super::ready::{self, Interest, Ready, any_socket};
use super::socket::{share_port, socket};
use crate::ToAddress;
use crate::address::{Purpose, Target};
use crate::error::explained;

/// A UDP socket.
///
/// The methods that borrow it shared may be called by several tasks; each datagram goes to one of them.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::UdpSocket;
///
/// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// near.send_to(b"ping", far.local_addr()?).await?;
/// let mut buf = [0; 100];
/// let (n, from) = far.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..n], from), (&b"ping"[..], near.local_addr()?));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    source: IoSource<net::UdpSocket>,
}

datagram_socket!(
    UdpSocket,
    net::UdpSocket,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
     \n\
     let mut near = UdpSocket::bind(\"127.0.0.1:0\").await?;\n\
     let mut far = UdpSocket::bind(\"127.0.0.1:0\").await?;\n\
     near.connect(far.local_addr()?).await?;\n\
     far.connect(near.local_addr()?).await?;"
);
any_socket!(
    UdpSocket,
    net::UdpSocket,
    SocketAddr,
    "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
     \n\
     let socket = UdpSocket::bind(\"127.0.0.1:0\").await?;"
);
buffer_options!(UdpSocket, |this| this.source.get_ref());
ttl_options!(UdpSocket);
socket_options! { UdpSocket, |this| this.source.get_ref();
    /// Whether datagrams may be sent to everybody on the network; no unless set.
    broadcast, set_broadcast: bool = broadcast, set_broadcast,
                "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
                 \n\
                 let socket = UdpSocket::from_std(std::net::UdpSocket::bind(\"127.0.0.1:0\")?)?;\n\
                 assert!(!socket.broadcast()?);\n\
                 socket.set_broadcast(true)?;\n\
                 assert!(socket.broadcast()?);";
    /// Whether what is sent to an IPv4 group comes back to this machine.
    multicast_loop_v4, set_multicast_loop_v4: bool = multicast_loop_v4, set_multicast_loop_v4,
                "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
                 \n\
                 let socket = UdpSocket::from_std(std::net::UdpSocket::bind(\"127.0.0.1:0\")?)?;\n\
                 socket.set_multicast_loop_v4(false)?;\n\
                 assert!(!socket.multicast_loop_v4()?);";
    /// Whether what is sent to an IPv6 group comes back to this machine.
    multicast_loop_v6, set_multicast_loop_v6: bool = multicast_loop_v6, set_multicast_loop_v6,
                "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
                 \n\
                 # // A machine without IPv6 has no such socket.\n\
                 # let Ok(socket) = std::net::UdpSocket::bind(\"[::1]:0\") else { return Ok(()) };\n\
                 # let socket = UdpSocket::from_std(socket)?;\n\
                 socket.set_multicast_loop_v6(false)?;\n\
                 assert!(!socket.multicast_loop_v6()?);";
    /// How many hops a datagram to an IPv4 group may take.
    multicast_ttl_v4, set_multicast_ttl_v4: u32 = multicast_ttl_v4, set_multicast_ttl_v4,
                "# use heist_streams as heist;\nuse heist::net::UdpSocket;\n\
                 \n\
                 let socket = UdpSocket::from_std(std::net::UdpSocket::bind(\"127.0.0.1:0\")?)?;\n\
                 socket.set_multicast_ttl_v4(3)?;\n\
                 assert_eq!(socket.multicast_ttl_v4()?, 3);";
}

impl UdpSocket {
    /// A socket bound to the first of the addresses that can be bound; port 0 is any free one.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// assert!(UdpSocket::bind(socket.local_addr()?).await.is_err());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of the last address, with its name: in use, not of this machine, no permission.
    pub async fn bind(address: impl ToAddress) -> io::Result<Self> {
        Self::builder().local_addr(address).build().await
    }

    /// A socket with options, or one that is connected at once; asyncio's `create_datagram_endpoint`, without the
    /// protocol.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::builder().remote_addr("127.0.0.1:53").build().await?;
    /// socket.send(b"?").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> UdpBuilder {
        UdpBuilder::default()
    }

    /// Connects to the first of the addresses that the system takes: [`send`](Self::send) goes there, and nothing is
    /// received from elsewhere.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// near.connect(far.local_addr()?).await?;
    /// assert_eq!(near.peer_addr()?, far.local_addr()?);
    /// near.send(b"ping").await?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// assert_eq!(far.recv(&mut [0; 10]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub async fn connect(&self, address: impl ToAddress) -> io::Result<()> {
        let addresses = address.to_target()?.resolve(Purpose::Connect).await?;
        first_that(&addresses, "connect to", |address| self.source.get_ref().connect(address))
    }

    /// Sends a datagram to `address`, waiting while there is no room.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// assert_eq!(near.send_to(b"ping", far.local_addr()?).await?, 4);
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// let (n, from) = far.recv_from(&mut [0; 10]).await?;
    /// assert_eq!((n, from), (4, near.local_addr()?));
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The socket's: too long a datagram, an address of another family, no permission to broadcast.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was sent.
    pub async fn send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.source.io(Direction::Write, |socket| socket.send_to(buf, address)).await
    }

    /// As [`send_to`](Self::send_to), if there is room at once.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// assert_eq!(near.try_send_to(b"ping", far.local_addr()?)?, 4);
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// assert_eq!(far.try_recv(&mut [0; 10])?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none: await [`writable`](Self::writable). As
    /// [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        self.source.try_io(Direction::Write, |socket| socket.send_to(buf, address))
    }

    /// [`send_to`](Self::send_to) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (mut near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// let address = far.local_addr()?;
    /// let sent = std::future::poll_fn(|cx| near.poll_send_to(cx, b"ping", address)).await?;
    /// assert_eq!(sent, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_send_to(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
        address: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, |socket| socket.send_to(buf, address))
    }

    /// Looks at the next datagram without taking it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// near.send_to(b"ping", far.local_addr()?).await?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// assert_eq!(far.peek(&mut [0; 10]).await?, 4);
    /// // It is still there.
    /// assert_eq!(far.recv(&mut [0; 10]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.io(Direction::Read, |socket| socket.peek(buf)).await
    }

    /// As [`peek`](Self::peek), and tells who sent it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// near.send_to(b"ping", far.local_addr()?).await?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
    /// let (_, from) = far.peek_from(&mut [0; 10]).await?;
    /// assert_eq!(from, near.local_addr()?);
    /// assert_eq!(far.recv(&mut [0; 10]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source.io(Direction::Read, |socket| socket.peek_from(buf)).await
    }

    /// Joins an IPv4 group, on the interface of that address; the unspecified one lets the system choose.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::net::Ipv4Addr;
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let group = Ipv4Addr::new(224, 0, 0, 250);
    /// socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// // A socket is in a group once.
    /// assert!(socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: no group's address, no such interface.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get_ref().join_multicast_v4(&group, &interface)
    }

    /// Leaves an IPv4 group.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::net::Ipv4Addr;
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let group = Ipv4Addr::new(224, 0, 0, 250);
    /// socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// assert!(socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one where the socket is not in the group.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get_ref().leave_multicast_v4(&group, &interface)
    }

    /// Joins an IPv6 group, on the interface of that index; 0 lets the system choose.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use std::net::Ipv6Addr;
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("[::1]:0").await?;
    /// // Not the address of a group.
    /// assert!(socket.join_multicast_v6(Ipv6Addr::LOCALHOST, 0).is_err());
    /// socket.join_multicast_v6("ff02::fb".parse().unwrap(), 0)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: no group's address, no such interface.
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get_ref().join_multicast_v6(&group, interface)
    }

    /// Leaves an IPv6 group.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use std::net::Ipv6Addr;
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("[::1]:0").await?;
    /// let group: Ipv6Addr = "ff02::fb".parse().unwrap();
    /// socket.join_multicast_v6(group, 0)?;
    /// socket.leave_multicast_v6(group, 0)?;
    /// assert!(socket.leave_multicast_v6(group, 0).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one where the socket is not in the group.
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get_ref().leave_multicast_v6(&group, interface)
    }
}

/// Tries an operation with one address after the other; the last error names its address.
fn first_that<T>(
    addresses: &[SocketAddr],
    what: &str,
    mut op: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for &address in addresses {
        match op(address) {
            Ok(value) => return Ok(value),
            Err(error) => {
                let message = format!("cannot {what} {address}: {error}");
                last = Some(explained(error, message));
            }
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no address was given")))
}

/// A UDP socket about to be made; see [`UdpSocket::builder`].
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::net::UdpSocket;
///
/// let socket = UdpSocket::builder().local_addr("127.0.0.1:0").broadcast(true).build().await?;
/// assert!(socket.broadcast()?);
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug, Default)]
#[must_use = "call `build` to make the socket"]
pub struct UdpBuilder {
    local: Option<io::Result<Target>>,
    remote: Option<io::Result<Target>>,
    broadcast: bool,
    reuse_port: bool,
}

impl UdpBuilder {
    /// The address to bind to; without one, the system chooses at the first datagram.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::builder().local_addr("127.0.0.1:0").build().await?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn local_addr(mut self, address: impl ToAddress) -> Self {
        self.local = Some(address.to_target());
        self
    }

    /// The address to connect to.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let far = UdpSocket::bind("127.0.0.1:0").await?;
    /// let near = UdpSocket::builder().remote_addr(far.local_addr()?).build().await?;
    /// assert_eq!(near.peer_addr()?, far.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn remote_addr(mut self, address: impl ToAddress) -> Self {
        self.remote = Some(address.to_target());
        self
    }

    /// Whether datagrams may be sent to everybody on the network; no when not set. asyncio's `allow_broadcast`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let socket = UdpSocket::builder().local_addr("127.0.0.1:0").broadcast(true).build().await?;
    /// assert!(socket.broadcast()?);
    /// assert!(!UdpSocket::bind("127.0.0.1:0").await?.broadcast()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn broadcast(mut self, allow: bool) -> Self {
        self.broadcast = allow;
        self
    }

    /// Whether other sockets may have the same port, with datagrams spread among them; no when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// let first = UdpSocket::builder().local_addr("127.0.0.1:0").reuse_port(true).build().await?;
    /// let address = first.local_addr()?;
    /// let second = UdpSocket::builder().local_addr(address).reuse_port(true).build().await?;
    /// assert_eq!(second.local_addr()?, address);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Makes the socket, with the first pair of addresses of one family that works.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::UdpSocket;
    ///
    /// assert!(UdpSocket::builder().local_addr("127.0.0.1:0").build().await.is_ok());
    /// let error = UdpSocket::builder().build().await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where neither address is given, or the two have no family in
    /// common; the last pair's, with its address.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was made by then.
    pub async fn build(mut self) -> io::Result<UdpSocket> {
        let local = resolve(self.local.take(), Purpose::Listen).await?;
        let remote = resolve(self.remote.take(), Purpose::Connect).await?;
        let pairs = pairs(local.as_deref(), remote.as_deref())?;
        let mut last = None;
        for (local, remote) in pairs {
            match self.make(local, remote) {
                Ok(socket) => {
                    return Ok(UdpSocket { source: IoSource::new(net::UdpSocket::from(socket)) });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no address was given")))
    }

    fn make(&self, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> io::Result<Socket> {
        let family = local.or(remote).map_or(Domain::IPV4, Domain::for_address);
        let socket = socket(family, Type::DGRAM, Some(Protocol::UDP))?;
        if self.reuse_port {
            share_port(&socket)?;
        }
        if self.broadcast {
            socket.set_broadcast(true)?;
        }
        if let Some(local) = local {
            first_that(&[local], "bind to", |local| socket.bind(&local.into()))?;
        }
        if let Some(remote) = remote {
            first_that(&[remote], "connect to", |remote| socket.connect(&remote.into()))?;
        }
        Ok(socket)
    }
}

async fn resolve(
    target: Option<io::Result<Target>>,
    purpose: Purpose,
) -> io::Result<Option<Vec<SocketAddr>>> {
    match target {
        Some(target) => Ok(Some(target?.resolve(purpose).await?)),
        None => Ok(None),
    }
}

/// The ways to take one address of each kind that is given, so that they have one family.
fn pairs(
    local: Option<&[SocketAddr]>,
    remote: Option<&[SocketAddr]>,
) -> io::Result<Vec<(Option<SocketAddr>, Option<SocketAddr>)>> {
    let refused = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    match (local, remote) {
        (None, None) => refused("a UDP socket needs an address: give local_addr, remote_addr, or both"),
        (Some(local), None) => Ok(local.iter().map(|&local| (Some(local), None)).collect()),
        (None, Some(remote)) => Ok(remote.iter().map(|&remote| (None, Some(remote))).collect()),
        (Some(local), Some(remote)) => {
            let pairs: Vec<_> = local
                .iter()
                .flat_map(|&local| remote.iter().map(move |&remote| (local, remote)))
                .filter(|(local, remote)| local.is_ipv4() == remote.is_ipv4())
                .map(|(local, remote)| (Some(local), Some(remote)))
                .collect();
            if pairs.is_empty() {
                return refused(
                    "the local and the remote address have no family in common: both IPv4, or both IPv6",
                );
            }
            Ok(pairs)
        }
    }
}
