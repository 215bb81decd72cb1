//! Names of sockets, to and from the system's form.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

use rustix::net::{SocketAddrAny, SocketAddrUnix, sendto};

use super::transfer::NO_SIGNAL;
use crate::StreamAddr;

/// The name that the system gave.
pub(crate) fn stream_addr(address: Option<SocketAddrAny>) -> StreamAddr {
    let Some(address) = address else { return StreamAddr::Unnamed };
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return address.into();
    }
    let Ok(address) = SocketAddrUnix::try_from(address) else { return StreamAddr::Unnamed };
    let path = address.path_bytes().map(|bytes| net::SocketAddr::from_pathname(path_of(bytes)));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let path = path.or_else(|| {
        use std::os::linux::net::SocketAddrExt;
        Some(net::SocketAddr::from_abstract_name(address.abstract_name()?))
    });
    match path {
        Some(Ok(name)) => name.into(),
        _ => StreamAddr::Unnamed,
    }
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// The system's form of a name.
pub(super) enum SystemAddr {
    Inet(SocketAddr),
    Unix(SocketAddrUnix),
}

impl SystemAddr {
    pub(super) fn new(address: &StreamAddr) -> io::Result<Self> {
        match address {
            StreamAddr::Inet(address) => Ok(Self::Inet(*address)),
            StreamAddr::Unix(name) => {
                if let Some(path) = name.as_pathname() {
                    return Ok(Self::Unix(SocketAddrUnix::new(path)?));
                }
                #[cfg(any(target_os = "linux", target_os = "android"))]
                {
                    use std::os::linux::net::SocketAddrExt;
                    if let Some(name) = name.as_abstract_name() {
                        return Ok(Self::Unix(SocketAddrUnix::new_abstract_name(name)?));
                    }
                }
                Err(unnamed())
            }
            StreamAddr::Unnamed => Err(unnamed()),
        }
    }

    /// Sends a datagram there, without waiting.
    pub(super) fn send(&self, socket: BorrowedFd<'_>, data: &[u8]) -> io::Result<usize> {
        let sent = match self {
            Self::Inet(address) => sendto(socket, data, NO_SIGNAL, address),
            Self::Unix(address) => sendto(socket, data, NO_SIGNAL, address),
        };
        Ok(sent?)
    }
}

fn unnamed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the address has no name that something could be sent to")
}
