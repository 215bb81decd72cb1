//! Making sockets: non-blocking from the start, closed on exec, with the options that a server wants.

use std::io;
use std::net::{self, SocketAddr};

use heist_reactor::IoSource;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// A non-blocking TCP socket of the family of `address`.
pub(crate) fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    socket(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

/// A non-blocking socket. One system call where the system can make it so at once.
pub(crate) fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
    let socket = Socket::new_raw(domain, kind.nonblocking().cloexec(), protocol)?;
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd"
    )))]
    let socket = {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        socket
    };
    Ok(socket)
}

/// Connects to one address.
pub(crate) async fn connect(
    address: SocketAddr,
    local: Option<SocketAddr>,
) -> io::Result<IoSource<net::TcpStream>> {
    let socket = tcp_socket(address)?;
    if let Some(local) = local {
        socket.bind(&local.into())?;
    }
    connect_socket(socket, address).await
}

/// Connects a non-blocking socket to an address.
pub(crate) async fn connect_socket(
    socket: Socket,
    address: SocketAddr,
) -> io::Result<IoSource<net::TcpStream>> {
    let in_progress = match socket.connect(&address.into()) {
        Ok(()) => false,
        Err(error) if is_in_progress(&error) => true,
        Err(error) => return Err(error),
    };
    let source = IoSource::new(net::TcpStream::from(socket));
    if in_progress {
        source.writable().await?;
        if let Some(error) = source.get_ref().take_error()? {
            return Err(error);
        }
    }
    Ok(source)
}

/// Whether a connection attempt goes on.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

/// Lets several sockets have one port.
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    return socket.set_reuse_port(true);
    #[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))))]
    {
        let _ = socket;
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "several sockets on one port: not on this system; leave reuse_port out",
        ))
    }
}

/// A socket bound to `address`, not listening yet.
pub(crate) fn bind(
    address: SocketAddr,
    reuse_address: bool,
    reuse_port: bool,
    only_v6: bool,
) -> io::Result<Socket> {
    let socket = tcp_socket(address)?;
    if reuse_address {
        socket.set_reuse_address(true)?;
    }
    if reuse_port {
        share_port(&socket)?;
    }
    if address.is_ipv6() && only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Makes a bound socket listen.
pub(crate) fn listen(socket: Socket, backlog: u32) -> io::Result<net::TcpListener> {
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(net::TcpListener::from(socket))
}

/// Turns Nagle's algorithm off: small messages go at once, as asyncio has it for all its streams. Where that fails
/// the connection is as good as gone, and the next read or write says so.
pub(crate) fn no_delay(socket: &net::TcpStream) {
    let _ = SockRef::from(socket).set_tcp_nodelay(true);
}
