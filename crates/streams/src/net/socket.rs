//! Making sockets: non-blocking from the start, closed on exec, with the options that a server wants.

use std::io;
use std::net::{self, SocketAddr};

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
