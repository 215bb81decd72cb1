//! Certificates for tests of TLS, made on the spot.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heist::tls::rustls::crypto::{CryptoProvider, ring};
use heist::tls::rustls::pki_types::pem::PemObject;
use heist::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use heist::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use heist::tls::{TlsAcceptor, TlsConnector};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

/// Somebody who signs certificates.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

/// A certificate and its key, as PEM text.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // No two have one name: the wrong one of two would be tried, and look like a forgery.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for these names.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.sign(Self::params(names))
    }

    /// One whose time is over.
    pub fn expired_identity(&self, names: &[&str]) -> Identity {
        let mut params = Self::params(names);
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        self.sign(params)
    }

    fn params(names: &[&str]) -> CertificateParams {
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A server that is `localhost` and `127.0.0.1`.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.identity(&["localhost", "127.0.0.1"]).acceptor()
    }

    /// A client that trusts this authority.
    pub fn connector(&self) -> TlsConnector {
        TlsConnector::builder().root_pem(self.pem()).build().unwrap()
    }
}

impl Authority {
    /// As `connector`, for a client on rustls alone.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config_with(ring::default_provider())
    }

    /// The same with other cryptography.
    pub fn config_with(&self, provider: CryptoProvider) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }
}

impl Identity {
    /// As `acceptor`, for a server on rustls alone, which sends nothing by itself after the handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = config.with_single_cert(vec![certificate], key).unwrap();
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from_pem(&self.certificate, &self.key).unwrap()
    }
}
