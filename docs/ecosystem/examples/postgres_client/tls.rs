//! TLS for tokio-postgres, by our own streams: the library asks the server whether it speaks TLS, then has us do the handshake
//! on the same connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use heist::StreamPair;
use heist::tls::TlsConnector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Does the handshake.
pub(crate) struct Protect {
    pub(crate) connector: TlsConnector,
    /// What the server's certificate must be for.
    pub(crate) name: String,
}

impl TlsConnect<StreamPair> for Protect {
    type Stream = Protected;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Protected>> + Send>>;

    fn connect(self, stream: StreamPair) -> Self::Future {
        Box::pin(async move {
            let (mut reader, writer) = stream.into_parts();
            writer.start_tls(&mut reader, self.connector).server_hostname(self.name).await?;
            Ok(Protected { stream: StreamPair::new(reader, writer) })
        })
    }
}

/// The protected connection: the same streams as before, in the library's own trait.
pub(crate) struct Protected {
    stream: StreamPair,
}

impl TlsStream for Protected {
    /// None: passwords are sent without it, protected by the certificate alone.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Protected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Protected {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
