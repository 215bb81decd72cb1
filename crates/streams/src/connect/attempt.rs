//! One attempt to connect to one address, and the race of several: Happy Eyeballs, RFC 8305.

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use heist_reactor::IoSource;
use socket2::Socket;

use super::{ConnectError, staggered_race};
use crate::error::explained;
use crate::net::tcp_socket;

/// How long an attempt is alone before the next one begins, when nothing else is said: RFC 8305 recommends 250 ms.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of the addresses that answers, and says which. `local` are the addresses that this end may have;
/// none is any. The addresses are tried in their order; after `head_start` the next one is tried beside the others, and
/// without one it waits until the one before has failed.
///
/// One address costs no allocation.
pub(crate) async fn connect_any(
    addresses: &[SocketAddr],
    local: &[SocketAddr],
    head_start: Option<Duration>,
) -> io::Result<(IoSource<net::TcpStream>, SocketAddr)> {
    if let [address] = *addresses {
        let source = connect(address, local).await;
        return match source {
            Ok(source) => Ok((source, address)),
            Err(error) => Err(ConnectError::into_io(vec![(address, error)])),
        };
    }
    let attempts: Vec<_> = addresses.iter().map(|&address| move || connect(address, local)).collect();
    let race = staggered_race(attempts, head_start).await;
    match race.winner {
        Some((number, source)) => Ok((source, addresses[number])),
        None => {
            let failures = race.failures.into_iter();
            Err(ConnectError::into_io(failures.map(|(number, error)| (addresses[number], error)).collect()))
        }
    }
}

/// Connects to one address. Dropped before its end, it closes its socket.
async fn connect(address: SocketAddr, local: &[SocketAddr]) -> io::Result<IoSource<net::TcpStream>> {
    let socket = tcp_socket(address)?;
    if !local.is_empty() {
        bind_local(&socket, address, local)?;
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

/// Binds to the first of the local addresses that can be; those of the other family are passed over.
fn bind_local(socket: &Socket, address: SocketAddr, local: &[SocketAddr]) -> io::Result<()> {
    let mut failed = None;
    for local in local.iter().filter(|local| local.is_ipv4() == address.is_ipv4()) {
        match socket.bind(&(*local).into()) {
            Ok(()) => return Ok(()),
            Err(error) => {
                let message = format!("cannot bind this end to {local}: {error}");
                failed = Some(explained(error, message));
            }
        }
    }
    Err(failed.unwrap_or_else(|| {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let message = format!("no local address is {family}: give one of that family as well");
        io::Error::new(io::ErrorKind::AddrNotAvailable, message)
    }))
}

fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}
