//! What was chosen with `.tls(..)` and its companions, and whether that makes sense.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};

use super::pem::{refused, unusable};
use super::{TlsAcceptor, TlsConnector, TlsContext};
use crate::address::Target;
use crate::connect::OpenConnection;
use crate::server::StartServer;

/// How long a handshake may take, when nothing else is said; asyncio's.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long closing may take, when nothing else is said; asyncio's.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// What was chosen about TLS, for a connection or a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub(crate) context: Option<TlsContext>,
    pub(crate) server_hostname: Option<String>,
    pub(crate) handshake: Option<Duration>,
    pub(crate) shutdown: Option<Duration>,
}

/// TLS that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    role: Role,
    /// Whom a client asks for.
    pub(super) server_name: Option<Arc<str>>,
    pub(super) handshake: Duration,
    pub(super) shutdown: Duration,
}

#[derive(Debug, Clone)]
enum Role {
    Client(TlsConnector, ServerName<'static>),
    Server(TlsAcceptor),
}

impl Choices {
    /// The plan, where TLS is wanted at all. `host` is the one that a client connects to, as far as there is one.
    pub(crate) fn plan(&self, host: Option<&str>) -> io::Result<Option<Plan>> {
        let Some(context) = &self.context else {
            return match self.first_option() {
                None => Ok(None),
                Some(name) => Err(refused(&format!(
                    "{name} is about TLS, and there is none: give tls, too, or leave it out"
                ))),
            };
        };
        let (role, server_name) = match context {
            TlsContext::Server(_) if self.server_hostname.is_some() => {
                return Err(refused(
                    "server_hostname is for the end that connects: leave it out where TlsAcceptor is given",
                ));
            }
            TlsContext::Server(acceptor) => (Role::Server(acceptor.clone()), None),
            TlsContext::Client(connector) => {
                let name = self.server_hostname.as_deref().or(host);
                let name = name.ok_or_else(|| {
                    refused(
                        "whom TLS is to be spoken with cannot be told from the address: give server_hostname",
                    )
                })?;
                (Role::Client(connector.clone(), parse(name)?), Some(name.into()))
            }
        };
        let (handshake, shutdown) = (self.handshake.unwrap_or(HANDSHAKE), self.shutdown.unwrap_or(SHUTDOWN));
        for (limit, name) in [(handshake, "ssl_handshake_timeout"), (shutdown, "ssl_shutdown_timeout")] {
            if limit.is_zero() {
                return Err(refused(&format!("{name} must be more than zero")));
            }
        }
        Ok(Some(Plan { role, server_name, handshake, shutdown }))
    }

    /// What was chosen, and has no use without TLS.
    fn first_option(&self) -> Option<&'static str> {
        [
            (self.server_hostname.is_some(), "server_hostname"),
            (self.handshake.is_some(), "ssl_handshake_timeout"),
            (self.shutdown.is_some(), "ssl_shutdown_timeout"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}

impl Plan {
    /// A connection at its beginning.
    pub(super) fn connection(&self) -> io::Result<Connection> {
        let connection = match &self.role {
            Role::Client(connector, name) => {
                ClientConnection::new(connector.config.clone(), name.clone()).map(Connection::Client)
            }
            Role::Server(acceptor) => ServerConnection::new(acceptor.config.clone()).map(Connection::Server),
        };
        connection.map_err(unusable("TLS cannot be begun with what was chosen"))
    }
}

fn parse(name: &str) -> io::Result<ServerName<'static>> {
    // As DNS has them, names may end with a dot; certificates have none.
    let name = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(name.to_owned()).map_err(|_| {
        refused(&format!(
            "{name:?} is no name that a certificate could have: give server_hostname a host's name or address"
        ))
    })
}

/// The host that an address is about, if it is about one.
pub(crate) fn host_of(target: &Target) -> Option<String> {
    match target {
        Target::Name(host, _) => Some(host.clone()),
        Target::Known(addresses) => {
            let (first, others) = addresses.split_first()?;
            let ip: IpAddr = first.ip();
            others.iter().all(|address| address.ip() == ip).then(|| ip.to_string())
        }
        Target::AnyHost(_) | Target::Several(_) => None,
    }
}

impl OpenConnection {
    /// Speaks TLS: awaiting it gives the streams once the handshake is done. asyncio's `ssl`.
    ///
    /// The server must show a good certificate for the host of the address, or for
    /// [`server_hostname`](Self::server_hostname).
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::{open_connection, tls::TlsConnector};
    ///
    /// let connector = TlsConnector::new()?;
    /// let (reader, writer) = open_connection(("example.org", 443)).tls(&connector).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting the connection fails with a [`TlsError`](super::TlsError) inside when the handshake fails; with
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) when the peer is gone before its end, and with
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) when it takes too long.
    pub fn tls(mut self, connector: impl Into<TlsConnector>) -> Self {
        self.tls.context = Some(TlsContext::Client(connector.into()));
        self
    }

    /// The name that the server's certificate must be for; the host of the address when not set. asyncio's
    /// `server_hostname`. An address without a host, such as a ready socket, needs it.
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
    /// let (mut reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn server_hostname(mut self, name: impl Into<String>) -> Self {
        self.tls.server_hostname = Some(name.into());
        self
    }

    /// How long the handshake may take; 60 s when not set. asyncio's `ssl_handshake_timeout`.
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
    /// let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let open = open_connection(silent.local_addr()?).tls(connector).server_hostname("localhost");
    /// let error = open.ssl_handshake_timeout(Duration::from_millis(10)).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_handshake_timeout(mut self, limit: Duration) -> Self {
        self.tls.handshake = Some(limit);
        self
    }

    /// How long closing may take, from [`close`](crate::StreamWriter::close) on, before the connection is cut; 30 s when not
    /// set. asyncio's `ssl_shutdown_timeout`.
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
    /// let open = open_connection(address).tls(connector).server_hostname("localhost");
    /// let (mut reader, writer) = open.ssl_shutdown_timeout(Duration::from_secs(1)).await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// writer.close();
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_shutdown_timeout(mut self, limit: Duration) -> Self {
        self.tls.shutdown = Some(limit);
        self
    }
}

impl<H> StartServer<H> {
    /// Speaks TLS with each connection: handlers begin when their handshake is done. asyncio's `ssl`.
    ///
    /// Handshakes run in the tasks of their connections, and hold nobody else up. One that fails ends its connection, and the
    /// loop's exception handler hears of it in debug mode alone, since anybody can make one fail.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::{StreamWriter, start_server, tls::TlsAcceptor};
    ///
    /// let acceptor = TlsAcceptor::from_pem(std::fs::read("server.pem")?, std::fs::read("server.key")?)?;
    /// let hello = async |_reader, writer: StreamWriter| writer.write(b"hello\n");
    /// let server = start_server(hello, "0.0.0.0:8443").tls(acceptor).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls(mut self, acceptor: impl Into<TlsAcceptor>) -> Self {
        self.tls.context = Some(TlsContext::Server(acceptor.into()));
        self
    }

    /// How long a handshake may take before the connection is cut; 60 s when not set. asyncio's `ssl_handshake_timeout`.
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
    /// let server = start_server(hello, "127.0.0.1:0").tls(acceptor).ssl_handshake_timeout(Duration::from_millis(10)).await?;
    /// let (mut silent, _writer) = open_connection(server.sockets()[0].local_addr()?).await?;
    /// assert!(silent.read(1).await.map_or(true, |data| data.is_empty()), "the server hangs up");
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_handshake_timeout(mut self, limit: Duration) -> Self {
        self.tls.handshake = Some(limit);
        self
    }

    /// How long closing a connection may take before it is cut; 30 s when not set. asyncio's `ssl_shutdown_timeout`.
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
    /// let server = start_server(hello, "127.0.0.1:0").tls(acceptor).ssl_shutdown_timeout(Duration::from_secs(1)).await?;
    /// let address = server.sockets()[0].local_addr()?;
    /// let (mut reader, writer) = open_connection(address).tls(&connector).server_hostname("localhost").await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_shutdown_timeout(mut self, limit: Duration) -> Self {
        self.tls.shutdown = Some(limit);
        self
    }
}
