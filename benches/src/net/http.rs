//! HTTP/1.1 by hyper on each peer: a short answer to a short request, on connections that are kept.

use std::convert::Infallible;
use std::io;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::peer::Peer;

/// What the client asks for.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// How each answer begins.
const BEGIN: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// How each answer ends.
const BODY: &[u8] = b"hello, world\n";

/// What the plain server answers: the headers of hyper's answer.
pub(crate) const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\
    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello, world\n";

/// Whether an answer of the right length is the right one.
pub(crate) fn is_answer(reply: &[u8]) -> bool {
    reply.starts_with(BEGIN) && reply.ends_with(BODY)
}

/// A peer whose connections hyper can take.
pub(crate) trait Hyper: Peer {
    /// The connection, with hyper's traits.
    fn connection(stream: Self::Stream) -> impl Read + Write + Unpin + Send + 'static;
}

/// Answers on a connection of the peer's until the client closes.
pub(crate) async fn serve<P: Hyper>(stream: P::Stream) -> io::Result<()> {
    answer(P::connection(stream)).await
}

/// Answers until the client closes.
pub(crate) async fn answer(connection: impl Read + Write + Unpin + Send + 'static) -> io::Result<()> {
    let hello = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY))))
    });
    http1::Builder::new().serve_connection(connection, hello).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_answer_is_one() {
        assert!(is_answer(PLAIN));
        assert!(!is_answer(b"HTTP/1.1 500 Internal Server Error\r\n\r\nhello, world\n"));
    }
}
