//! Unix sockets: behaviours NET 255 to 257, and streams over them.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use heist::{
    Server, StreamReader, StreamWriter, open_connection_on, open_unix_connection, start_server_on,
    start_unix_server,
};

use crate::support::{Directory, on_each_flavour};

async fn echo(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    writer.write(&reader.readline().await?);
    writer.drain().await
}

async fn check_echo(path: &Path) {
    let (mut reader, writer) = open_unix_connection(path).await.unwrap();
    writer.write(b"a line\n");
    assert_eq!(reader.readline().await.unwrap(), b"a line\n");
    assert_eq!(writer.peer_name().as_pathname(), Some(path));
}

async fn end(server: Server) {
    server.close();
    server.wait_closed().await;
}

#[test]
fn b255_a_stale_socket_file_is_removed_and_other_files_are_not() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a listener leaves its file behind");
        let server = start_unix_server(echo, &path).await.unwrap();
        check_echo(&path).await;

        // One that is served is in use.
        let error = start_unix_server(echo, &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains("a server listens there"), "{error}");
        check_echo(&path).await;
        end(server).await;

        fs::write(&path, "mine").unwrap();
        let error = start_unix_server(echo, &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    });
}

#[test]
fn b256_the_file_goes_with_the_server_also_where_the_caller_bound_it() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        let server = start_unix_server(echo, &path).await.unwrap();
        assert_eq!(server.sockets()[0].name().as_pathname(), Some(&*path));
        assert_eq!(server.sockets()[0].local_addr().unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(path.exists());
        server.close();
        assert!(!path.exists(), "at once");
        server.wait_closed().await;

        let server = start_server_on(echo, UnixListener::bind(&path).unwrap()).await.unwrap();
        check_echo(&path).await;
        end(server).await;
        assert!(!path.exists());
    });
}

#[test]
fn b257_a_file_of_somebody_else_stays_and_ones_own_may() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        let replaced = start_unix_server(echo, &path).await.unwrap();
        // The old file is kept aside, so that its number is not given to the new one.
        fs::rename(&path, directory.file("aside")).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        end(replaced).await;
        assert!(path.exists(), "it is somebody else's");
        drop(other);
        fs::remove_file(&path).unwrap();

        let vanished = start_unix_server(echo, &path).await.unwrap();
        fs::remove_file(&path).unwrap();
        end(vanished).await;

        let kept = start_unix_server(echo, &path).cleanup_socket(false).await.unwrap();
        end(kept).await;
        assert!(path.exists());
    });
}

#[test]
#[cfg(target_os = "linux")]
fn abstract_names_have_no_file() {
    on_each_flavour(|| async {
        let name = format!("\0heist-{}-{:?}", std::process::id(), std::thread::current().id());
        let server = start_unix_server(echo, &name).await.unwrap();
        let (mut reader, writer) = open_unix_connection(&name).await.unwrap();
        writer.write(b"a line\n");
        assert_eq!(reader.readline().await.unwrap(), b"a line\n");
        assert!(writer.peer_name().as_pathname().is_none() && !writer.peer_name().is_unnamed());
        assert_eq!(start_unix_server(echo, &name).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        end(server).await;
        open_unix_connection(&name).await.unwrap_err();
    });
}

#[test]
fn what_goes_wrong_says_what_to_do() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        let error = open_unix_connection(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no such file"), "{error}");
        drop(UnixListener::bind(&path).unwrap());
        let error = open_unix_connection(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let long = directory.file(&"x".repeat(200));
        for error in [
            open_unix_connection(&long).await.map(drop).unwrap_err(),
            start_unix_server(echo, &long).await.map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains("108 bytes"), "{error}");
        }
        let error = start_unix_server(echo, directory.file("not/there")).await.unwrap_err();
        assert!(error.to_string().contains("make it first"), "{error}");
        let error = open_unix_connection(&path).family(heist::Family::V4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = start_unix_server(echo, &path).reuse_port(true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_full_backlog_is_waited_for() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        let server = start_unix_server(echo, &path).backlog(1).start_serving(false).await.unwrap();
        let refused = open_unix_connection(&path).timeout(Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "it does not listen yet");
        server.start_serving().unwrap();
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let path = path.clone();
                heist::create_task(async move { check_echo(&path).await })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        end(server).await;

        let full = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        full.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        full.listen(0).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        let error = open_unix_connection(&path).timeout(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_connected_pair_becomes_streams() {
    on_each_flavour(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut reader, writer) = open_connection_on(near).await.unwrap();
        let (far_reader, far_writer) = open_connection_on(far).await.unwrap();
        writer.write(b"a line\n");
        echo(far_reader, far_writer).await.unwrap();
        assert_eq!(reader.readline().await.unwrap(), b"a line\n");
        assert!(writer.peer_name().is_unnamed());
        assert_eq!(reader.read(1).await.unwrap(), b"");
    });
}

#[test]
fn the_task_of_an_unnamed_peer_is_named_after_the_socket() {
    on_each_flavour(|| async {
        let directory = Directory::new("unix");
        let path = directory.file("socket");
        let handler = async |_reader, writer: StreamWriter| {
            writer.write(heist::current_task().unwrap().name().as_bytes());
        };
        let server = start_unix_server(handler, &path).await.unwrap();
        let (mut reader, _writer) = open_unix_connection(&path).await.unwrap();
        let name = String::from_utf8(reader.read_to_end().await.unwrap()).unwrap();
        assert_eq!(name, format!("connection to {}", path.display()));
        end(server).await;
    });
}
