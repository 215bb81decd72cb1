//! [`TcpSocket`]: options before a connection is made, or a listener.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::options::{buffer_options, socket_options, tcp_options};
use super::socket::{listen, socket};
use super::{KeepAlive, TcpListener, TcpStream};
use crate::connect::connect_socket;
use crate::error::explained;

/// A TCP socket that neither listens nor is connected yet, for options that must be set before.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::net::TcpSocket;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuse_address(true)?;
/// socket.bind("127.0.0.1:8888".parse().unwrap())?;
/// let listener = socket.listen(16)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    socket: Socket,
}

tcp_options!(TcpSocket, |this| &this.socket);
socket_options! { TcpSocket, |this| &this.socket;
    /// Whether the address may be used again while old connections on it are still timing out.
    reuse_address, set_reuse_address: bool = reuse_address, set_reuse_address,
                "# use heist_streams as heist;\nuse heist::net::TcpSocket;\n\
                 \n\
                 let socket = TcpSocket::new_v4()?;\n\
                 socket.set_reuse_address(true)?;\n\
                 assert!(socket.reuse_address()?);";
}
#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
socket_options! { TcpSocket, |this| &this.socket;
    /// Whether other sockets may listen on the same port, with connections spread among them.
    reuse_port, set_reuse_port: bool = reuse_port, set_reuse_port,
                "# use heist_streams as heist;\nuse heist::net::TcpSocket;\n\
                 \n\
                 let socket = TcpSocket::new_v4()?;\n\
                 socket.set_reuse_port(true)?;\n\
                 assert!(socket.reuse_port()?);";
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert!(socket.local_addr()?.is_ipv4());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one when no descriptor is left.
    pub fn new_v4() -> io::Result<Self> {
        Ok(Self { socket: socket(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))? })
    }

    /// A socket for IPv6.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v6()?;
    /// socket.bind("[::1]:0".parse().unwrap())?;
    /// assert!(socket.local_addr()?.is_ipv6());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one where the machine has no IPv6.
    pub fn new_v6() -> io::Result<Self> {
        Ok(Self { socket: socket(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))? })
    }

    /// Whether an IPv6 socket leaves IPv4 alone.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::TcpSocket;
    ///
    /// TcpSocket::new_v6()?.set_only_v6(true)?;
    /// assert!(TcpSocket::new_v4()?.set_only_v6(true).is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, for one where the socket is of IPv4.
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        self.socket.set_only_v6(only)
    }

    /// Binds to an address of this machine.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the address: in use, not of this machine, no permission.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into()).map_err(|error| {
            let message = format!("cannot bind to {address}: {error}");
            explained(error, message)
        })
    }

    /// This end's address.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// assert_eq!(socket.local_addr()?.port(), 0);
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?;
        address.as_socket().ok_or_else(|| io::Error::other("the socket has no internet address"))
    }

    /// Listens; so many connections may wait to be accepted.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// let listener = socket.listen(16)?;
    /// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)], None)?;
    /// assert!(listener.accept().await.is_ok());
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: the address in use.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        Ok(TcpListener::from_nonblocking(listen(self.socket, backlog)?))
    }

    /// Connects.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::net::{TcpListener, TcpSocket};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpSocket::new_v4()?.connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: refused, unreachable, of another family than the socket.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes the socket.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        Ok(TcpStream { source: connect_socket(self.socket, address).await? })
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
