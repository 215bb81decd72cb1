//! Binding the sockets of a server, and what is said when that fails.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use socket2::Socket;

use crate::error::explained;
use crate::net::bind;

/// What was chosen about the sockets.
#[derive(Debug, Clone)]
pub(super) struct SocketOptions {
    pub(super) backlog: u32,
    pub(super) reuse_address: bool,
    pub(super) reuse_port: bool,
    pub(super) keep_alive: bool,
}

/// Binds to all addresses, leaving out the ones that this machine does not have at all. What is bound by the time of an
/// error is closed.
pub(super) fn bind_all(
    addresses: &[SocketAddr],
    options: &SocketOptions,
) -> io::Result<Vec<(Socket, SocketAddr)>> {
    let mut bound = Vec::new();
    let mut left_out = None;
    for &address in addresses {
        match bind_one(address, options) {
            Ok(socket) => bound.push(socket),
            Err(error) if addresses.len() > 1 && is_missing(&error) => left_out = Some((address, error)),
            Err(error) => return Err(cannot_listen(&address, error)),
        }
    }
    match left_out {
        Some((address, error)) if bound.is_empty() => Err(cannot_listen(&address, error)),
        _ => Ok(bound),
    }
}

fn bind_one(address: SocketAddr, options: &SocketOptions) -> io::Result<(Socket, SocketAddr)> {
    // With IPv4 listened on separately, the IPv6 socket must leave it alone.
    let socket = bind(address, options.reuse_address, options.reuse_port, true)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, bound))
}

/// Whether the machine lacks the address or its family.
fn is_missing(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EAFNOSUPPORT) {
        return true;
    }
    error.kind() == io::ErrorKind::AddrNotAvailable
}

/// The error, with the address and what to do.
pub(super) fn cannot_listen(address: &dyn fmt::Display, error: io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program listens there; choose another port, or 0 for any free one"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege; choose a higher one",
        io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
        _ => "",
    };
    let message = format!("cannot listen on {address}: {error}{advice}");
    explained(error, message)
}
