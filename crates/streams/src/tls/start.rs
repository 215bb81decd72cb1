//! [`StartTls`], and the handshake over a pair of streams.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::machine::{Failure, Machine};
use super::pem::refused;
use super::sides::sides;
use super::{Choices, Plan, TlsContext, TlsInfo};
use crate::transports::Claimed;
use crate::wire::{Input, Output};
use crate::writer::Loan;
use crate::{StreamReader, StreamWriter};

impl StreamWriter {
    /// Makes a TLS connection of this one, in the middle of a conversation; asyncio's `start_tls`. `reader` is the reader of
    /// the same connection. Await it, perhaps after setting options.
    ///
    /// All that was written before is sent first; what is written meanwhile is sent when the handshake is done. Bytes that wait
    /// in the reader are taken for the peer's TLS, never for something that came protected: read first what the conversation
    /// has before.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> std::io::Result<()> {
    /// use heist::{open_connection, tls::TlsConnector};
    ///
    /// let (mut reader, writer) = open_connection(("mail.example.org", 143)).await?;
    /// println!("{}", String::from_utf8_lossy(&reader.readline().await?));
    /// writer.write(b"a001 STARTTLS\r\n");
    /// println!("{}", String::from_utf8_lossy(&reader.readline().await?));
    /// writer.start_tls(&mut reader, TlsConnector::new()?).server_hostname("mail.example.org").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`TlsError`](super::TlsError) inside when the handshake fails; [`ConnectionReset`](ErrorKind::ConnectionReset) when
    /// the peer is gone before its end, [`ConnectionAborted`](ErrorKind::ConnectionAborted) when it takes too long or the
    /// writer is aborted. The connection is closed then. [`InvalidInput`](ErrorKind::InvalidInput) for streams of two
    /// connections, and for options that contradict one another: the connection goes on.
    ///
    /// # Cancel safety
    ///
    /// Once it has begun, dropping the future closes the connection.
    pub fn start_tls<'a>(
        &'a self,
        reader: &'a mut StreamReader,
        context: impl Into<TlsContext>,
    ) -> StartTls<'a> {
        StartTls::new(Ends::Streams(reader, self), context)
    }
}

/// TLS about to be started; see [`StreamWriter::start_tls`] and [`Transport::start_tls`](crate::transports::Transport::start_tls).
///
/// ```
/// # use std::time::Duration;
/// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
/// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
/// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
/// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
/// # let server = start_server(async move |mut reader: StreamReader, writer: StreamWriter| {
/// #     writer.start_tls(&mut reader, acceptor).await?;
/// #     writer.write(b"hello\n");
/// #     writer.drain().await
/// # }, "127.0.0.1:0").await?;
/// # let address = server.sockets()[0].local_addr()?;
/// let (mut reader, writer) = open_connection(address).await?;
/// let start = writer.start_tls(&mut reader, connector).server_hostname("localhost");
/// start.await?;
/// assert_eq!(reader.readline().await?, b"hello\n"[..]);
/// # server.close();
/// # Ok(())
/// # }) }
/// ```
#[must_use = "await it to start TLS"]
pub struct StartTls<'a> {
    ends: Ends<'a>,
    choices: Choices,
}

/// What TLS is to be put under.
pub(crate) enum Ends<'a> {
    Streams(&'a mut StreamReader, &'a StreamWriter),
    Transport(Claimed<'a>),
}

impl fmt::Debug for StartTls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTls").field("choices", &self.choices).finish_non_exhaustive()
    }
}

impl<'a> StartTls<'a> {
    pub(crate) fn new(ends: Ends<'a>, context: impl Into<TlsContext>) -> Self {
        Self { ends, choices: Choices { context: Some(context.into()), ..Choices::default() } }
    }

    /// The name that the server's certificate must be for; the end that connects must give it. asyncio's `server_hostname`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(async move |mut reader: StreamReader, writer: StreamWriter| {
    /// #     writer.start_tls(&mut reader, acceptor).await?;
    /// #     writer.write(b"hello\n");
    /// #     writer.drain().await
    /// # }, "127.0.0.1:0").await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (mut reader, writer) = open_connection(address).await?;
    /// writer.start_tls(&mut reader, connector).server_hostname("localhost").await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn server_hostname(mut self, name: impl Into<String>) -> Self {
        self.choices.server_hostname = Some(name.into());
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
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(async move |mut reader: StreamReader, writer: StreamWriter| {
    /// #     writer.start_tls(&mut reader, acceptor).await?;
    /// #     writer.write(b"hello\n");
    /// #     writer.drain().await
    /// # }, "127.0.0.1:0").await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (mut reader, writer) = open_connection(address).await?;
    /// let start = writer.start_tls(&mut reader, connector).server_hostname("localhost");
    /// start.ssl_handshake_timeout(Duration::from_secs(5)).await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_handshake_timeout(mut self, limit: Duration) -> Self {
        self.choices.handshake = Some(limit);
        self
    }

    /// How long closing may take, from [`close`](StreamWriter::close) on, before the connection is cut; 30 s when not set.
    /// asyncio's `ssl_shutdown_timeout`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use heist_streams::tls::{TlsAcceptor, TlsConnector};
    /// # use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    /// # let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    /// # let acceptor = TlsAcceptor::builder(&certificate, &key).build()?;
    /// # let connector = TlsConnector::builder().root_pem(&certificate).build()?;
    /// # let server = start_server(async move |mut reader: StreamReader, writer: StreamWriter| {
    /// #     writer.start_tls(&mut reader, acceptor).await?;
    /// #     writer.write(b"hello\n");
    /// #     writer.drain().await
    /// # }, "127.0.0.1:0").await?;
    /// # let address = server.sockets()[0].local_addr()?;
    /// let (mut reader, writer) = open_connection(address).await?;
    /// let start = writer.start_tls(&mut reader, connector).server_hostname("localhost");
    /// start.ssl_shutdown_timeout(Duration::from_secs(1)).await?;
    /// assert_eq!(reader.readline().await?, b"hello\n"[..]);
    /// writer.close();
    /// # server.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn ssl_shutdown_timeout(mut self, limit: Duration) -> Self {
        self.choices.shutdown = Some(limit);
        self
    }

    async fn start(self) -> io::Result<()> {
        let Some(plan) = self.choices.plan(None)? else { return Ok(()) };
        match self.ends {
            Ends::Streams(reader, writer) => plan.carry_out(reader, writer).await,
            Ends::Transport(claimed) => claimed.carry_out(&plan).await,
        }
    }
}

impl<'a> IntoFuture for StartTls<'a> {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

impl Plan {
    /// Puts TLS under streams that nobody else has.
    pub(crate) async fn protect(
        &self,
        mut reader: StreamReader,
        writer: StreamWriter,
    ) -> io::Result<(StreamReader, StreamWriter)> {
        self.carry_out(&mut reader, &writer).await?;
        Ok((reader, writer))
    }

    /// Puts TLS under a pair of streams.
    pub(crate) async fn carry_out(&self, reader: &mut StreamReader, writer: &StreamWriter) -> io::Result<()> {
        check_pair(reader, writer)?;
        let tls = self.connection()?;
        let (loan, output) = writer.lend().await?;
        let (input, unread) = reader.lend();
        let mut machine = Machine::new(tls, input, output, unread);
        if let Err(failure) = self.shake_hands(&mut machine, &loan).await {
            // The connection is gone before anybody hears of it.
            drop(machine);
            let error = self.explain(failure, writer);
            loan.fail(&error);
            return Err(error);
        }
        let info = TlsInfo::of(machine.connection(), self.server_name.as_deref());
        let (input, output) = sides(machine, writer.downgrade(), self.shutdown);
        reader.give_back(input);
        loan.give_back_protected(output, info);
        Ok(())
    }

    async fn shake_hands(&self, machine: &mut Machine, loan: &Loan<'_>) -> Result<(), Failure> {
        let shaking = poll_fn(|cx| match loan.poll_ended(cx) {
            Some(error) => Poll::Ready(Err(Failure::Stream(error))),
            None => machine.poll_handshake(cx),
        });
        heist_timer::timeout(self.handshake, shaking).await.unwrap_or_else(|_| Err(self.too_slow()))
    }

    fn too_slow(&self) -> Failure {
        let message = format!("not done within {:?}", self.handshake);
        Failure::Stream(io::Error::new(ErrorKind::ConnectionAborted, message))
    }

    /// The failure of a handshake, with whom it was tried.
    fn explain(&self, failure: Failure, writer: &StreamWriter) -> io::Error {
        let peer = self.server_name.as_deref().map_or_else(|| writer.peer_name().to_string(), str::to_owned);
        let subject = format!("the TLS handshake with {peer} failed");
        match failure {
            Failure::Stream(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    let message = format!("{subject}: the peer closed the connection");
                    io::Error::new(ErrorKind::ConnectionReset, message)
                }
                kind => io::Error::new(kind, format!("{subject}: {error}")),
            },
            failure => failure.into_io(&subject),
        }
    }
}

/// Refuses streams of two connections, as far as that can be seen.
fn check_pair(reader: &StreamReader, writer: &StreamWriter) -> io::Result<()> {
    let fits = writer.with_output(|output| match (reader.input(), output) {
        (Input::Socket(input), Output::Socket(output)) => input.is_pair_of(output),
        (Input::Other(_), Output::Other(_)) => true,
        _ => false,
    });
    match fits {
        Some(true) => reader.exception().map_or(Ok(()), Err),
        Some(false) => Err(refused("the reader and the writer are of two connections")),
        None => {
            Err(io::Error::new(ErrorKind::NotConnected, "TLS cannot be started: the connection is closed"))
        }
    }
}
