//! Connecting and accepting.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use heist_reactor::Direction;
use socket2::{Domain, SockRef};

use super::stream_addr;
use super::waiting::{check_nonblocking, ready, waiting};
use crate::address::{Purpose, Target};
use crate::error::explained;
use crate::net::connect_unix_socket;
use crate::{StreamAddr, ToAddress};

/// Connects a socket; a name is looked up first, and the first of its addresses that is of the socket's family is taken.
/// asyncio's `loop.sock_connect`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::net::UdpSocket;
/// use heist::sock_connect;
///
/// let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// near.set_nonblocking(true)?;
/// sock_connect(&near, far.local_addr()?).await?;
/// assert_eq!(near.peer_addr()?, far.local_addr()?);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// The system's: refused, unreachable. Where the name has no address of the socket's family;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a socket in blocking mode.
///
/// # Cancel safety
///
/// The attempt goes on in the system. Calling this again for the same address waits for it; it may have succeeded
/// meanwhile.
pub async fn sock_connect(socket: &impl AsFd, address: impl ToAddress) -> io::Result<()> {
    connect(socket, address.to_target()).await
}

async fn connect(socket: &impl AsFd, target: io::Result<Target>) -> io::Result<()> {
    check_nonblocking(socket)?;
    let sock = SockRef::from(socket);
    let domain = family(&sock)?;
    let addresses = target?.resolve(Purpose::Connect).await?;
    let Some(address) = addresses.iter().copied().find(|address| Domain::for_address(*address) == domain)
    else {
        let message = format!("the socket is of the family {domain:?}, and none of {addresses:?} is");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let result = match sock.connect(&address.into()) {
        Err(error) if goes_on(&error) => finished(socket, &sock).await,
        Err(error) if error.raw_os_error() == Some(libc::EISCONN) && is_peer(&sock, address) => Ok(()),
        result => result,
    };
    result.map_err(|error| {
        let message = format!("cannot connect to {address}: {error}");
        explained(error, message)
    })
}

/// Waits for the end of an attempt.
async fn finished(socket: &impl AsFd, sock: &SockRef<'_>) -> io::Result<()> {
    ready(socket, Direction::Write).await?;
    sock.take_error()?.map_or(Ok(()), Err)
}

fn family(sock: &SockRef<'_>) -> io::Result<Domain> {
    Ok(Domain::from(i32::from(sock.local_addr()?.family())))
}

/// Whether the attempt goes on by itself: a new one, or one that was begun before.
fn goes_on(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY | libc::EINTR | libc::EAGAIN))
}

fn is_peer(sock: &SockRef<'_>, address: SocketAddr) -> bool {
    sock.peer_addr().is_ok_and(|peer| peer.as_socket() == Some(address))
}

/// Connects a Unix socket to that path; on Linux, a path that begins with a zero byte is an abstract name. asyncio's
/// `loop.sock_connect`.
///
/// Waits while the line of connections at the listener is full.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let path = std::env::temp_dir().join(format!("heist-sock-connect-{}", std::process::id()));
/// use std::os::unix::net::UnixDatagram;
/// use heist::sock_connect_unix;
///
/// let (socket, server) = (UnixDatagram::unbound()?, UnixDatagram::bind(&path)?);
/// socket.set_nonblocking(true)?;
/// sock_connect_unix(&socket, &path).await?;
/// assert_eq!(socket.peer_addr()?.as_pathname(), Some(path.as_path()));
/// # std::fs::remove_file(&path)?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// The system's, with the path; [`InvalidInput`](io::ErrorKind::InvalidInput) for a socket in blocking mode.
///
/// # Cancel safety
///
/// If the future is dropped before it is ready, nothing was done.
pub async fn sock_connect_unix(socket: &impl AsFd, path: impl AsRef<Path>) -> io::Result<()> {
    check_nonblocking(socket)?;
    connect_unix_socket(&SockRef::from(socket), path.as_ref()).await
}

/// Accepts a connection, as a descriptor that does not block, and who is at the other end. asyncio's `loop.sock_accept`.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use std::net::{TcpListener, TcpStream};
/// use heist::sock_accept;
///
/// let listener = TcpListener::bind("127.0.0.1:8888")?;
/// listener.set_nonblocking(true)?;
/// let (connection, peer) = sock_accept(&listener).await?;
/// println!("{peer}");
/// let connection = TcpStream::from(connection);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The system's: out of descriptors, not listening; [`InvalidInput`](io::ErrorKind::InvalidInput) for a socket in
/// blocking mode.
///
/// # Cancel safety
///
/// No connection is lost.
pub async fn sock_accept(listener: &impl AsFd) -> io::Result<(OwnedFd, StreamAddr)> {
    let (connection, peer) = waiting(listener, Direction::Read, || accept_now(listener)).await?;
    Ok((connection, stream_addr(peer)))
}

#[cfg(not(target_vendor = "apple"))]
fn accept_now(listener: &impl AsFd) -> io::Result<(OwnedFd, Option<rustix::net::SocketAddrAny>)> {
    use rustix::net::SocketFlags;
    Ok(rustix::net::acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?)
}

#[cfg(target_vendor = "apple")]
fn accept_now(listener: &impl AsFd) -> io::Result<(OwnedFd, Option<rustix::net::SocketAddrAny>)> {
    let (connection, peer) = rustix::net::acceptfrom(listener)?;
    let sock = SockRef::from(&connection);
    sock.set_nonblocking(true)?;
    sock.set_cloexec(true)?;
    Ok((connection, peer))
}
