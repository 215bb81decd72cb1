//! [`TlsInfo`]: what the two ends agreed on.

use rustls::{Connection, ProtocolVersion};

use crate::StreamWriter;

/// What the two ends of a TLS connection agreed on; asyncio's `get_extra_info` of `'cipher'`, `'peercert'`, `'ssl_object'`.
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
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The cipher suite by its standard name, such as `"TLS_AES_256_GCM_SHA384"`; asyncio's `cipher()`.
    pub fn cipher(&self) -> &str {
        &self.cipher
    }

    /// The protocol that was chosen by ALPN; asyncio's `selected_alpn_protocol()`.
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.alpn_protocol.as_deref()
    }

    /// The peer's certificate chain as DER, its own first; empty where it showed none. asyncio's
    /// `getpeercert(binary_form=True)`.
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        &self.peer_certificates
    }

    /// Which server the client asked for; `None` at a server whose client did not say.
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
