//! [`Transport::start_tls`].

use std::future::poll_fn;
use std::io;

use super::Transport;
use super::lending::Borrower;
use crate::tls::{Ends, Plan, StartTls, TlsContext, TlsInfo};

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
    pub fn start_tls(&self, context: impl Into<TlsContext>) -> StartTls<'_> {
        let claimed = Claimed { transport: self, borrower: Borrower::new(self) };
        StartTls::new(Ends::Transport(claimed), context)
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

/// A transport under which TLS is to be put.
pub(crate) struct Claimed<'a> {
    transport: &'a Transport,
    /// `None` where the reader cannot be had.
    borrower: Option<Borrower<'a>>,
}

impl Claimed<'_> {
    /// Puts it there, once the connection's task has handed its reader over.
    pub(crate) async fn carry_out(self, plan: &Plan) -> io::Result<()> {
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
