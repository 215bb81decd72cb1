//! [`TlsConnector`]: what a client trusts, and who it is.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::pem::{self, Identity, refused, unusable};
use super::{protocols, provider};

/// What a client needs for TLS: which servers it trusts, and, where asked, who it is itself. asyncio's
/// `ssl.create_default_context()`. Clones are cheap, and share what is remembered of earlier connections: make one, and keep
/// it.
///
/// Servers are always verified, certificate and name. TLS 1.3 and 1.2 are spoken.
///
/// ```
/// # use heist_streams as heist;
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// use heist::tls::TlsConnector;
///
/// let connector = TlsConnector::builder().root_pem(&certificate).build()?;
/// assert!(TlsConnector::builder().root_pem("nobody").build().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlsConnector {
    pub(super) config: Arc<ClientConfig>,
}

impl TlsConnector {
    /// One that trusts what this machine trusts. Reads the system's certificates, so it blocks for some milliseconds.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # fn example() -> std::io::Result<()> {
    /// let connector = heist::tls::TlsConnector::new()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the machine trusts nobody, or its certificates cannot be read.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// One with choices of its own.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # fn example() -> std::io::Result<()> {
    /// use heist::tls::TlsConnector;
    ///
    /// let authority = std::fs::read("authority.pem")?;
    /// let connector = TlsConnector::builder().root_pem(authority).alpn(["h2", "http/1.1"]).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder::default()
    }
}

/// Whatever rustls can be told.
impl From<Arc<ClientConfig>> for TlsConnector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }
}

/// A [`TlsConnector`] about to be made.
///
/// ```
/// # use heist_streams as heist;
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// use heist::tls::TlsConnector;
///
/// let builder = TlsConnector::builder().root_pem(&certificate).identity_pem(&certificate, &key);
/// assert!(!format!("{builder:?}").contains("PRIVATE"), "keys are not shown");
/// let connector = builder.build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
#[must_use = "call `build`"]
pub struct TlsConnectorBuilder {
    roots: Vec<Vec<u8>>,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
    unverified: bool,
}

/// Keys are not shown.
impl fmt::Debug for TlsConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnectorBuilder")
            .field("roots", &self.roots.len())
            .field("has_identity", &self.identity.is_some())
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

impl TlsConnectorBuilder {
    /// Trusts the certificates of a PEM text, in place of those that the machine trusts; several texts add up. asyncio's
    /// `load_verify_locations`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsConnector;
    ///
    /// let authority = &certificate;
    /// TlsConnector::builder().root_pem(authority).build()?;
    /// assert!(TlsConnector::builder().root_pem("nobody").build().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.push(pem.as_ref().to_vec());
        self
    }

    /// Shows the server who this is: a certificate chain, this end's own first, and its key. asyncio's `load_cert_chain`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsConnector;
    ///
    /// let builder = TlsConnector::builder().root_pem(&certificate);
    /// builder.identity_pem(&certificate, &key).build()?;
    /// let builder = TlsConnector::builder().root_pem(&certificate);
    /// assert!(builder.identity_pem(&certificate, "no key").build().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn identity_pem(mut self, certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Identity::new(certificates.as_ref(), key.as_ref()));
        self
    }

    /// The protocols that may be spoken over the connection, the preferred one first. asyncio's `set_alpn_protocols`.
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
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let connector = TlsConnector::builder().root_pem(&certificate).alpn(["h2"]).build()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.alpn_protocol(), Some(&b"h2"[..]));
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn alpn<P: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols(names);
        self
    }

    /// Trusts whoever answers: anybody on the way can read and change what is sent. For tests. asyncio's `CERT_NONE`.
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
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let connector = TlsConnector::builder().dangerous_accept_any_certificate().build()?;
    /// let (mut reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn dangerous_accept_any_certificate(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// Makes the connector.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsConnector;
    ///
    /// TlsConnector::builder().root_pem(&certificate).build()?;
    /// let error = TlsConnector::builder().root_pem("nobody").build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for PEM text without a certificate or a key, for a key of another
    /// certificate, and for roots that would be ignored; where the machine's certificates are needed, as
    /// [`TlsConnector::new`].
    pub fn build(self) -> io::Result<TlsConnector> {
        let identity = self.identity.as_ref().map(Identity::parse).transpose()?;
        let verifier = self.verifier()?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable("no version of TLS can be spoken"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => builder
                .with_client_auth_cert(certificates, key)
                .map_err(unusable("the client's certificate and key cannot be used"))?,
        };
        config.alpn_protocols = self.alpn;
        Ok(TlsConnector { config: Arc::new(config) })
    }

    fn verifier(&self) -> io::Result<Arc<dyn ServerCertVerifier>> {
        let provider = provider();
        if self.unverified {
            if !self.roots.is_empty() {
                return Err(refused(
                    "root_pem has no use where any certificate is accepted: leave one of them out",
                ));
            }
            return Ok(Arc::new(Unverified(provider)));
        }
        if self.roots.is_empty() {
            let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
                io::Error::other(format!("the system's certificates cannot be used: {error}"))
            })?;
            return Ok(Arc::new(verifier));
        }
        let roots = Arc::new(pem::roots(&self.roots)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        verifier
            .map(|verifier| verifier as _)
            .map_err(|error| refused(&format!("the roots cannot be used: {error}")))
    }
}

/// Takes any certificate. That the peer has its key is still made sure of.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
