//! [`StreamAddr`]: who is at an end of a stream.

use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
#[cfg(unix)]
use std::{os::unix::net, path::Path, sync::Arc};

/// Who is at an end of a stream: an internet address, the name of a Unix socket, or nobody that has a name.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::SocketAddr;
/// use heist::StreamAddr;
///
/// let address: SocketAddr = "127.0.0.1:80".parse()?;
/// assert!(matches!(StreamAddr::from(address), StreamAddr::Inet(inet) if inet == address));
/// assert_eq!(StreamAddr::from(address).to_string(), "127.0.0.1:80");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StreamAddr {
    /// An internet socket.
    Inet(SocketAddr),
    /// A Unix socket that has a name: a path, or, on Linux, an abstract one.
    #[cfg(unix)]
    Unix(Arc<net::SocketAddr>),
    /// A pipe, a terminal, a Unix socket without a name; or a peer that was gone before the stream was made.
    Unnamed,
}

impl StreamAddr {
    /// The internet address, where it is one.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::SocketAddr;
    /// use heist::StreamAddr;
    ///
    /// let address: SocketAddr = "[::1]:80".parse()?;
    /// assert_eq!(StreamAddr::from(address).as_socket(), Some(address));
    /// assert_eq!(StreamAddr::Unnamed.as_socket(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            _ => None,
        }
    }

    /// The path of the Unix socket, where it has one.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::SocketAddr;
    /// use std::path::Path;
    /// use heist::StreamAddr;
    ///
    /// let name = StreamAddr::from(SocketAddr::from_pathname("/run/echo.sock")?);
    /// assert_eq!(name.as_pathname(), Some(Path::new("/run/echo.sock")));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(unix)]
    pub fn as_pathname(&self) -> Option<&Path> {
        match self {
            Self::Unix(name) => name.as_pathname(),
            _ => None,
        }
    }

    /// Whether there is no name.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixStream;
    /// use heist::StreamAddr;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// assert!(StreamAddr::from(near.peer_addr()?).is_unnamed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_unnamed(&self) -> bool {
        matches!(self, Self::Unnamed)
    }

    /// The internet address, or why there is none.
    pub(crate) fn to_socket(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Inet(address) => Ok(*address),
            Self::Unnamed => Err(io::ErrorKind::NotConnected.into()),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "{self} is a Unix socket and has no internet address: ask for peer_name or sock_name"
                ),
            )),
        }
    }
}

impl fmt::Display for StreamAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix(name) => match name.as_pathname() {
                Some(path) => path.display().fmt(f),
                // Its Debug form is the only one that shows abstract names on every system.
                None => write!(f, "{name:?}"),
            },
            Self::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

impl From<SocketAddr> for StreamAddr {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<Option<SocketAddr>> for StreamAddr {
    fn from(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::Unnamed, Self::Inet)
    }
}

#[cfg(unix)]
impl From<net::SocketAddr> for StreamAddr {
    fn from(name: net::SocketAddr) -> Self {
        if name.is_unnamed() { Self::Unnamed } else { Self::Unix(Arc::new(name)) }
    }
}

/// A name as each connection keeps it: one word for the most common kind. The others are kept elsewhere.
#[derive(Debug)]
pub(crate) enum ShortName {
    V4(SocketAddrV4),
    Elsewhere,
}

impl ShortName {
    /// The short name, and what is to be kept elsewhere.
    pub(crate) fn of(name: StreamAddr) -> (Self, Option<StreamAddr>) {
        match name {
            StreamAddr::Inet(SocketAddr::V4(address)) => (Self::V4(address), None),
            StreamAddr::Unnamed => (Self::Elsewhere, None),
            other => (Self::Elsewhere, Some(other)),
        }
    }
}
