//! Servers: asyncio's behaviours 306 to 311, by number, and clients of every kind.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heist_scheduler::{spawn, yield_now};
use heist_streams::net::TcpStream;
use heist_streams::{StreamReader, StreamWriter, open_connection, start_server};

use crate::support::{self, echo_server, is_pending, on_all, run_on};

async fn check_echo(address: std::net::SocketAddr) {
    let (mut reader, writer) = open_connection(address).await.unwrap();
    writer.write(b"ping");
    assert_eq!(reader.readexactly(4).await.unwrap(), b"ping");
    writer.close();
    writer.wait_closed().await.unwrap();
}

#[test]
fn handlers_of_every_kind() {
    async fn function(_reader: StreamReader, writer: StreamWriter) {
        writer.write(b"function");
    }
    on_all(|| async {
        let name = Arc::new(String::from("closure"));
        let shared = name.clone();
        let servers = [
            start_server(function, "127.0.0.1:0").await.unwrap(),
            start_server(
                move |_reader, writer: StreamWriter| {
                    let name = name.clone();
                    async move { writer.write(name.as_bytes()) }
                },
                "127.0.0.1:0",
            )
            .await
            .unwrap(),
            start_server(
                async move |_reader, writer: StreamWriter| {
                    writer.write(shared.as_bytes());
                    writer.drain().await
                },
                "127.0.0.1:0",
            )
            .await
            .unwrap(),
        ];
        for (server, expected) in servers.iter().zip(["function", "closure", "closure"]) {
            let address = server.sockets()[0].local_addr().unwrap();
            let (mut reader, _writer) = open_connection(address).await.unwrap();
            assert_eq!(reader.read_to_end().await.unwrap(), expected.as_bytes());
            server.close();
        }
        for server in servers {
            server.wait_closed().await;
        }
    });
}

/// A handler that fails or panics ends its own connection; the server goes on.
#[test]
fn b306_failing_handlers_do_not_end_the_server() {
    on_all(|| async {
        let handler = async |mut reader: StreamReader, writer: StreamWriter| {
            let line = reader.readline().await?;
            match &line[..] {
                b"fail\n" => Err(io::Error::other("asked to fail")),
                b"panic\n" => std::panic::resume_unwind(Box::new("asked to panic")),
                _ => {
                    writer.write(&line);
                    writer.drain().await
                }
            }
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        for (line, answer) in [("fail\n", ""), ("panic\n", ""), ("fine\n", "fine\n")] {
            let (mut reader, writer) = open_connection(address).await.unwrap();
            writer.write(line.as_bytes());
            assert_eq!(reader.read_to_end().await.unwrap(), answer.as_bytes());
        }
        assert!(server.is_serving());
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn b308_server_that_does_not_start_by_itself() {
    on_all(|| async {
        let server = start_server(support::echo, "127.0.0.1:0").start_serving(false).await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        assert!(!server.is_serving());
        assert_eq!(open_connection(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        server.start_serving().unwrap();
        server.start_serving().unwrap();
        assert!(server.is_serving());
        check_echo(address).await;
        server.close();
        server.wait_closed().await;
        // One that never starts can be closed, too.
        let server = start_server(support::echo, "127.0.0.1:0").start_serving(false).await.unwrap();
        server.close();
        server.wait_closed().await;
        assert!(server.start_serving().is_err());
    });
}

/// Dropping `serve_forever`, as cancelling its task does, closes the server.
#[test]
fn b309_serve_forever_closes_when_it_ends() {
    on_all(|| async {
        let server = start_server(support::echo, "127.0.0.1:0").start_serving(false).await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        let serving = spawn({
            let server = server.clone();
            async move { server.serve_forever().await }
        });
        while !server.is_serving() {
            yield_now().await;
        }
        check_echo(address).await;
        assert!(server.serve_forever().await.unwrap_err().to_string().contains("already"));
        assert!(server.is_serving(), "the second caller must not close it for the first");
        serving.cancel();
        assert!(serving.await.is_err());
        server.wait_closed().await;
        assert!(server.sockets().is_empty());
        assert!(!server.is_serving());
        assert!(server.serve_forever().await.unwrap_err().to_string().contains("closed"));
        assert_eq!(open_connection(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn close_ends_serve_forever() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        let serving = spawn({
            let server = server.clone();
            async move { server.serve_forever().await }
        });
        check_echo(address).await;
        server.close();
        serving.await.unwrap().unwrap();
        server.wait_closed().await;
    });
}

/// `wait_closed` waits while the server is open, and then for its connections; all who wait go on together.
#[test]
fn b310_b311_wait_closed_waits_for_connections() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        let (mut reader, writer) = open_connection(address).await.unwrap();
        writer.write(b"x");
        assert_eq!(reader.read(1).await.unwrap(), b"x");
        assert_eq!(server.connections(), 1);
        assert!(is_pending(server.wait_closed()).await, "open");
        server.close();
        assert!(server.sockets().is_empty());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                spawn(async move { server.wait_closed().await })
            })
            .collect();
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(waiting.iter().all(|task| !task.done()), "a connection is open");
        writer.write(b"y");
        assert_eq!(reader.read(1).await.unwrap(), b"y", "it goes on");
        writer.close();
        for task in waiting {
            task.await.unwrap();
        }
        server.wait_closed().await;
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn taken_port_is_named() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        let error = start_server(support::echo, address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(error.to_string().contains("choose another port"), "{error}");
        server.close();
        server.wait_closed().await;
        // Given back: the same port at once.
        let server = start_server(support::echo, address).await.unwrap();
        check_echo(address).await;
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn address_of_another_machine_is_named() {
    run_on(1, async {
        // TEST-NET-1: no machine has it.
        let error = start_server(support::echo, "192.0.2.1:0").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    });
}

#[test]
fn several_sockets_on_one_port() {
    run_on(2, async {
        let first = start_server(support::echo, "127.0.0.1:0").reuse_port(true).await.unwrap();
        let address = first.sockets()[0].local_addr().unwrap();
        let second = start_server(support::echo, address).reuse_port(true).backlog(5).await.unwrap();
        for _ in 0..20 {
            check_echo(address).await;
        }
        for server in [first, second] {
            server.close();
            server.wait_closed().await;
        }
    });
}

#[test]
fn all_interfaces() {
    on_all(|| async {
        let server = start_server(support::echo, (None::<&str>, 0)).await.unwrap();
        for socket in server.sockets() {
            let address = socket.local_addr().unwrap();
            assert!(address.ip().is_unspecified());
            check_echo(if address.is_ipv4() {
                ([127, 0, 0, 1], address.port()).into()
            } else {
                (std::net::Ipv6Addr::LOCALHOST, address.port()).into()
            })
            .await;
        }
        server.close();
        server.wait_closed().await;
    });
}

/// Clients that vanish in the middle, close one direction, or say nothing: each ends its own handler, and no other.
#[test]
fn clients_of_every_kind() {
    on_all(|| async {
        let ended = Arc::new(AtomicUsize::new(0));
        let counted = ended.clone();
        let handler = async move |reader: StreamReader, writer: StreamWriter| {
            // What a client does may fail the echo; here that is no failure of the handler.
            let _ = support::echo(reader, writer).await;
            counted.fetch_add(1, Ordering::AcqRel);
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        let mut expected = 0;
        for _ in 0..20 {
            // Says nothing and goes.
            drop(TcpStream::connect(address).await.unwrap());
            // Resets in the middle of an answer.
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&[1; 100_000]).await.unwrap();
            stream.set_linger(Some(Duration::ZERO)).unwrap();
            drop(stream);
            // Ends its direction and still wants the answer.
            let (mut reader, writer) = open_connection(address).await.unwrap();
            writer.write(b"half");
            writer.write_eof();
            assert_eq!(reader.read_to_end().await.unwrap(), b"half");
            expected += 3;
        }
        check_echo(address).await;
        server.close();
        server.wait_closed().await;
        while ended.load(Ordering::Acquire) < expected + 1 {
            yield_now().await;
        }
    });
}

/// The accepting task takes each connection that waits, also when it was closed before it was accepted.
#[test]
fn connections_that_came_and_went() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        // Without a turn for the server in between.
        for _ in 0..50 {
            drop(std::net::TcpStream::connect(address).unwrap());
        }
        check_echo(address).await;
        server.close();
        server.wait_closed().await;
    });
}

/// The peer of a handler that drops its writer hears of it while the reader goes on, in the handler or elsewhere.
#[test]
fn writer_that_is_dropped_by_its_handler_ends_its_direction() {
    on_all(|| async {
        let thanks = Arc::new(AtomicUsize::new(0));
        let counted = thanks.clone();
        let handler = move |mut reader: StreamReader, writer: StreamWriter| async move {
            writer.write(b"bye");
            let elsewhere = reader.readexactly(1).await? == b"e";
            drop(writer);
            let rest = async move {
                assert_eq!(reader.read_to_end().await.unwrap(), b"thanks");
                counted.fetch_add(1, Ordering::Release);
            };
            if elsewhere {
                drop(spawn(rest));
            } else {
                rest.await;
            }
            Ok::<_, heist_streams::ReadError>(())
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        for first in [b"h", b"e"] {
            let (mut reader, writer) = open_connection(address).await.unwrap();
            writer.write(first);
            assert_eq!(reader.read_to_end().await.unwrap(), b"bye");
            writer.write(b"thanks");
            writer.close();
            writer.wait_closed().await.unwrap();
        }
        while thanks.load(Ordering::Acquire) < 2 {
            yield_now().await;
        }
        server.close();
        server.wait_closed().await;
    });
}
