//! How a connection lives, from its first byte to its end.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::bounds::Http2ServerConnExec;
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::{http1, http2};
use ::hyper::service::HttpService as HyperService;
use heist_core::budget::poll_proceed;
use heist_core::services::{self, ExceptionContext};

use super::opening::{Opening, send_away};
use super::options::Choices;
use super::service::Visit;
use super::{BoxError, ConnectionInfo, HttpService};
use crate::hyper::{Executor, Timer};
use crate::{Event, StreamAddr, StreamPair, StreamReader, StreamWriter, timeout};

/// How often a silent peer of HTTP/2 is asked whether it is there, and how long it may take to answer.
const ASKED_EVERY: Duration = Duration::from_secs(30);
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// What is the same for all connections of a server.
pub(super) struct Plan {
    http1: http1::Builder,
    http2: http2::Builder<Executor>,
    opening: Duration,
    /// Set when no more requests are to be taken.
    pub(super) stopping: Arc<Event>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsAcceptor>,
}

/// Why a connection ended before its time, where that is the service's doing. What peers do is told of in debug mode only.
///
/// It is what the loop's exception handler hears of, behind the name of the peer.
///
/// ```
/// fn is_error<E: std::error::Error + Send + Sync + 'static>() {}
/// is_error::<heist::serve::ServeError>();
/// ```
#[derive(Debug)]
pub struct ServeError(::hyper::Error);

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match std::error::Error::source(&self.0) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Plan {
    pub(super) fn new(choices: &Choices) -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(Timer).header_read_timeout(choices.header_read).half_close(choices.half_close);
        http1.max_header_size(choices.header_size);
        let mut http2 = http2::Builder::new(Executor);
        http2.timer(Timer).keep_alive_interval(ASKED_EVERY).keep_alive_timeout(ANSWERED_WITHIN);
        http2.max_header_list_size(choices.header_size.try_into().unwrap_or(u32::MAX));
        Self {
            http1,
            http2,
            opening: choices.header_read,
            stopping: Arc::new(Event::new()),
            #[cfg(feature = "tls")]
            tls: choices.tls.clone(),
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve<S: HttpService>(
        &self,
        service: S,
        mut reader: StreamReader,
        writer: StreamWriter,
    ) -> Result<(), ServeError> {
        let peer = writer.peer_name();
        let opening = match timeout(self.opening, self.open(&mut reader, &writer)).await {
            Ok(Ok(Some(opening))) => opening,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return told_in_debug_mode(&peer, &error),
            Err(_) => {
                writer.abort();
                return told_in_debug_mode(&peer, &"it did not say what it wants in time");
            }
        };
        let visit = Visit { service, info: ConnectionInfo::of(&writer) };
        let streams = StreamPair::new(reader, writer);
        let ended = if opening == Opening::Http2 {
            self.drive(self.http2.serve_connection(streams, visit)).await
        } else {
            self.drive(self.http1.serve_connection(streams, visit).with_upgrades()).await
        };
        match ended {
            Ok(()) => Ok(()),
            Err(error) if error.is_user() => Err(ServeError(error)),
            Err(error) => told_in_debug_mode(&peer, &ServeError(error)),
        }
    }

    /// The TLS handshake, if there is to be one, and a look at the first bytes; `None` where there is nobody to serve.
    async fn open(&self, reader: &mut StreamReader, writer: &StreamWriter) -> io::Result<Option<Opening>> {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.tls {
            match self.unless_stopping(Opening::before_tls(reader)).await.transpose()? {
                None | Some(Opening::Nothing) => return Ok(None),
                Some(Opening::Http1) => {
                    let why = "this port speaks TLS: ask with https, not with http";
                    send_away(reader, writer, why).await;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "it spoke HTTP to a port of TLS"));
                }
                Some(_) => writer.start_tls(reader, acceptor.clone()).await?,
            }
        }
        match self.unless_stopping(Opening::of(reader)).await.transpose()? {
            None | Some(Opening::Nothing) => Ok(None),
            Some(Opening::Tls) => {
                send_away(reader, writer, "this port speaks plain HTTP: ask with http, not with https").await;
                Err(io::Error::new(io::ErrorKind::InvalidData, "it spoke TLS to a port of plain HTTP"))
            }
            Some(opening) => Ok(Some(opening)),
        }
    }

    /// Waits for `future`, but not longer than the server takes requests.
    async fn unless_stopping<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        let mut stopping = pin!(self.stopping.wait());
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => stopping.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Runs hyper's part to its end, and tells it when the server takes no more requests.
    async fn drive(&self, connection: impl Connection) -> Result<(), ::hyper::Error> {
        let mut connection = pin!(connection);
        let mut stopping = pin!(self.stopping.wait());
        let (mut waits, mut told) = (false, false);
        poll_fn(|cx| {
            if !waits {
                // Once is enough, since the task's waker stays the same: all connections share the lock behind it. But
                // without budget it would not be registered.
                let _proceed = ready!(poll_proceed(cx));
                waits = true;
                let _ = stopping.as_mut().poll(cx);
            }
            if !told && self.stopping.is_set() {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(cx)
        })
        .await
    }
}

/// What hyper's connections have in common.
trait Connection: Future<Output = Result<(), ::hyper::Error>> {
    /// Takes no more requests.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S, B> Connection for http1::UpgradeableConnection<I, S>
where
    S: HyperService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

impl<I, S, B, E> Connection for http2::Connection<I, S, E>
where
    S: HyperService<Incoming, ResBody = B>,
    S::Future: 'static,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
    E: Http2ServerConnExec<S::Future, B>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

/// Anybody can connect and say nonsense: that is no failure of the program's.
fn told_in_debug_mode(peer: &StreamAddr, what: &dyn fmt::Display) -> Result<(), ServeError> {
    if let Some(services) = services::current().filter(|services| services.is_debug()) {
        services.call_exception_handler(&ExceptionContext::new(format!(
            "the connection from {peer} ended before its time: {what}"
        )));
    }
    Ok(())
}
