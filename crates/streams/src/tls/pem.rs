//! Certificates and keys from PEM text: the `-----BEGIN ...-----` form.

use std::io;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and its key.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    pub(super) fn new(certificates: &[u8], key: &[u8]) -> Self {
        Self { certificates: certificates.to_vec(), key: key.to_vec() }
    }

    pub(super) fn parse(&self) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            refused(&format!(
                "no private key in the PEM text ({error}): it begins with `-----BEGIN PRIVATE KEY-----`"
            ))
        })?;
        Ok((certificates(&self.certificates)?, key))
    }
}

/// At least one certificate.
pub(super) fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            Err(refused("no certificate in the PEM text: one begins with `-----BEGIN CERTIFICATE-----`"))
        }
        Err(error) => Err(refused(&format!("cannot read the certificates of the PEM text: {error}"))),
    }
}

/// The authorities to be trusted.
pub(super) fn roots(pem: &[Vec<u8>]) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for text in pem {
        for certificate in certificates(text)? {
            store.add(certificate).map_err(|error| {
                refused(&format!("a certificate cannot be trusted as an authority: {error}"))
            })?;
        }
    }
    Ok(store)
}

/// Something given by the caller does not do.
pub(super) fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// As `refused`, where rustls says why.
pub(super) fn unusable(what: &str) -> impl Fn(rustls::Error) -> io::Error {
    move |error| refused(&format!("{what}: {error}"))
}
