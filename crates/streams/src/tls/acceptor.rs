//! [`TlsAcceptor`]: who a server is, and which clients it trusts.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::pem::{self, Identity, refused, unusable};
use super::{protocols, provider};

/// What a server needs for TLS: its certificate, and, where asked, which clients it trusts. asyncio's
/// `ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)` with `load_cert_chain`. Clones are cheap.
///
/// TLS 1.3 and 1.2 are spoken.
///
/// ```
/// # use heist_streams as heist;
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// use heist::tls::TlsAcceptor;
///
/// let acceptor = TlsAcceptor::from_pem(&certificate, &key)?;
/// assert!(TlsAcceptor::from_pem(&certificate, "no key").is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlsAcceptor {
    pub(super) config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// Of a certificate chain, the server's own first, and its key, both as PEM text.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # fn example() -> std::io::Result<()> {
    /// use heist::tls::TlsAcceptor;
    ///
    /// let acceptor = TlsAcceptor::from_pem(std::fs::read("server.pem")?, std::fs::read("server.key")?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TlsAcceptorBuilder::build`].
    pub fn from_pem(certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> io::Result<Self> {
        Self::builder(certificates, key).build()
    }

    /// As [`from_pem`](Self::from_pem), with choices of its own.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # fn example(certificate: &str, key: &str, authority: &str) -> std::io::Result<()> {
    /// use heist::tls::TlsAcceptor;
    ///
    /// let acceptor = TlsAcceptor::builder(certificate, key).client_root_pem(authority).alpn(["h2"]).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> TlsAcceptorBuilder {
        TlsAcceptorBuilder {
            identity: Identity::new(certificates.as_ref(), key.as_ref()),
            client_roots: Vec::new(),
            optional: false,
            alpn: Vec::new(),
        }
    }
}

impl TlsAcceptor {
    /// This acceptor, with these protocols to be spoken over its connections where it names none; see
    /// [`TlsAcceptorBuilder::alpn`].
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsAcceptor;
    ///
    /// let acceptor = TlsAcceptor::from_pem(&certificate, &key)?.with_default_alpn(["h2", "http/1.1"]);
    /// # drop(acceptor);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn with_default_alpn<P: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        if self.config.alpn_protocols.is_empty() {
            Arc::make_mut(&mut self.config).alpn_protocols = protocols(names);
        }
        self
    }
}

/// Whatever rustls can be told.
impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }
}

/// A [`TlsAcceptor`] about to be made.
///
/// ```
/// # use heist_streams as heist;
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// use heist::tls::TlsAcceptor;
///
/// let builder = TlsAcceptor::builder(&certificate, &key);
/// assert!(!format!("{builder:?}").contains("PRIVATE"), "keys are not shown");
/// let acceptor = builder.build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "call `build`"]
pub struct TlsAcceptorBuilder {
    identity: Identity,
    client_roots: Vec<Vec<u8>>,
    optional: bool,
    alpn: Vec<Vec<u8>>,
}

/// Keys are not shown.
impl fmt::Debug for TlsAcceptorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptorBuilder")
            .field("client_roots", &self.client_roots.len())
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}

impl TlsAcceptorBuilder {
    /// Asks each client for a certificate, and takes those that an authority of this PEM text has signed; several texts add
    /// up. asyncio's `load_verify_locations` with `CERT_REQUIRED`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsAcceptor;
    ///
    /// let authority = &certificate;
    /// TlsAcceptor::builder(&certificate, &key).client_root_pem(authority).build()?;
    /// assert!(TlsAcceptor::builder(&certificate, &key).client_root_pem("nobody").build().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn client_root_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.client_roots.push(pem.as_ref().to_vec());
        self
    }

    /// Takes clients without a certificate, too; a certificate that is shown must still be a good one. asyncio's
    /// `CERT_OPTIONAL`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsAcceptor;
    ///
    /// let builder = TlsAcceptor::builder(&certificate, &key).client_certificate_optional();
    /// assert!(builder.build().is_err(), "who is to judge it?");
    /// let builder = TlsAcceptor::builder(&certificate, &key).client_certificate_optional();
    /// builder.client_root_pem(&certificate).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn client_certificate_optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The protocols that may be spoken over the connection, the preferred one first. A client that offers others only is
    /// refused. asyncio's `set_alpn_protocols`.
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
    /// let acceptor = TlsAcceptor::builder(&certificate, &key).alpn(["h2", "http/1.1"]).build()?;
    /// # let server = start_server(hello, "127.0.0.1:0").tls(acceptor).await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).alpn(["http/1.1", "h2"]).build()?;
    /// let (_reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// let info = writer.tls_info().unwrap();
    /// assert_eq!(info.alpn_protocol(), Some(&b"h2"[..]), "the server's choice");
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn alpn<P: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols(names);
        self
    }

    /// Makes the acceptor.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// use heist::tls::TlsAcceptor;
    ///
    /// TlsAcceptor::builder(&certificate, &key).build()?;
    /// let error = TlsAcceptor::builder("no certificate", &key).build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for PEM text without a certificate or a key, and for a key of another
    /// certificate.
    pub fn build(self) -> io::Result<TlsAcceptor> {
        let (certificates, key) = self.identity.parse()?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable("no version of TLS can be spoken"))?;
        let builder = match self.verifier()? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(unusable("the server's certificate and key cannot be used"))?;
        config.alpn_protocols = self.alpn;
        Ok(TlsAcceptor { config: Arc::new(config) })
    }

    fn verifier(&self) -> io::Result<Option<Arc<dyn ClientCertVerifier>>> {
        if self.client_roots.is_empty() {
            if self.optional {
                return Err(refused(
                    "a client's certificate cannot be judged without client_root_pem: give one",
                ));
            }
            return Ok(None);
        }
        let roots = Arc::new(pem::roots(&self.client_roots)?);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if self.optional {
            builder = builder.allow_unauthenticated();
        }
        match builder.build() {
            Ok(verifier) => Ok(Some(verifier)),
            Err(error) => Err(refused(&format!("the roots for clients cannot be used: {error}"))),
        }
    }
}
