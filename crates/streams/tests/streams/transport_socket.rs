//! The socket below a writer: what may be asked and set, and that it keeps nothing open.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::time::Duration;

use heist_streams::net::KeepAlive;
use heist_streams::{TransportSocket, open_connection, open_connection_on, pipe};

use crate::support::on_all;

/// Every call that needs the socket.
fn fails_of_a_closed_one(socket: &TransportSocket) {
    let errors = [
        socket.fileno().unwrap_err(),
        socket.sock_name().unwrap_err(),
        socket.local_addr().unwrap_err(),
        socket.nodelay().unwrap_err(),
        socket.set_linger(None).unwrap_err(),
        socket.set_keepalive(None).unwrap_err(),
        socket.take_error().unwrap_err(),
        socket.try_clone().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert!(error.to_string().contains("closed"), "{error}");
    }
}

#[test]
fn options_and_names_are_those_of_the_connection() {
    on_all(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (_reader, writer) = open_connection(address).await.unwrap();
        let (peer, client) = listener.accept().unwrap();
        let socket = writer.socket().unwrap();
        assert_eq!((socket.local_addr().unwrap(), socket.peer_addr().unwrap()), (client, address));
        assert!(socket.nodelay().unwrap(), "asyncio's streams have Nagle's algorithm off");
        socket.set_nodelay(false).unwrap();
        // It is the same socket: another look sees what was set.
        assert!(!writer.socket().unwrap().nodelay().unwrap());
        socket.set_keepalive(Some(KeepAlive::new().time(Duration::from_secs(30)))).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.set_keepalive(None).unwrap();
        assert!(!socket.keepalive().unwrap());
        let before = socket.send_buffer_size().unwrap();
        socket.set_send_buffer_size(2 * before).unwrap();
        assert!(socket.send_buffer_size().unwrap() > before);
        assert!(socket.take_error().unwrap().is_none());
        assert!(format!("{socket:?}").contains(&address.to_string()));
        let duplicate = socket.try_clone().unwrap();
        assert_ne!(duplicate.as_raw_fd(), socket.fileno().unwrap());
        drop(peer);
    });
}

#[test]
fn it_keeps_no_connection_open() {
    on_all(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (reader, writer) = open_connection(address).await.unwrap();
        let mut peer = listener.accept().unwrap().0;
        let socket = writer.socket().unwrap();
        writer.write(b"last");
        writer.close();
        writer.wait_closed().await.unwrap();
        drop((reader, writer));
        let mut said = Vec::new();
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        peer.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"last");
        fails_of_a_closed_one(&socket);
        assert_eq!(socket.peer_addr().unwrap(), address, "which stays known");
    });
}

#[test]
fn unix_sockets_have_one_and_pipes_have_none() {
    on_all(|| async {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (mut reader, writer) = open_connection_on(ours).await.unwrap();
        let socket = writer.socket().unwrap();
        assert!(socket.sock_name().unwrap().is_unnamed() && socket.peer_name().is_unnamed());
        assert_eq!(socket.local_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        // The system has no such option for it, and the connection does not mind the question.
        socket.nodelay().unwrap_err();
        theirs.write_all(b"x").unwrap();
        assert_eq!(reader.read(1).await.unwrap(), b"x");
        let (_reading, writing) = pipe::pipe().unwrap();
        assert!(writing.socket().is_none());
    });
}
