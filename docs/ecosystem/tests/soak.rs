#![cfg(target_os = "linux")]
//! Good and bad clients at once, for a while: the server stays up, every answer is right, and memory and descriptors
//! stay flat. `HEIST_SOAK_SECONDS` says for how long; 2 s when not set.

#![allow(clippy::duplicate_mod, reason = "two whole programs, which share what reads their command lines")]

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/axum_api.rs"]
mod axum_api;
#[path = "support/http.rs"]
mod http;
mod support;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/websocket_echo/main.rs"]
mod websocket_echo;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use heist::serve::HttpServer;
use heist::tls::TlsConnector;
use heist::{StreamReader, StreamWriter, create_task, open_connection, sleep, timeout};
use http::{client1, client2, connect, request, text};
use hyper::StatusCode;
use support::certificates::Authority;
use tokio_tungstenite::tungstenite::Message;

/// Before a connection that is not what it should be is given up by the server.
const PATIENCE: Duration = Duration::from_millis(200);
/// Before a client that gets no answer gives the test up.
const LONG: Duration = Duration::from_secs(30);
/// Clients of each kind at a time.
const CLIENTS: usize = 4;
/// How much larger the process may be in the end, in bytes: arenas and stacks move by less than that, a leak of a
/// connection's buffers by more.
const GROWTH: usize = 8 << 20;

fn seconds() -> f64 {
    std::env::var("HEIST_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2.0)
}

/// Open descriptors, and resident memory in bytes.
fn usage() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (descriptors, kibibytes << 10)
}

/// A few requests of HTTP/1, then the end.
async fn good_http1(at: SocketAddr, seed: usize) {
    let mut client = client1(connect(at).await).await;
    for _ in 0..1 + seed % 5 {
        client.ready().await.unwrap();
        let (status, number) = text(client.send_request(post("/count")).await.unwrap()).await;
        assert!(status == StatusCode::OK && number.parse::<u64>().is_ok(), "{status} {number}");
    }
}

fn post(path: &str) -> hyper::Request<http::Body> {
    let mut request = request(path, "");
    *request.method_mut() = hyper::Method::POST;
    request
}

/// Many requests of HTTP/2 at once.
async fn good_http2(at: SocketAddr, seed: usize) {
    let client = client2(connect(at).await).await;
    let asked: Vec<_> = (0..1 + seed % 20)
        .map(|_| {
            let mut client = client.clone();
            create_task(async move { text(client.send_request(request("/things", "")).await.unwrap()).await })
        })
        .collect();
    for answered in asked {
        assert_eq!(answered.await.unwrap(), (StatusCode::OK, "[]".to_owned()));
    }
}

async fn good_websocket(at: SocketAddr, seed: usize) {
    let streams = connect(at).await;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{at}/echo"), streams).await.unwrap();
    for size in [0, 10, 1000, 70_000] {
        let message = Message::text("x".repeat(size + seed % 100));
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

/// Requests of HTTP/1 in TLS, each on a connection of its own.
async fn good_tls(at: SocketAddr, trusts: &TlsConnector) {
    let streams = open_connection(at).tls(trusts.clone()).server_hostname("localhost").await.unwrap();
    let mut client = client1(streams.into()).await;
    client.ready().await.unwrap();
    assert_eq!(text(client.send_request(request("/things", "")).await.unwrap()).await.0, StatusCode::OK);
}

/// Says the beginning of something, byte by byte and without end, until the server has had enough of it: the head of a request,
/// or the record with which TLS begins.
async fn slow(at: SocketAddr, beginning: &[u8]) {
    let Ok((mut reader, writer)) = open_connection(at).await else { return };
    for byte in beginning.iter().chain(std::iter::repeat(&b'x')) {
        writer.write(&[*byte]);
        match timeout(PATIENCE / 20, reader.read(1 << 10)).await {
            Ok(Ok(said)) if !said.is_empty() => {}
            Ok(_) => return,
            Err(_) => {}
        }
    }
}

/// Says something that it should not, and perhaps waits for what comes of it.
async fn bad(streams: io::Result<(StreamReader, StreamWriter)>, seed: usize) {
    let Ok((mut reader, writer)) = streams else { return };
    let websocket = "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let words: [Vec<u8>; 13] = [
        b"".into(),
        b"G".into(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".into(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".into(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).into(),
        format!("GET / HTTP/1.1\r\nx-large: {}\r\n\r\n", "x".repeat(100_000)).into(),
        b"POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nnot as much".into(),
        b"POST /things HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into(),
        [websocket.as_bytes(), b"\x81\x82\0\0\0\0\xff\xfe"].concat(),
        [websocket.as_bytes(), b"\x81\xfe\xff"].concat(),
        (0..5000).map(|i| (i * 31 + seed) as u8).collect(),
        b"GET / HTTP/1.1\r\nx-\xff\xfe: \xff\r\n\r\n".into(),
    ];
    writer.write(&words[seed % words.len()]);
    match seed / words.len() % 3 {
        // Gone at once, with what was sent perhaps unread.
        0 => writer.abort(),
        1 => drop(timeout(PATIENCE / 4, reader.read_to_end()).await),
        _ => {
            writer.write_eof();
            drop(timeout(PATIENCE / 4, reader.read_to_end()).await);
        }
    }
}

/// Where the two servers are, and what a client of the second one trusts.
#[derive(Clone)]
struct Servers {
    plain: SocketAddr,
    tls: SocketAddr,
    trusts: TlsConnector,
}

impl Servers {
    /// A client of one of the kinds, `0..KINDS`.
    async fn visit(&self, kind: usize, seed: usize) {
        let Self { plain, tls, trusts } = self.clone();
        match kind {
            0 => good_http1(plain, seed).await,
            1 => good_http2(plain, seed).await,
            2 => good_websocket(plain, seed).await,
            3 => good_tls(tls, &trusts).await,
            4 => bad(open_connection(plain).await, seed).await,
            5 => bad(open_connection(tls).await, seed).await,
            6 => bad(open_connection(tls).tls(trusts).server_hostname("localhost").await, seed).await,
            7 => slow(plain, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await,
            _ => slow(tls, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await,
        }
    }
}

/// Kinds of clients; the first of them are good ones.
const KINDS: usize = 9;
const GOOD_KINDS: usize = 4;

/// Has clients of a kind come and go until then, one after the other; how many were served.
async fn visits(servers: Servers, kind: usize, first: usize, until: Instant) -> usize {
    let mut served = 0;
    for seed in first.. {
        if Instant::now() >= until {
            break;
        }
        let begun = Instant::now();
        let servers = servers.clone();
        let visit = create_task(async move { servers.visit(kind, seed).await });
        match timeout(LONG, visit).await {
            Ok(Ok(())) => served += 1,
            // Whom the machine has kept waiting for so long is one of the slow ones, who are cut off.
            Ok(Err(_)) if begun.elapsed() >= PATIENCE => {}
            Ok(Err(error)) => panic!("client {kind}, {seed}: {error}"),
            Err(_) => panic!("client {kind}, {seed} hangs"),
        }
    }
    served
}

/// Has all kinds of clients come and go until then; how many there were.
async fn rush(servers: &Servers, until: Instant) -> usize {
    let start = |number: usize| {
        let kind = number % KINDS;
        (kind, create_task(visits(servers.clone(), kind, number / KINDS * 1000, until)))
    };
    let clients: Vec<_> = (0..CLIENTS * KINDS).map(start).collect();
    let mut served = [0; KINDS];
    for (kind, client) in clients {
        served[kind] += client.await.unwrap();
    }
    assert!(served[..GOOD_KINDS].iter().all(|&count| count > 0), "nobody was quick enough: {served:?}");
    served.iter().sum()
}

async fn ends_empty(server: &HttpServer) {
    let empty = async {
        while server.connections() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let left = timeout(LONG, empty).await;
    assert!(left.is_ok(), "{} connections never ended", server.connections());
}

#[test]
fn good_and_bad_clients_leave_nothing_behind() {
    let mut runner = heist::Runner::builder().workers(2).build().unwrap();
    runner
        .run(async {
            let router = || axum_api::router().merge(websocket_echo::router());
            let plain = heist::serve("127.0.0.1:0", router()).header_read_timeout(PATIENCE).await.unwrap();
            let authority = Authority::new();
            let tls = heist::serve("127.0.0.1:0", router()).tls(authority.acceptor());
            let tls = tls.header_read_timeout(PATIENCE).max_connections(32).await.unwrap();
            let (plain_at, tls_at) = (http::address(&plain), http::address(&tls));
            let servers = Servers { plain: plain_at, tls: tls_at, trusts: authority.connector() };
            let time = Duration::from_secs_f64(seconds());
            // A first part brings everything to its usual size.
            rush(&servers, Instant::now() + time / 4).await;
            ends_empty(&plain).await;
            ends_empty(&tls).await;
            let before = usage();
            let clients = rush(&servers, Instant::now() + time).await;
            ends_empty(&plain).await;
            ends_empty(&tls).await;
            let after = usage();
            println!(
                "{clients} clients; descriptors {} -> {}; memory {} -> {} KiB",
                before.0,
                after.0,
                before.1 >> 10,
                after.1 >> 10
            );
            assert_eq!(before.0, after.0, "descriptors");
            assert!(after.1 < before.1 + GROWTH, "memory grew from {} to {} bytes", before.1, after.1);
            assert_eq!(http::get(plain_at, "/things").await, (200, "[]".to_owned()));
            assert!(plain.shutdown(LONG).await.is_clean());
            assert!(tls.shutdown(LONG).await.is_clean());
        })
        .unwrap();
}
