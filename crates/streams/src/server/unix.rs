//! [`start_unix_server`], and the file that a Unix socket leaves behind.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heist_core::services::ExceptionContext;
use socket2::{SockAddr, Type};

use super::StartServer;
use super::bind::cannot_listen;
use super::listener::Listener;
use super::options::Place;
use super::outcome::Outcome;
use crate::address::name_of;
use crate::error::explained;
use crate::net::unix_socket;
use crate::report::report;
use crate::{StreamAddr, StreamReader, StreamWriter};

/// As [`start_server`](crate::start_server), on a Unix socket; asyncio's `start_unix_server`.
///
/// A socket file at `path` that nobody listens on any more is removed first; one with a living server behind it is an
/// address in use (asyncio would take it over), and so is any other file. Closing the server removes the file, if it is
/// still its own; [`cleanup_socket`](StartServer::cleanup_socket) can leave it. On Linux a `path` that begins with a zero byte
/// is an abstract name, which has no file.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::{StreamReader, StreamWriter, start_unix_server};
///
/// let echo = async |mut reader: StreamReader, writer: StreamWriter| {
///     writer.write(&reader.readline().await?);
///     writer.drain().await
/// };
/// let server = start_unix_server(echo, "/run/echo.sock").await?;
/// server.serve_forever().await
/// # }
/// ```
#[track_caller]
pub fn start_unix_server<H, Fut>(handler: H, path: impl AsRef<Path>) -> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    StartServer::new(handler, Ok(Place::Unix(SocketPath(path.as_ref().to_owned()))))
}

/// Where a Unix socket is to be.
#[derive(Debug)]
pub(super) struct SocketPath(PathBuf);

impl SocketPath {
    /// A bound socket.
    pub(super) fn bind(&self, cleanup: bool) -> io::Result<Listener> {
        let address = SockAddr::unix(&self.0).map_err(|error| self.cannot_listen(error))?;
        let name = name_of(&address);
        if name.as_pathname().is_some() {
            remove_stale(&self.0, &address).map_err(|error| self.cannot_listen(error))?;
        }
        let bound = unix_socket(Type::STREAM).and_then(|socket| socket.bind(&address).map(|()| socket));
        let socket = bound.map_err(|error| self.cannot_listen(error))?;
        let file = if cleanup { SocketFile::of(&name) } else { None };
        Ok(Listener::unix(socket, name, file))
    }

    fn cannot_listen(&self, error: io::Error) -> io::Error {
        let path = self.0.display();
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                ": a server listens there, or a file is there that is no socket; choose another path"
            }
            io::ErrorKind::NotFound => ": its directory is not there; make it first",
            io::ErrorKind::InvalidInput => {
                ": the path is empty or too long; choose one of less than 108 bytes"
            }
            _ => return cannot_listen(&path, error),
        };
        let message = format!("cannot listen on {path}: {error}{advice}");
        explained(error, message)
    }
}

/// Removes the file of a socket that nobody listens on: a connect to it is refused. Anything else is left for `bind` to
/// stumble over.
///
/// A server that has bound and does not listen yet looks the same, so two that are started at once on one path may take it
/// from each other, as they may in asyncio.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        _ => return Ok(()),
    }
    match unix_socket(Type::STREAM)?.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => match fs::remove_file(path) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
        _ => Ok(()),
    }
}

/// The file of a bound socket: removed on drop, if it is still the same one.
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The file of that name, if there is one.
    pub(super) fn of(name: &StreamAddr) -> Option<Self> {
        // A change of the working directory must not lead elsewhere.
        let path = std::path::absolute(name.as_pathname()?).ok()?;
        let metadata = fs::metadata(&path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino(), path })
    }

    fn remove(&self) -> io::Result<()> {
        let metadata = fs::metadata(&self.path)?;
        if (metadata.dev(), metadata.ino()) == (self.device, self.inode) {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        match self.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let message = format!("cannot remove the file of the Unix socket {}", self.path.display());
                report(&ExceptionContext::new(message).with_exception(Arc::new(error)));
            }
            _ => {}
        }
    }
}
