//! What connecting can fail with.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// No address could be connected to. The payload of the [`io::Error`] that [`open_connection`](crate::open_connection)
/// gives, whose kind is that of the first attempt:
///
/// ```
/// # fn look(error: std::io::Error) {
/// use heist_streams::ConnectError;
///
/// if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<ConnectError>()) {
///     for (address, error) in error.attempts() {
///         println!("{address}: {error}, system code {:?}", error.raw_os_error());
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ConnectError {
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl ConnectError {
    /// Wraps the failed attempts, of which there is at least one.
    pub(crate) fn into_io(attempts: Vec<(SocketAddr, io::Error)>) -> io::Error {
        let kind = attempts.first().map_or(io::ErrorKind::NotFound, |(_, error)| error.kind());
        io::Error::new(kind, Self { attempts })
    }

    /// Each address that was tried, and why it failed.
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        &self.attempts
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect to ")?;
        for (i, (address, error)) in self.attempts.iter().enumerate() {
            if i > 0 {
                f.write_str("; to ")?;
            }
            write!(f, "{address}: {error}{}", advice(error))?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.attempts.first().map(|(_, error)| error as _)
    }
}

/// What to do about an error, where something can be done.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => " - nobody listens there: start the server, or check the port",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            " - this machine has no way there: check its network, or choose another address family"
        }
        _ => "",
    }
}
