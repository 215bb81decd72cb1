//! [`open_unix_connection`], and the attempt behind it.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heist_reactor::IoSource;
use socket2::{SockAddr, Socket};

use super::attempt::is_in_progress;
use super::{OpenConnection, Way};
use crate::StreamAddr;
use crate::address::name_of;
use crate::net::unix_socket;

/// How long to wait for room in the backlog of a busy server, first and at most: the system does not tell when there is.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// As [`open_connection`](crate::open_connection), to a Unix socket; asyncio's `open_unix_connection`. On Linux a `path` that
/// begins with a zero byte is an abstract name.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::open_unix_connection;
///
/// let (mut reader, writer) = open_unix_connection("/run/echo.sock").await?;
/// writer.write(b"Hello World!\n");
/// println!("{:?}", reader.readline().await?);
/// # Ok(())
/// # }
/// ```
pub fn open_unix_connection(path: impl AsRef<Path>) -> OpenConnection {
    OpenConnection::new(Ok(Way::Unix(path.as_ref().to_owned())))
}

/// Connects to a Unix socket.
pub(super) async fn connect(path: PathBuf) -> io::Result<(IoSource<UnixStream>, StreamAddr)> {
    let address = SockAddr::unix(&path).map_err(|error| cannot_connect(&path, &error))?;
    let socket = unix_socket()?;
    let mut wait = FIRST_WAIT;
    loop {
        match connect_now(&socket, &address) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(cannot_connect(&path, &error)),
        }
        heist_timer::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    Ok((IoSource::new(UnixStream::from(socket)), name_of(&address)))
}

/// A Unix socket connects at once, or has no room; where a system has another way, it is asked again.
fn connect_now(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    socket.connect(address).or_else(|error| {
        const EISCONN: i32 = libc::EISCONN;
        match error.raw_os_error() {
            Some(EISCONN) => Ok(()),
            _ if is_in_progress(&error) => Err(io::ErrorKind::WouldBlock.into()),
            _ => Err(error),
        }
    })
}

fn cannot_connect(path: &Path, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => ": no socket is there; start the server, or check the path",
        io::ErrorKind::ConnectionRefused => ": nobody listens there any more; start the server",
        io::ErrorKind::InvalidInput => ": the path is empty or too long; it must have less than 108 bytes",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot connect to {}: {error}{advice}", path.display()))
}
