//! [`Transport::start_tls`].

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::pin::Pin;
use std::time::Duration;

use super::Transport;
use super::lending::Borrower;
use crate::tls::{Choices, TlsContext, TlsInfo};

impl Transport {
    /// Makes a TLS connection of this one, in the middle of a conversation; asyncio's `loop.start_tls(transport, protocol,
    /// sslcontext)`. Await it, perhaps after setting options. The transport and its protocol stay the same: from then on what is
    /// written is protected, and the callbacks get what was.
    ///
    /// From the call on nothing is read, so the peer's TLS never comes as data, whenever the future is awaited; dropping the
    /// future unawaited takes that back. All that was written before is sent first; what is written meanwhile is sent when the
    /// handshake is done.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let acceptor = heist_streams::tls::TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let server = start_server(async move |mut reader: StreamReader, writer: StreamWriter| {
    /// #     writer.start_tls(&mut reader, acceptor).await?;
    /// #     assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// #     std::io::Result::Ok(())
    /// # }, "127.0.0.1:0").await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// use heist::tls::TlsConnector;
    /// use heist::transports::{Protocol, create_connection};
    ///
    /// struct Quiet;
    ///
    /// impl Protocol for Quiet {
    ///     fn data_received(&mut self, _data: &[u8]) {}
    /// }
    ///
    /// let (transport, _) = create_connection(|| Quiet, address).await?;
    /// let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// transport.start_tls(connector).server_hostname("localhost").await?;
    /// transport.write(b"hello\n");
    /// assert_eq!(transport.tls_info().unwrap().server_name(), Some("localhost"));
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`StreamWriter::start_tls`](crate::StreamWriter::start_tls); the connection is lost then, and the protocol told.
    /// [`NotConnected`](io::ErrorKind::NotConnected) where it was lost before, or where nothing is read from it, as from the
    /// writing end of a pipe; [`InvalidInput`](io::ErrorKind::InvalidInput) where TLS is being started already, which goes on.
    ///
    /// # Cancel safety
    ///
    /// Once it has begun, dropping the future ends the connection.
    pub fn start_tls(&self, context: impl Into<TlsContext>) -> StartTransportTls<'_> {
        let choices = Choices { context: Some(context.into()), ..Choices::default() };
        StartTransportTls { transport: self, borrower: Borrower::new(self), choices }
    }

    /// What the ends agreed on, where the connection runs over TLS; asyncio's `get_extra_info('ssl_object')`. Stays known
    /// after the connection has ended.
    ///
    /// ```no_run
    /// # fn example(transport: &heist_streams::transports::Transport) {
    /// if let Some(info) = transport.tls_info() {
    ///     println!("{} with {}", info.version(), info.cipher());
    /// }
    /// # }
    /// ```
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.writer().tls_info()
    }
}

/// TLS about to be started; see [`Transport::start_tls`]. Its options are those of
/// [`StartTls`](crate::tls::StartTls).
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example(transport: heist_streams::transports::Transport) -> std::io::Result<()> {
/// use std::time::Duration;
/// use heist::tls::TlsConnector;
/// use heist::transports::StartTransportTls;
///
/// let start: StartTransportTls<'_> = transport.start_tls(TlsConnector::new()?);
/// start.server_hostname("mail.example.org").ssl_handshake_timeout(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "await it to start TLS"]
pub struct StartTransportTls<'a> {
    transport: &'a Transport,
    /// `None` where the reader cannot be had.
    borrower: Option<Borrower<'a>>,
    choices: Choices,
}

impl fmt::Debug for StartTransportTls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTransportTls")
            .field("transport", self.transport)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}

impl StartTransportTls<'_> {
    /// The name that the server's certificate must be for; the end that connects must give it. asyncio's `server_hostname`.
    ///
    /// ```no_run
    /// # async fn example(transport: heist_streams::transports::Transport) -> std::io::Result<()> {
    /// # let connector = heist_streams::tls::TlsConnector::new()?;
    /// transport.start_tls(connector).server_hostname("mail.example.org").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn server_hostname(mut self, name: impl Into<String>) -> Self {
        self.choices.server_hostname = Some(name.into());
        self
    }

    /// How long the handshake may take; 60 s when not set. asyncio's `ssl_handshake_timeout`.
    ///
    /// ```no_run
    /// # async fn example(transport: heist_streams::transports::Transport) -> std::io::Result<()> {
    /// # let connector = heist_streams::tls::TlsConnector::new()?;
    /// let start = transport.start_tls(connector).server_hostname("mail.example.org");
    /// start.ssl_handshake_timeout(std::time::Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ssl_handshake_timeout(mut self, limit: Duration) -> Self {
        self.choices.handshake = Some(limit);
        self
    }

    /// How long closing may take before the connection is cut; 30 s when not set. asyncio's `ssl_shutdown_timeout`.
    ///
    /// ```no_run
    /// # async fn example(transport: heist_streams::transports::Transport) -> std::io::Result<()> {
    /// # let connector = heist_streams::tls::TlsConnector::new()?;
    /// let start = transport.start_tls(connector).server_hostname("mail.example.org");
    /// start.ssl_shutdown_timeout(std::time::Duration::from_secs(1)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ssl_shutdown_timeout(mut self, limit: Duration) -> Self {
        self.choices.shutdown = Some(limit);
        self
    }

    async fn start(self) -> io::Result<()> {
        let Some(plan) = self.choices.plan(None)? else { return Ok(()) };
        if self.transport.is_closing() {
            return Err(is_lost());
        }
        let Some(mut borrower) = self.borrower else {
            let message = "TLS cannot be started: it is being started already";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        poll_fn(|cx| borrower.poll_answer(cx)).await;
        let Some(reader) = borrower.reader() else { return Err(is_lost()) };
        plan.carry_out(reader, self.transport.writer()).await?;
        // A pause was for what came in the clear.
        self.transport.resume_reading();
        Ok(())
    }
}

fn is_lost() -> io::Error {
    let message = "TLS cannot be started: the connection is closing or lost, or nothing is read from it";
    io::Error::new(io::ErrorKind::NotConnected, message)
}

impl<'a> IntoFuture for StartTransportTls<'a> {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
