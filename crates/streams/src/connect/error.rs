//! What connecting can fail with.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// No address could be connected to. The payload of the [`io::Error`] that [`open_connection`](crate::open_connection)
/// gives, whose kind is that of the first attempt:
///
/// ```
/// # use heist_streams as heist;
/// # fn look(error: std::io::Error) {
/// use heist::ConnectError;
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
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// # drop(listener);
    /// use heist::{ConnectError, open_connection};
    ///
    /// // Nobody listens there any more.
    /// let error = open_connection(address).await.unwrap_err();
    /// let inner = error.get_ref().and_then(|error| error.downcast_ref::<ConnectError>());
    /// assert_eq!(inner.unwrap().attempts()[0].0, address);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
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
