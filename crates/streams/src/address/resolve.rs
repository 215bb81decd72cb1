//! [`Resolve`]: somebody else who looks names up.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// A look-up of [`Resolve`], under way.
///
/// ```
/// # use heist_streams as heist;
/// use std::net::SocketAddr;
/// use heist::Resolving;
///
/// let known: Resolving<'_> = Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))]) });
/// # drop(known);
/// ```
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Looks names up, in place of the system's `getaddrinfo`; given to
/// [`OpenConnection::resolver`](crate::OpenConnection::resolver). Closures do, as do resolvers behind features of the facade.
/// Numeric addresses never come here.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use std::net::SocketAddr;
/// use heist::{Resolve, Resolving};
///
/// struct Here;
///
/// impl Resolve for Here {
///     fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> Resolving<'a> {
///         Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
///     }
/// }
/// assert_eq!(Here.resolve("anything", 80).await?[0].port(), 80);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
pub trait Resolve: Send + Sync {
    /// The addresses of a host, in the order in which they are to be tried, with that port.
    ///
    /// # Errors
    ///
    /// Say [`NotFound`](io::ErrorKind::NotFound) for a host that does not exist. The caller of `open_connection` gets the error
    /// with the host's name before it.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where the connection is given up.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

impl<F, R> Resolve for F
where
    F: Fn(String, u16) -> R + Send + Sync,
    R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(self(host.to_owned(), port))
    }
}
