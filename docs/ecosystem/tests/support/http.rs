//! HTTP for tests: by hand, byte for byte, and by hyper's client.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::net::SocketAddr;

use bytes::Bytes;
use heist::serve::HttpServer;
use heist::{StreamPair, create_task, open_connection};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};

/// What a client of hyper's sends.
pub type Body = Full<Bytes>;

/// Where a server is.
pub fn address(server: &HttpServer) -> SocketAddr {
    server.sockets()[0].local_addr().unwrap()
}

/// Sends `bytes` as they are, and gives all that comes until the peer ends the connection.
pub async fn say(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let (mut reader, writer) = open_connection(address).await.unwrap();
    writer.write(bytes.as_ref());
    // A reset comes after what there was to read.
    let mut said = Vec::new();
    while let Ok(bytes) = reader.read(1 << 16).await {
        if bytes.is_empty() {
            break;
        }
        said.extend(bytes);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Asks for `path` on a connection of its own, and gives status and body.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let said = say(address, request).await;
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {said:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A client of HTTP/1 over any streams.
pub async fn client1(streams: StreamPair) -> http1::SendRequest<Body> {
    let (client, connection) = http1::handshake(streams).await.unwrap();
    drop(create_task(async move { connection.await.map_err(drop) }));
    client
}

/// A client of HTTP/2 over any streams.
pub async fn client2(streams: StreamPair) -> http2::SendRequest<Body> {
    let mut builder = http2::Builder::new(heist::hyper::Executor);
    let (client, connection) = builder.timer(heist::hyper::Timer).handshake(streams).await.unwrap();
    drop(create_task(async move { connection.await.map_err(drop) }));
    client
}

/// A connection of plain TCP.
pub async fn connect(address: SocketAddr) -> StreamPair {
    open_connection(address).await.unwrap().into()
}

pub fn request(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    let method = if path.starts_with("/echo") { "POST" } else { "GET" };
    let uri = format!("http://test{path}");
    Request::builder().method(method).uri(uri).header("host", "test").body(Full::new(body.into())).unwrap()
}

/// Status and body.
pub async fn text(response: Response<hyper::body::Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
