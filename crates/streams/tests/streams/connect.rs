//! Connecting, and plain sockets: what goes wrong, and what is said then.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heist_scheduler::spawn;
use heist_streams::net::{TcpListener, TcpStream};
use heist_streams::{ConnectError, open_connection, start_server};

use crate::support::{self, on_all, refusing, run_on};

#[test]
fn refused_connection_names_its_address() {
    on_all(|| async {
        let (address, _socket) = refusing();
        let error = open_connection(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        let connect = error.get_ref().unwrap().downcast_ref::<ConnectError>().unwrap();
        assert_eq!(connect.attempts().len(), 1);
        assert_eq!(connect.attempts()[0].0, address);
        assert!(connect.attempts()[0].1.raw_os_error().is_some());
    });
}

#[test]
fn every_address_is_tried_and_named() {
    on_all(|| async {
        let ((first, _socket), (second, _other)) = (refusing(), refusing());
        let error = open_connection(vec![first, second]).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&first.to_string()) && message.contains(&second.to_string()), "{message}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let third = listener.local_addr().unwrap();
        let (_reader, writer) = open_connection([first, third]).await.unwrap();
        assert_eq!(writer.peer_addr().unwrap(), third);
    });
}

#[test]
fn unknown_host_is_named() {
    on_all(|| async {
        // No label of a name is that long, so the look-up fails without asking anybody.
        let host = format!("{}.invalid", "x".repeat(64));
        let error = open_connection((host.as_str(), 80)).await.unwrap_err();
        assert!(error.to_string().contains(&host), "{error}");
        let error = TcpStream::connect((host.as_str(), 80)).await.unwrap_err();
        assert!(error.to_string().contains("look up"), "{error}");
        let error = start_server(async |_, _| {}, (host.as_str(), 0)).await.unwrap_err();
        assert!(error.to_string().contains(&host), "{error}");
    });
}

#[test]
fn what_is_no_address_says_how_to_write_one() {
    run_on(1, async {
        let error = open_connection("localhost").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("host:port"), "{error}");
        let error = TcpStream::connect(Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("no address"), "{error}");
    });
}

#[test]
fn names_of_this_machine_are_found() {
    on_all(|| async {
        let server = start_server(support::echo, ("localhost", 0)).await.unwrap();
        for socket in server.sockets() {
            let address = socket.local_addr().unwrap();
            assert!(address.ip().is_loopback() && address.port() != 0);
        }
        let port = server.sockets()[0].local_addr().unwrap().port();
        for address in [("localhost".to_string(), port), (String::new(), port)] {
            let (mut reader, writer) = open_connection(address).await.unwrap();
            writer.write(b"hello");
            assert_eq!(reader.readexactly(5).await.unwrap(), b"hello");
        }
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn connect_outside_a_loop_says_what_to_do() {
    for address in [("127.0.0.1", 1), ("localhost", 1)] {
        let mut future = pin!(TcpStream::connect(address));
        let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nobody would ever wake it")
        };
        // A refusal may come at once, before anything has to wait.
        let error = result.unwrap_err();
        assert!(
            error.to_string().contains("heist::run") || error.kind() == ErrorKind::ConnectionRefused,
            "{error}"
        );
    }
    let start = std::future::IntoFuture::into_future(start_server(async |_, _| {}, "127.0.0.1:0"));
    let mut start = pin!(start);
    let Poll::Ready(Err(error)) = start.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!()
    };
    assert!(error.to_string().contains("heist::run"), "{error}");
}

#[test]
fn streams_know_their_addresses() {
    on_all(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_reader, writer) = open_connection(address).local_addr("127.0.0.2:0").await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let local = writer.local_addr().unwrap();
        assert_eq!((peer, local.ip().to_string().as_str()), (local, "127.0.0.2"));
        assert_eq!((writer.peer_addr().unwrap(), stream.local_addr().unwrap()), (address, address));
        assert_eq!(stream.peer_addr().unwrap(), local);
    });
}

#[test]
fn plain_stream_in_all_its_shapes() {
    on_all(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            assert!(stream.nodelay().unwrap());
            stream.write_all(b"hello ").await.unwrap();
            let parts = [IoSlice::new(b"wor"), IoSlice::new(b"ld!")];
            assert_eq!(stream.write_vectored(&parts).await.unwrap(), 6);
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"great");
            let (mut reader, mut writer) = stream.into_split();
            writer.write_all(b"bye").await.unwrap();
            drop(writer);
            assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        let mut peeked = [0; 6];
        while stream.peek(&mut peeked).await.unwrap() < 6 {}
        assert_eq!(&peeked, b"hello ");
        let (mut a, mut b) = ([0; 5], [0; 7]);
        let mut got = 0;
        while got < 12 {
            let mut bufs =
                [IoSliceMut::new(&mut a[got.min(5)..]), IoSliceMut::new(&mut b[got.saturating_sub(5)..])];
            got += stream.read_vectored(&mut bufs).await.unwrap();
        }
        assert_eq!((&a, &b), (b"hello", b" world!"));
        stream.writable().await.unwrap();
        assert_eq!(stream.write(b"great").await.unwrap(), 5);
        let (mut reader, writer) = stream.into_split();
        let mut bye = [0; 8];
        assert_eq!(reader.read(&mut bye).await.unwrap(), 3);
        let mut stream = reader.reunite(writer).unwrap();
        assert_eq!(stream.read(&mut bye).await.unwrap(), 0, "its writing half was dropped");
        let error = stream.read_exact(&mut bye).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        client.await.unwrap();
    });
}

/// Several tasks accept on one listener; each connection goes to one of them.
#[test]
fn many_tasks_accept() {
    on_all(|| async {
        let listener = std::sync::Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let acceptors: Vec<_> = (0..8)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        let mut connected = Vec::new();
        for _ in 0..8 {
            connected.push(TcpStream::connect(address).await.unwrap());
        }
        let mut accepted = Vec::new();
        for acceptor in acceptors {
            accepted.push(acceptor.await.unwrap());
        }
        let mut locals: Vec<_> = connected.iter().map(|stream| stream.local_addr().unwrap()).collect();
        accepted.sort();
        locals.sort();
        assert_eq!(accepted, locals);
    });
}

#[test]
fn sockets_of_the_standard_library() {
    on_all(|| async {
        let listener = TcpListener::from_std(StdListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let std_stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut near = TcpStream::from_std(std_stream).unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(b"x").await.unwrap();
        far.read_exact(&mut [0]).await.unwrap();
        let far = far.into_std();
        far.set_nonblocking(false).unwrap();
        near.write_all(b"y").await.unwrap();
        std::io::Read::read_exact(&mut &far, &mut [0]).unwrap();
        drop(listener.into_std());
    });
}
