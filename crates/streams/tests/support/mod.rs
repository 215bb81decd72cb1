//! What several test files of streams need.
#![allow(dead_code, reason = "each test file uses its part")]

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use heist_streams::{Server, StreamReader, StreamWriter, net, start_server};
pub use heist_test_loop::{run_local, run_on};

/// Runs a test with one worker, with several, and on the current thread alone.
pub fn on_all<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for workers in [1, 2, 4] {
        run_on(workers, test());
    }
    run_local(test());
}

/// Whether a future is not ready at its first poll; it is dropped then.
pub async fn is_pending(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// An address of this machine where nobody listens, and nobody else will as long as the socket is there.
pub fn refusing() -> (SocketAddr, socket2::Socket) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

/// A server on a free port that sends back what it gets, and where it is.
pub async fn echo_server() -> (Server, SocketAddr) {
    let server = start_server(echo, "127.0.0.1:0").await.unwrap();
    let address = server.sockets()[0].local_addr().unwrap();
    (server, address)
}

/// Sends back what comes until it ends.
pub async fn echo(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    loop {
        let data = reader.read(64 << 10).await?;
        if data.is_empty() {
            writer.close();
            return writer.wait_closed().await;
        }
        writer.write(&data);
        writer.drain().await?;
    }
}

/// Two connected pairs of streams.
pub async fn pair() -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    pair_with(heist_streams::DEFAULT_LIMIT).await
}

/// Two connected pairs of streams, the first with a limit.
pub async fn pair_with(limit: usize) -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let near = heist_streams::open_connection(address).limit(limit).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far.into_streams())
}
