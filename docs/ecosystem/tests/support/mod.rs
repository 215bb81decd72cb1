//! What the tests of this package share: ends of connections, and servers that nobody here wrote, in processes of their
//! own.

#![allow(dead_code, unused_imports, reason = "each test file takes what it needs")]

#[path = "../../../../crates/heist/tests/support/certificates.rs"]
pub mod certificates;
#[path = "../../../../crates/heist/tests/support/mod.rs"]
mod facade;

pub mod daemon;
pub mod postgres;
pub mod program;
pub mod redis;

use std::future::{Future, IntoFuture};

pub use facade::*;
use heist::{StreamPair, net};

/// Runs a future on each flavour, with real time: peers outside the loop keep no other.
pub fn in_real_time<F: Future>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        builder.build().unwrap().run(test()).unwrap();
    });
}

/// Two ends of a TCP connection, as plain sockets.
pub async fn tcp() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// Two ends of a TCP connection, as pairs of streams.
pub async fn pairs() -> (StreamPair, StreamPair) {
    let (near, far) = tcp().await;
    (near.into_streams().into(), far.into_streams().into())
}

/// Two ends of a TLS connection, as pairs of streams.
pub async fn tls_pairs() -> (StreamPair, StreamPair) {
    let authority = certificates::Authority::new();
    let (near, far) = tcp().await;
    let (mut near, mut far) = (near.into_streams(), far.into_streams());
    let (connector, acceptor) = (authority.connector(), authority.acceptor());
    let (client, server) = heist::join!(
        near.1.start_tls(&mut near.0, connector).server_hostname("localhost").into_future(),
        far.1.start_tls(&mut far.0, acceptor).into_future(),
    )
    .await;
    client.unwrap();
    server.unwrap();
    (near.into(), far.into())
}
