//! [`TlsInfo`]: what the two ends agreed on.

use rustls::{Connection, ProtocolVersion};

use crate::StreamWriter;

/// What the two ends of a TLS connection agreed on; asyncio's `get_extra_info` of `'cipher'`, `'peercert'`, `'ssl_object'`.
///
/// ```
/// # use std::time::Duration;
/// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
/// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
/// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
/// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
/// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
/// # let address = server.sockets()[0].local_addr()?;
/// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
/// let info = writer.tls_info().unwrap();
/// assert_eq!((info.version(), info.server_name()), ("TLSv1.3", Some("localhost")));
/// # server.close();
/// # Ok(())
/// # }) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    version: &'static str,
    cipher: String,
    alpn_protocol: Option<Vec<u8>>,
    peer_certificates: Vec<Vec<u8>>,
    server_name: Option<String>,
}

impl TlsInfo {
    /// Of a connection whose handshake is done; `server_name` is whom a client asked for.
    pub(super) fn of(connection: &Connection, server_name: Option<&str>) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "unknown",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let server_name = match connection {
            Connection::Client(_) => server_name,
            Connection::Server(server) => server.server_name(),
        };
        Self {
            version,
            // rustls marks the suites of TLS 1.3, whose names are those of the standard otherwise.
            cipher: cipher.unwrap_or("unknown").replacen("TLS13_", "TLS_", 1),
            alpn_protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: connection
                .peer_certificates()
                .map(|chain| chain.iter().map(|certificate| certificate.to_vec()).collect())
                .unwrap_or_default(),
            server_name: server_name.map(str::to_owned),
        }
    }

    /// `"TLSv1.3"` or `"TLSv1.2"`; asyncio's `ssl_object.version()`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.version(), "TLSv1.3");
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The cipher suite by its standard name, such as `"TLS_AES_256_GCM_SHA384"`; asyncio's `cipher()`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert!(info.cipher().starts_with("TLS_"), "{}", info.cipher());
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn cipher(&self) -> &str {
        &self.cipher
    }

    /// The protocol that was chosen by ALPN; asyncio's `selected_alpn_protocol()`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).alpn(["h2"]).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).alpn(["h2"]).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.alpn_protocol(), Some(&b"h2"[..]));
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.alpn_protocol.as_deref()
    }

    /// The peer's certificate chain as DER, its own first; empty where it showed none. asyncio's
    /// `getpeercert(binary_form=True)`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.peer_certificates(), [identity.cert.der().to_vec()]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        &self.peer_certificates
    }

    /// Which server the client asked for; `None` at a server whose client did not say.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let hello = async |_reader: StreamReader, writer: StreamWriter| writer.write(b"hello\n");
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.server_name(), Some("localhost"));
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }
}

impl StreamWriter {
    /// What the ends agreed on, where the stream runs over TLS; asyncio's `get_extra_info('ssl_object')`. Stays known after
    /// the connection has ended.
    ///
    /// ```no_run
    /// # fn example(writer: &heist_streams::StreamWriter) {
    /// if let Some(info) = writer.tls_info() {
    ///     println!("{} with {}", info.version(), info.cipher());
    /// }
    /// # }
    /// ```
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.layered_info().map(|info| TlsInfo::clone(&info))
    }
}
