//! [`TlsError`]: what TLS can fail with.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::{AlertDescription, Error as Cause};

/// What TLS failed with; asyncio's `ssl.SSLError`. The payload of an [`io::Error`] of kind
/// [`InvalidData`](io::ErrorKind::InvalidData):
///
/// ```
/// # use heist_streams as heist;
/// # fn look(error: std::io::Error) {
/// use heist::tls::{TlsError, TlsErrorKind};
///
/// if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
///     println!("{error}, bad certificate: {}", error.kind() == TlsErrorKind::Certificate);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    kind: TlsErrorKind,
    message: String,
}

/// Which kind of failure a [`TlsError`] is.
///
/// ```
/// # use heist_streams as heist;
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
/// use heist::tls::{TlsError, TlsErrorKind};
///
/// let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
/// let trusts_other = TlsConnector::builder().root_pem(other).build()?;
/// let failed = open_connection(address).tls(trusts_other).server_hostname("localhost").await.unwrap_err();
/// let failed = failed.downcast::<TlsError>().unwrap();
/// assert_eq!(failed.kind(), TlsErrorKind::Certificate);
/// # server.close();
/// # Ok(())
/// # }) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The peer's certificate is not to be trusted; asyncio's `ssl.SSLCertVerificationError`.
    Certificate,
    /// The peer gave up, and said why.
    Refused,
    /// What came is no TLS.
    NotTls,
    /// Anything else: the ends have no version, cipher or protocol in common, or what came was changed on its way.
    Protocol,
}

impl TlsError {
    /// What failed, as an error of the stream. `subject` says at what.
    pub(super) fn into_io(subject: &str, cause: &Cause) -> io::Error {
        let kind = TlsErrorKind::of(cause);
        let message = format!("{subject}: {cause}{}", advice(cause));
        io::Error::new(io::ErrorKind::InvalidData, Self { kind, message })
    }

    /// Which kind of failure it is.
    ///
    /// ```
    /// # use heist_streams as heist;
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
    /// use heist::tls::{TlsError, TlsErrorKind};
    ///
    /// let failed = open_connection(address).tls(connector).server_hostname("example.org").await.unwrap_err();
    /// let failed = failed.downcast::<TlsError>().unwrap();
    /// assert_eq!(failed.kind(), TlsErrorKind::Certificate, "it is localhost's");
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }
}

impl TlsErrorKind {
    fn of(cause: &Cause) -> Self {
        match cause {
            Cause::InvalidCertificate(_) | Cause::NoCertificatesPresented => Self::Certificate,
            Cause::AlertReceived(_) => Self::Refused,
            Cause::InvalidMessage(_) => Self::NotTls,
            _ => Self::Protocol,
        }
    }
}

/// What to do about it, where something can be done.
fn advice(cause: &Cause) -> &'static str {
    use rustls::CertificateError as Bad;
    match cause {
        Cause::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            " - nobody trusted has signed the peer's certificate: give its authority by root_pem, or have the peer show its \
             whole chain"
        }
        Cause::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            " - the server is somebody else: check the host, or give its name by server_hostname"
        }
        Cause::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            " - the peer's certificate has run out: have it renewed, or check this machine's clock"
        }
        Cause::NoCertificatesPresented => " - the client has to show one: give it by identity_pem",
        Cause::InvalidMessage(_) => {
            " - the peer does not speak TLS here: check the port, and whether something else was to be read before"
        }
        Cause::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired,
        ) => " - the peer does not trust this end's certificate",
        Cause::AlertReceived(AlertDescription::CertificateRequired) => {
            " - the server wants a certificate: give one by identity_pem"
        }
        Cause::AlertReceived(AlertDescription::NoApplicationProtocol) | Cause::NoApplicationProtocol => {
            " - the ends have no protocol in common: check alpn at both"
        }
        _ => "",
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TlsError {}
