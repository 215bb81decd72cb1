//! A connection of tokio-postgres: the client, the task that drives it, and what is needed to cancel a query.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use heist::tls::TlsConnector;
use heist::{StreamPair, Task};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Notification};

use super::tls::Protect;

/// How long the server may take to accept, and to hear that a query is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server listens.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A server, and who we are there.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) server: Server,
    pub(crate) config: Config,
    /// Speaks TLS, and takes nothing less, where there is one.
    pub(crate) tls: Option<TlsConnector>,
}

impl Target {
    async fn open(&self) -> io::Result<StreamPair> {
        let opening = async {
            Ok(match &self.server {
                Server::Tcp(host, port) => heist::open_connection((&**host, *port)).await?,
                Server::Unix(path) => heist::open_unix_connection(path).await?,
            })
        };
        heist::timeout(PATIENCE, opening).await?.map(StreamPair::from)
    }

    /// What does the handshake, where there is to be one.
    fn protect(&self) -> Option<Protect> {
        let name = match &self.server {
            Server::Tcp(host, _) => host.clone(),
            Server::Unix(_) => "localhost".to_owned(),
        };
        self.tls.clone().map(|connector| Protect { connector, name })
    }
}

/// A connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    target: Target,
    driver: Task<Result<(), Error>>,
}

impl Session {
    /// Connects. `told` gets each notification, from the task that drives the connection: it must not block.
    pub(crate) async fn open(
        target: Target,
        told: impl FnMut(Notification) + Send + 'static,
    ) -> Result<Self, Box<dyn StdError>> {
        let stream = target.open().await?;
        let mut config = target.config.clone();
        let (client, driver) = match target.protect() {
            Some(protect) => {
                config.ssl_mode(SslMode::Require);
                let (client, connection) = config.connect_raw(stream, protect).await?;
                (client, heist::create_task(drive(connection, told)))
            }
            None => {
                let (client, connection) = config.connect_raw(stream, NoTls).await?;
                (client, heist::create_task(drive(connection, told)))
            }
        };
        Ok(Self { client, target, driver })
    }

    /// Awaits a query of this connection. When the task is cancelled meanwhile, or the time around it is up, the server is told
    /// to give the query up, and the cancellation goes on after that. A query that is merely dropped goes on at the server.
    pub(crate) async fn cancellable<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match heist::catch_cancelled(query).await {
            Ok(result) => result,
            Err(cancelled) => {
                let told = heist::timeout(PATIENCE, self.cancel_query()).await;
                if let Err(error) = told.map_err(Into::into).and_then(|told| told) {
                    // The query may go on; who has cancelled us need not wait for it.
                    eprintln!("cannot cancel a query: {error}");
                }
                cancelled.resume().await
            }
        }
    }

    /// Has the server give up what this connection is running: it is told by a connection of its own.
    async fn cancel_query(&self) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let (token, stream) = (self.client.cancel_token(), self.target.open().await?);
        match self.target.protect() {
            Some(protect) => token.cancel_query_raw(stream, protect).await?,
            None => token.cancel_query_raw(stream, NoTls).await?,
        }
        Ok(())
    }

    /// Says goodbye, and waits until the connection has ended.
    pub(crate) async fn close(self) -> Result<(), Box<dyn StdError>> {
        // The driver ends with its client.
        drop(self.client);
        Ok(self.driver.await??)
    }
}

/// Drives a connection until its client is gone or the server ends it.
pub(crate) async fn drive<S, T>(
    mut connection: Connection<S, T>,
    mut told: impl FnMut(Notification),
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message? {
            told(notification);
        }
    }
    Ok(())
}
