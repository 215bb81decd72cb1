//! Ten thousand connections of each kind that come and go leave no descriptor and no memory behind. In a file of its own, since
//! both counts are the whole process's.
#![cfg(all(target_os = "linux", not(heist_loom)))]

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use counting::live;
use heist_scheduler::{spawn, yield_now};
use heist_streams::net::{TcpListener, TcpStream};
use heist_streams::{
    Server, StreamReader, StreamWriter, open_connection, open_unix_connection, start_server,
    start_unix_server,
};
use support::{run_local, run_on};

const CONNECTIONS: usize = 10_000;
/// How long the last ones may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many are open at once.
const AT_ONCE: usize = 50;
/// What tables may keep for the next rush, which on a busy machine is a greater one than that before: some 40 bytes a
/// connection, less than anything that one would leave behind.
const SLACK: usize = 400 << 10;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs so many visits, some at once, until the other end has noticed that all are over.
async fn visits<V, Fut>(count: usize, visit: V, is_over: impl Fn() -> bool)
where
    V: Fn(usize) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for first in (0..count).step_by(AT_ONCE) {
        let visitors: Vec<_> = (first..count.min(first + AT_ONCE)).map(|i| spawn(visit(i))).collect();
        for visitor in visitors {
            visitor.await.unwrap();
        }
    }
    while !is_over() {
        yield_now().await;
    }
}

/// Waits until the clients that are still saying farewell have closed: then as many descriptors are open as before.
async fn settle(kind: &str, idle: usize) {
    let begun = Instant::now();
    while descriptors() != idle {
        assert!(begun.elapsed() < PATIENCE, "{kind}: {} descriptors, and not {idle}", descriptors());
        yield_now().await;
    }
}

/// Has connections come and go, `count` of them, after some that have all tables made.
async fn check<V, Fut>(kind: &str, count: usize, visit: V, is_over: impl Fn() -> bool)
where
    V: Fn(usize) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let idle = descriptors();
    visits(4 * AT_ONCE, &visit, &is_over).await;
    settle(kind, idle).await;
    let before = live();
    visits(count, &visit, &is_over).await;
    settle(kind, idle).await;
    let live = live();
    assert!(live < before + SLACK, "{kind}: {} bytes stay", live.saturating_sub(before));
}

/// A few words, and an end of one of four kinds.
async fn exchange(number: usize, mut reader: StreamReader, writer: StreamWriter) {
    writer.write(b"ping\n");
    assert_eq!(reader.readline().await.unwrap(), b"ping\n");
    match number % 4 {
        0 => {
            writer.close();
            writer.wait_closed().await.unwrap();
        }
        1 => writer.abort(),
        2 => drop(reader),
        _ => drop(writer),
    }
}

/// A handler: echoes, and ends in one of four ways.
async fn serve(mut reader: StreamReader, writer: StreamWriter) {
    let line = reader.readline().await.unwrap_or_default();
    writer.write(&line);
    match writer.peer_addr().map_or(0, |peer| peer.port()) % 4 {
        0 => {
            writer.close();
            // The peer may have cut it.
            let _ = writer.wait_closed().await;
        }
        1 => drop(reader),
        2 => {
            drop(writer);
            let _ = reader.read(1).await;
        }
        _ => {}
    }
}

async fn end(server: Server) {
    server.close();
    server.wait_closed().await;
}

async fn servers() {
    let server = start_server(serve, "127.0.0.1:0").await.unwrap();
    let address = server.sockets()[0].local_addr().unwrap();
    let visit = move |number| async move {
        let (reader, writer) = open_connection(address).await.unwrap();
        exchange(number, reader, writer).await;
    };
    check("start_server", CONNECTIONS, visit, || server.connections() == 0).await;
    end(server).await;

    let path = std::env::temp_dir().join(format!("heist-churn-{}", std::process::id()));
    let server = start_unix_server(serve, &path).await.unwrap();
    let visit = |number| {
        let path = path.clone();
        async move {
            let (reader, writer) = open_unix_connection(path).await.unwrap();
            exchange(number, reader, writer).await;
        }
    };
    check("start_unix_server", CONNECTIONS, visit, || server.connections() == 0).await;
    end(server).await;
}

/// Echoes what comes first.
async fn answer(mut stream: TcpStream) {
    let mut word = [0; 5];
    if stream.read_exact(&mut word).await.is_ok() {
        let _ = stream.write_all(&word).await;
    }
    SERVED.fetch_add(1, Ordering::Relaxed);
}

/// Connections of `answer` that are over, and those that were begun.
static SERVED: AtomicUsize = AtomicUsize::new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

async fn call(address: SocketAddr) {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"ping\n").await.unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"ping\n");
}

async fn sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(spawn(answer(stream)));
        }
    });
    let is_over = || SERVED.load(Ordering::Relaxed) == BEGUN.load(Ordering::Relaxed);
    check("TcpStream", CONNECTIONS, move |_| call(address), is_over).await;
    accepting.cancel();
    let _ = accepting.await;
}

#[cfg(feature = "tls")]
async fn protected() {
    use heist_streams::tls::{TlsAcceptor, TlsConnector};

    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    let acceptor = TlsAcceptor::from_pem(&certificate, key).unwrap();
    let connector = TlsConnector::builder().root_pem(&certificate).build().unwrap();
    let server = start_server(serve, "127.0.0.1:0").tls(acceptor).await.unwrap();
    let port = server.sockets()[0].local_addr().unwrap().port();
    let visit = move |number| {
        let connector = connector.clone();
        async move {
            let opening = open_connection(("127.0.0.1", port)).tls(connector).server_hostname("localhost");
            let (reader, writer) = opening.await.unwrap();
            exchange(number, reader, writer).await;
        }
    };
    // A handshake costs a thousand times as much as a connection.
    check("start_server with TLS", CONNECTIONS / 20, visit, || server.connections() == 0).await;
    end(server).await;
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    run_on(2, servers());
    run_local(sockets());
    #[cfg(feature = "tls")]
    run_on(2, protected());
}
