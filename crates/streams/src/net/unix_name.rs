//! Names of Unix sockets, and making sockets with them.

use std::io;
use std::path::Path;
use std::time::Duration;

use heist_timer::sleep;
use socket2::{Domain, SockAddr, Socket, Type};

use super::socket::socket;
use crate::error::explained;

/// How long a connect rests at first, and at most, while the line of the listener is full.
const FIRST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(50);

/// The name: a path, or, on Linux, an abstract one where the path begins with a zero byte.
pub(crate) fn unix_name(path: &Path) -> io::Result<SockAddr> {
    SockAddr::unix(path).map_err(|error| with_path(path, "use", error))
}

/// Says which path an operation failed with.
pub(crate) fn with_path(path: &Path, what: &str, error: io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => ": a file of that name is there; remove it if no server uses it",
        io::ErrorKind::NotFound => ": no such file, or no such directory",
        io::ErrorKind::ConnectionRefused => ": no server listens there any more",
        io::ErrorKind::InvalidInput => ": it must have less than 108 bytes, and no zero byte but the first",
        _ => "",
    };
    let message = format!("cannot {what} the Unix socket {path:?}: {error}{advice}");
    explained(error, message)
}

/// A non-blocking Unix socket, without a name yet.
pub(crate) fn unix_socket(kind: Type) -> io::Result<Socket> {
    socket(Domain::UNIX, kind, None)
}

/// A listening socket of that name.
pub(crate) fn unix_listen(path: &Path, backlog: u32) -> io::Result<Socket> {
    let listen = || {
        let socket = unix_socket(Type::STREAM)?;
        socket.bind(&unix_name(path)?)?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(socket)
    };
    listen().map_err(|error| with_path(path, "listen on", error))
}

/// A socket connected to that name.
pub(crate) async fn unix_connect(path: &Path) -> io::Result<Socket> {
    let socket = unix_socket(Type::STREAM)?;
    connect_unix_socket(&socket, path).await?;
    Ok(socket)
}

/// Connects a non-blocking Unix socket. The system does not tell when a full line of connections has room again, so then
/// it is asked again after a rest.
pub(crate) async fn connect_unix_socket(socket: &Socket, path: &Path) -> io::Result<()> {
    let name = unix_name(path)?;
    let mut rest = FIRST_REST;
    loop {
        match socket.connect(&name) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(rest).await;
                rest = LONGEST_REST.min(rest * 2);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(with_path(path, "connect to", error)),
        }
    }
}
