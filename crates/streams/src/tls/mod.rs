//! TLS: streams that nobody else reads; asyncio's `ssl=` and `start_tls`.
//!
//! A [`TlsConnector`] is what a client needs for it, a [`TlsAcceptor`] what a server needs; either is a [`TlsContext`]. All
//! of Python's `ssl.SSLContext` that programs commonly set is in their builders. The streams are the same types with TLS and
//! without: it is a layer of the wire, made by [`StreamWriter::start_tls`](crate::StreamWriter::start_tls), on which
//! `open_connection(..).tls(..)` and `start_server(..).tls(..)` stand. How it works is in `docs/design/tls.md`.
//!
//! ```no_run
//! # use heist_streams as heist;
//! # async fn example() -> std::io::Result<()> {
//! use heist::{open_connection, tls::TlsConnector};
//!
//! let (mut reader, writer) = open_connection(("example.org", 443)).tls(TlsConnector::new()?).await?;
//! writer.write(b"HEAD / HTTP/1.0\r\nHost: example.org\r\n\r\n");
//! println!("{}", String::from_utf8_lossy(&reader.readline().await?));
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `connector`, `acceptor` | what each side trusts and who it is |
//! | `pem` | certificates and keys from PEM text |
//! | `choices` | what was chosen with `.tls(..)`, and whether it makes sense |
//! | `start` | the handshake over a pair of streams |
//! | `machine` | rustls over an input and an output |
//! | `sides` | the halves, which share a machine |
//! | `info` | [`TlsInfo`] |
//! | `error` | [`TlsError`] |

mod acceptor;
mod choices;
mod connector;
mod error;
mod info;
mod machine;
mod pem;
mod sides;
mod start;
#[cfg(all(test, not(heist_loom)))]
mod tests;

use std::sync::Arc;

#[doc(no_inline)]
pub use rustls;

pub use acceptor::{TlsAcceptor, TlsAcceptorBuilder};
pub(crate) use choices::{Choices, Plan, host_of};
pub use connector::{TlsConnector, TlsConnectorBuilder};
pub use error::{TlsError, TlsErrorKind};
pub use info::TlsInfo;
pub(crate) use start::Ends;
pub use start::StartTls;

/// What one end of a connection needs for TLS, and which end it is; asyncio's `ssl.SSLContext`.
///
/// ```
/// # use heist_streams as heist;
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// use heist::tls::{TlsAcceptor, TlsConnector, TlsContext};
///
/// let client = TlsConnector::builder().root_pem(&certificate).build()?;
/// assert!(matches!(TlsContext::from(client), TlsContext::Client(_)));
/// let server = TlsAcceptor::from_pem(&certificate, &key)?;
/// assert!(matches!(TlsContext::from(server), TlsContext::Server(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TlsContext {
    /// The end that connects.
    Client(TlsConnector),
    /// The end that accepts.
    Server(TlsAcceptor),
}

macro_rules! context {
    ($type:ty, $variant:ident) => {
        impl From<$type> for TlsContext {
            fn from(context: $type) -> Self {
                Self::$variant(context)
            }
        }
        impl From<&$type> for TlsContext {
            fn from(context: &$type) -> Self {
                Self::$variant(context.clone())
            }
        }
        impl From<&$type> for $type {
            fn from(context: &$type) -> Self {
                context.clone()
            }
        }
    };
}
context!(TlsConnector, Client);
context!(TlsAcceptor, Server);

/// The cryptography that everything here uses.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The protocols of ALPN as rustls takes them.
fn protocols<P: AsRef<[u8]>>(names: impl IntoIterator<Item = P>) -> Vec<Vec<u8>> {
    names.into_iter().map(|name| name.as_ref().to_vec()).collect()
}
