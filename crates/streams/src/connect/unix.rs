//! [`open_unix_connection`].

use std::io;
use std::path::{Path, PathBuf};

use heist_reactor::IoSource;

use super::{OpenConnection, Way};
use crate::StreamAddr;
use crate::address::name_of;
use crate::net::{unix_connect, unix_name};
use crate::wire::StreamSocket;

/// As [`open_connection`](crate::open_connection), to a Unix socket; asyncio's `open_unix_connection`. On Linux a `path` that
/// begins with a zero byte is an abstract name.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::open_unix_connection;
///
/// let (mut reader, writer) = open_unix_connection("/run/echo.sock").await?;
/// writer.write(b"Hello World!\n");
/// println!("{:?}", reader.readline().await?);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn open_unix_connection(path: impl AsRef<Path>) -> OpenConnection {
    OpenConnection::new(Ok(Way::Unix(path.as_ref().to_owned())))
}

/// Connects to a Unix socket.
pub(super) async fn connect(path: PathBuf) -> io::Result<(IoSource<StreamSocket>, StreamAddr)> {
    let socket = unix_connect(&path).await?;
    Ok((IoSource::new(StreamSocket::from(socket)), name_of(&unix_name(&path)?)))
}
