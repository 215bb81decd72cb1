//! [`ConnectionInfo`]: who asks.

use std::sync::Arc;

use crate::{StreamAddr, StreamWriter};

/// Over what connection a request has come; in the extensions of each.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use heist::serve::ConnectionInfo;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// heist::run(async {
///     let whoami = async |Extension(info): Extension<ConnectionInfo>| info.peer().to_string();
///     let server = heist::serve("127.0.0.1:0", Router::new().route("/", get(whoami))).await?;
///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
///     writer.write(b"GET / HTTP/1.0\r\n\r\n");
///     let answer = String::from_utf8(reader.read_to_end().await?)?;
///     assert!(answer.contains("\r\n\r\n127.0.0.1:"));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConnectionInfo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: StreamAddr,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsInfo>,
}

impl ConnectionInfo {
    pub(super) fn of(writer: &StreamWriter) -> Self {
        Self(Arc::new(Inner {
            peer: writer.peer_name(),
            #[cfg(feature = "tls")]
            tls: writer.tls_info(),
        }))
    }

    /// Who is at the other end.
    ///
    /// ```
    /// # fn example(info: &heist::serve::ConnectionInfo) {
    /// println!("a request from {}", info.peer());
    /// # }
    /// ```
    pub fn peer(&self) -> &StreamAddr {
        &self.0.peer
    }

    /// What TLS knows of the connection, such as the peer's certificates; `None` without TLS.
    ///
    /// ```
    /// # fn example(info: &heist::serve::ConnectionInfo) {
    /// let known = info.tls().is_some_and(|tls| !tls.peer_certificates().is_empty());
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&crate::tls::TlsInfo> {
        self.0.tls.as_ref()
    }
}
