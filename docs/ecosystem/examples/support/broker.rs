//! A connection to Redis, by the library redis over our own streams.
//!
//! The library can be given a stream; what it then has to know about a runtime is nothing, as long as it keeps no time: limits
//! are ours, by `heist::timeout` around a request.

use std::time::Duration;

use heist::Task;
use heist::net::TcpStream;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};

/// How long the server may take to accept and to greet us.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Reaching(std::io::Error),
    Greeting(RedisError),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reaching(error) => write!(f, "cannot reach Redis: {error}"),
            Self::Greeting(error) => write!(f, "Redis does not greet: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A connection that many tasks may clone and use at a time; their requests go out together.
pub(crate) struct Broker {
    pub(crate) connection: MultiplexedConnection,
    driver: Task<()>,
}

impl Broker {
    /// Connects to `HOST:PORT`.
    pub(crate) async fn connect(address: &str) -> Result<Self, ConnectError> {
        Self::connect_with(address, RedisConnectionInfo::default(), AsyncConnectionConfig::new()).await
    }

    /// As `connect`, with settings of the library.
    pub(crate) async fn connect_with(
        address: &str,
        info: RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<Self, ConnectError> {
        let limited = heist::timeout(PATIENCE, async {
            let stream = TcpStream::connect(address).await.map_err(ConnectError::Reaching)?;
            let config = config.set_response_timeout(None);
            let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
            let (connection, driver) = made.map_err(ConnectError::Greeting)?;
            Ok(Self { connection, driver: heist::create_task(driver) })
        });
        limited.await.unwrap_or_else(|error| Err(ConnectError::Reaching(error.into())))
    }

    /// Waits until the connection has ended, with the last clone of it.
    pub(crate) async fn close(self) {
        drop(self.connection);
        // It is cancelled only with the loop.
        let _ = self.driver.await;
    }
}
